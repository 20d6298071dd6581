import pyarrow as pa
import pytest
from pyarrow import parquet

from trainer.data.columns.options import ColumnOptions
from trainer.data.readers.lazy_table import LazyTable
from trainer.data.readers.tables import open_columns, open_table
from trainer.errors import ConfigError, DataError

OPTIONS = ColumnOptions()


def test_columns_are_read_when_they_are_asked_for():
    read = []

    def column(name):
        def cells():
            read.append(name)
            return pa.chunked_array([[name]])

        return cells

    table = LazyTable({name: column(name) for name in "abc"}, 1)
    assert (table.column_names, table.num_columns, table.num_rows) == (["a", "b", "c"], 3, 1)
    table = table.drop_columns(["b"]).append_column("d", pa.chunked_array([["new"]]))
    table = table.set_column(0, "a", pa.chunked_array([["other"]]))
    assert read == []
    assert [table[name].to_pylist() for name in table] == [["other"], ["c"], ["new"]]
    assert table.pop("c").to_pylist() == ["c"]
    assert table.column_names == ["a", "d"]
    assert read == ["c", "c"]


def pandas_index(file):
    frame = pytest.importorskip("pandas").DataFrame({"x": [1.5, 2.5, 3.5], "label": list("aba")})
    frame.index = [f"row {place}" for place in range(3)]
    frame.rename_axis("key").to_parquet(file)


def numbered_index(file):
    frame = pytest.importorskip("pandas").DataFrame({"x": [1.5, 2.5, 3.5], "label": list("aba")})
    frame.rename_axis("key").to_parquet(file)


def row_numbers(file):
    parquet.write_table(pa.table({"Unnamed: 0": [0, 1, 2], "x": [3, 1, 2], "label": list("aba")}), file)


def class_names(file):
    said = '{"info": {"features": {"y": {"_type": "ClassLabel", "names": ["no", "yes"]}}}}'
    table = pa.table({"x": [3, 1, 2], "y": [0, 1, -1]})
    parquet.write_table(table.replace_schema_metadata({"huggingface": said}), file)


def views_and_codes(file):
    words = pa.array(["a", "b", "a"])
    columns = {"a.b": words.dictionary_encode(), "a": pa.array([{"b": 1}] * 3), "v": words.cast(pa.string_view())}
    parquet.write_table(pa.table(columns), file)


def parts(folder):
    for year, place, widths in (("2024", 2, pa.int32()), ("2024", 10, pa.int64()), ("2025", 0, pa.int16())):
        (folder / f"year={year}").mkdir(parents=True, exist_ok=True)
        table = pa.table({"x": pa.array([place, 7], widths), "label": ["a", None]})
        parquet.write_table(table, folder / f"year={year}/part-{place}.parquet")


KINDS = [pandas_index, numbered_index, row_numbers, class_names, views_and_codes, parts]


@pytest.mark.parametrize("write", KINDS)
def test_a_file_opens_to_the_same_either_way(write, tmp_path):
    write(file := tmp_path / "table.parquet")
    whole, lazy = open_table(file, OPTIONS), open_columns(file, OPTIONS)
    assert lazy.rows.column_names == whole.rows.column_names
    for name in whole.rows.column_names:
        assert lazy.rows[name].type == whole.rows[name].type
        assert lazy.rows[name].to_pylist() == whole.rows[name].to_pylist()
    assert (lazy.notes, lazy.known, lazy.kind) == (whole.notes, whole.known, whole.kind)
    assert lazy.complete(OPTIONS) == whole.complete(OPTIONS)


def test_what_cannot_be_read_so_is_refused(tmp_path):
    (tmp_path / "table.csv").write_text("x,label\n1,a\n")
    with pytest.raises(ConfigError, match=r"in_memory=false reads Parquet.*table\.csv is another kind"):
        open_columns(tmp_path / "table.csv", OPTIONS)
    parquet.write_table(pa.table([[1], [2]], names=["x", "x"]), tmp_path / "twice.parquet")
    parquet.write_table(pa.table({"x": pa.array([], pa.int64())}), tmp_path / "empty.parquet")
    for name, message in (("twice", "duplicate column 'x'"), ("empty", "no rows, only the header")):
        with pytest.raises(DataError, match=message):
            open_columns(tmp_path / f"{name}.parquet", OPTIONS)
    (tmp_path / "unlike.parquet").mkdir()
    parquet.write_table(pa.table({"x": [1]}), tmp_path / "unlike.parquet/a.parquet")
    parquet.write_table(pa.table({"x": [1], "y": [2]}), tmp_path / "unlike.parquet/b.parquet")
    with pytest.raises(DataError, match=r"a column 'y', which .* has not: all parts need the same columns"):
        open_columns(tmp_path / "unlike.parquet", OPTIONS)
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 and nothing else")
    with pytest.raises(DataError, match="not a readable Parquet file"):
        open_columns(tmp_path / "broken.parquet", OPTIONS)
