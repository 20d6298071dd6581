import datetime as dt
from decimal import Decimal

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from pyarrow import parquet

from trainer.data.columns.options import ColumnOptions
from trainer.data.readers.tables import open_table
from trainer.errors import DataError


def opened(path, **options):
    return open_table(path, ColumnOptions(**options))


def test_what_polars_writes(tmp_path):
    pl.DataFrame(
        {
            "category": pl.Series(["x", "y", None], dtype=pl.Categorical),
            "enum": pl.Series(["u", "v", "u"], dtype=pl.Enum(["v", "u"])),
            "words": [["a"], ["b", "c"], []],
            "categories": pl.Series([["a"], ["b", "c"], None], dtype=pl.List(pl.Categorical)),
            "money": [Decimal("1.50")] * 3,
            "time": [dt.datetime(2020, 1, 2, 3)] * 3,
        }
    ).write_parquet(tmp_path / "a.parquet")
    rows = opened(tmp_path / "a.parquet").rows
    assert rows.drop_columns(["money", "time"]).to_pydict() == {
        "category": ["x", "y", None],
        "enum": ["u", "v", "u"],
        "words": [["a"], ["b", "c"], []],
        "categories": [["a"], ["b", "c"], None],
    }
    assert rows.schema.field("enum").type == pa.string()
    assert rows.schema.field("words").type.value_type == pa.string()
    assert rows["money"].to_pylist() == [Decimal("1.50")] * 3


def test_bytes_that_are_text_and_bytes_that_are_not(tmp_path):
    table = pa.table({"text": pa.array(["é".encode(), b"b"]), "bytes": pa.array([b"\xff", b"b"], pa.large_binary())})
    parquet.write_table(table, tmp_path / "a.parquet")
    rows = opened(tmp_path / "a.parquet").rows
    assert rows["text"].to_pylist() == ["é", "b"]
    assert pa.types.is_large_binary(rows.schema.field("bytes").type)


def test_text_that_is_not_utf_8_is_named(tmp_path):
    wrong = pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(b"\0\0\0\0\1\0\0\0"), pa.py_buffer(b"\xff")])
    parquet.write_table(pa.table({"x": wrong}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match="column 'x' is damaged"):
        opened(tmp_path / "a.parquet")


@pytest.mark.parametrize(
    ("index", "known", "columns"),
    [
        (pd.RangeIndex(3), {}, ["x", "label"]),
        (pd.Index([5, 6, 9]), {}, ["x", "label"]),
        (pd.RangeIndex(10, 40, 10, name="key"), {"id": "key"}, ["x", "label", "key"]),  # no column of the file
        (pd.Index(["p", "q", "r"], name="key"), {"id": "key"}, ["x", "label", "key"]),
        (pd.Index(["p", "q", "p"], name="key"), {}, ["x", "label", "key"]),
    ],
)
def test_the_index_of_pandas(tmp_path, index, known, columns):
    pd.DataFrame({"x": [1, 2, 3], "label": ["a", "b", "a"]}, index).to_parquet(tmp_path / "a.parquet")
    read = opened(tmp_path / "a.parquet")
    assert (read.known, read.rows.column_names) == (known, columns)
    if known:
        assert read.rows["key"].to_pylist() == list(index)
        assert read.complete(ColumnOptions()).id == "key"


def written(folder, **parts):
    for name, columns in parts.items():
        path = folder / f"{name.replace('__', '/')}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        parquet.write_table(pa.table(columns), path)
    return folder


def test_a_folder_of_parts_as_spark_and_dask_write_it(tmp_path):
    folder = written(tmp_path / "a.parquet", **{f"part-{n}": {"n": [n], "x": ["a"]} for n in (10, 2, 0)})
    (folder / "_SUCCESS").touch()
    (folder / ".part-0.parquet.crc").touch()
    (folder / "_metadata").touch()
    read = opened(folder)
    assert read.rows.to_pydict() == {"n": [0, 2, 10], "x": ["a", "a", "a"]}
    assert read.notes[0].startswith("3 parts of a folder")


def test_partitions_are_columns(tmp_path):
    frame = pd.DataFrame({"x": [1, 2, 3], "where": ["a b", "c/d", None], "year": [2020, 2020, 2021]})
    frame.to_parquet(tmp_path / "parts", partition_cols=["year", "where"], index=False)
    rows = opened(tmp_path / "parts").rows.sort_by("x").to_pydict()
    assert rows == {"x": [1, 2, 3], "year": ["2020", "2020", "2021"], "where": ["a b", "c/d", None]}


def test_parts_that_differ_are_named(tmp_path):
    folder = written(tmp_path / "a", a={"x": [1], "y": [1]}, b={"x": [1]})
    with pytest.raises(DataError, match=r"b\.parquet: no column 'y', which .*a\.parquet has:"):
        opened(folder)
    folder = written(tmp_path / "b", a={"x": [1]}, b={"x": [1], "y": [1]})
    with pytest.raises(DataError, match=r"b\.parquet: a column 'y', which .*a\.parquet has not:"):
        opened(folder)
    folder = written(tmp_path / "c", a={"y": [1], "x": [1]}, b={"x": ["w"], "y": [1.5]})
    with pytest.raises(DataError, match=r"b\.parquet: column 'x' is string, in the parts before .* it is int64"):
        opened(folder)
    folder = written(tmp_path / "d", a={"y": [1], "x": pa.nulls(1)}, b={"x": ["w"], "y": [1.5]})
    assert opened(folder).rows.to_pydict() == {"y": [1.0, 1.5], "x": [None, "w"]}


def test_folders_of_tables_with_versions_are_refused(tmp_path):
    folder = written(tmp_path / "a", **{"part-0": {"x": [1]}})
    (folder / "_delta_log").mkdir()
    with pytest.raises(DataError, match=r"a Delta Lake table.*keeps deleted rows"):
        opened(folder)
