"""Tables in blocks: a large file is read as what it is, like a small one."""

import csv

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from trainer.data.columns.options import ColumnOptions
from trainer.data.readers.contract import Wanted
from trainer.errors import DataError
from trainer.inference.table_blocks import open_blocks

FRAME = pd.DataFrame({"x": [f"{n / 7:.4f}" for n in range(30)], "kind": ["a", "b", "c"] * 10, "label": ["n", "y"] * 15})
CLASSES = '{"info": {"features": {"label": {"_type": "ClassLabel", "names": ["no", "yes"]}}}}'


def write_named_classes(path):
    table = pa.table({"x": [n / 7 for n in range(30)], "label": [0, 1, -1] * 10})
    pq.write_table(table.replace_schema_metadata({"huggingface": CLASSES}), path, row_group_size=11)


def typed(index=None):
    frame = FRAME.assign(x=FRAME["x"].astype(float))
    return frame if index is None else frame.set_index(index)


WRITERS = {  # name of the file -> how it is written, columns that are read, and of those the numbers
    "plain.csv": (lambda path: FRAME.to_csv(path, index=False), ["x", "kind", "label"]),
    "quoted.csv": (lambda path: FRAME.to_csv(path, index=False, quoting=csv.QUOTE_ALL), ["x", "label"]),
    "not_a_number_later.csv": (
        lambda path: FRAME.assign(x=[*FRAME["x"][:29], "25%"]).to_csv(path, index=False),
        ["x", "label"],
    ),
    "no_value.csv": (lambda path: FRAME.assign(x=["NA", "", *FRAME["x"][2:]]).to_csv(path, index=False), ["x", "kind"]),
    "numbered.csv": (lambda path: FRAME.to_csv(path), ["x", "kind"]),
    "pandas.parquet": (lambda path: typed(pd.Index(range(30, 0, -1))).to_parquet(path), ["x", "kind"]),
    "shuffled.parquet": (lambda path: typed().sample(frac=1, random_state=0).to_parquet(path), ["x", "kind"]),
    "named_range.parquet": (lambda path: typed(pd.RangeIndex(5, 65, 2, name="no")).to_parquet(path), ["no", "x"]),
    "named.parquet": (lambda path: typed(pd.Index(map(str, range(30)), name="no")).to_parquet(path), ["no", "x"]),
    "categories.parquet": (
        lambda path: typed().astype({"kind": "category"}).to_parquet(path, row_group_size=7),
        ["kind", "label"],
    ),
    "datasets.parquet": (write_named_classes, ["x", "label"]),
    "train.tsv": (lambda path: path.write_text("sentence\tlabel\n" + 'it "works\t1\n' * 30), ["sentence", "label"]),
    "dev.tsv": (lambda path: path.write_text('gj04\t1\t\tit "works\n' * 30), ["sentence", "label"]),
    "cnews.test.txt": (lambda path: path.write_text('体育\t比赛 "开始\n' * 30), ["text", "label"]),
    "plants.data": (lambda path: path.write_text("5.1,3.5,a\n" * 15 + "4.9,?,b\n" * 15), ["c1", "c2", "c3"]),
    "_classes.csv": (
        lambda path: path.write_text("filename, cat, dog\n" + "".join(f"{n}.png, 1, 0\n" for n in range(30))),
        ["file", "label"],
    ),
}


@pytest.fixture
def large(monkeypatch):
    """Files of any size count as large."""

    def patch():
        monkeypatch.setattr("trainer.inference.table_blocks.LEAST_BYTES", 1)
        monkeypatch.setattr("trainer.data.readers.csv_blocks.SMALL_BYTES", 120)  # of a block: a few rows

    return patch


def cells(opened, names):
    """Return the cells as text that a number has in whatever form, and how many blocks there were."""
    tables = [table.select(names).to_pydict() for table in opened.read()]
    rows = [row for table in tables for row in zip(*table.values(), strict=True)]
    return [[_plain(cell) for cell in row] for row in rows], tables


def _plain(cell):
    try:
        return float(cell)
    except (TypeError, ValueError):
        return None if cell in ("", "NA") else cell


@pytest.mark.parametrize("name", WRITERS)
def test_a_large_file_is_read_as_what_it_is(tmp_path, large, name):
    write, names = WRITERS[name]
    write(tmp_path / name)
    wanted = Wanted(frozenset(names), frozenset(["x"]), ("NA",))
    small = open_blocks(tmp_path / name, ColumnOptions(), wanted, 8)
    expected, blocks = cells(small, names)
    assert [len(block[names[0]]) for block in blocks] == [8, 8, 8, 6]
    large()
    streamed = open_blocks(tmp_path / name, ColumnOptions(), wanted, 8)
    found, blocks = cells(streamed, names)
    assert found == expected
    assert max(len(block[names[0]]) for block in blocks) <= 8
    is_whole = name in ("plants.data", "_classes.csv")
    assert (streamed.opened is not None) == is_whole
    assert cells(streamed, names)[0] == expected  # once more


def test_of_a_large_csv_file_it_is_known_about_how_many_rows_it_has(tmp_path, large):
    path = tmp_path / "a.csv"
    path.write_text("x,label\n" + "".join(f"{row},{row % 2}\n" for row in range(1000, 2000)))
    large()
    opened = open_blocks(path, ColumnOptions(), Wanted(frozenset(["x"])), 8)
    assert opened.n_rows is None
    assert opened.n_about == pytest.approx(1000, rel=0.1)


def test_rows_swallowed_by_a_quoted_cell_are_told_in_blocks_too(tmp_path, large):
    path = tmp_path / "a.csv"
    path.write_text("text,label\n" + "good,1\n" * 40 + '"bad,0\nbad,0\nbad",0\n' + "good,1\n" * 40)
    wanted = Wanted(frozenset(["text"]))
    with pytest.raises(DataError, match="a quoted cell of row 41 spans lines that look like rows"):
        open_blocks(path, ColumnOptions(), wanted, 8)
    large()
    with pytest.raises(DataError, match="a quoted cell of row 41 spans lines that look like rows"):
        list(open_blocks(path, ColumnOptions(), wanted, 8).read())


def test_a_number_of_no_class_is_named_by_its_row_in_the_file(tmp_path, large):
    write_named_classes(tmp_path / "a.parquet")
    table = pq.read_table(tmp_path / "a.parquet")
    codes = [0] * 20 + [7] + [1] * 9
    pq.write_table(table.set_column(1, "label", pa.array(codes)), tmp_path / "a.parquet")
    large()
    with pytest.raises(DataError, match="column 'label' has class 7 in row 21"):
        list(open_blocks(tmp_path / "a.parquet", ColumnOptions(), Wanted(frozenset(["label"])), 8).read())
