import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from trainer.data.columns.options import ColumnOptions
from trainer.data.readers.tables import open_table
from trainer.errors import DataError

ROWS = {"text": ["x", "y", "x"], "n": [1, 2, None], "words": [["a"], [], ["b", "c"]]}


def opened(path, **options):
    return open_table(path, ColumnOptions(**options))


def of_pandas(path):
    pd.DataFrame(ROWS).astype({"text": "category", "n": "Int64"}).to_feather(path)


def of_polars(path):
    pl.DataFrame(ROWS, schema_overrides={"text": pl.Categorical}).write_ipc(path, compression="zstd")


def stream_of_polars(path):
    pl.DataFrame(ROWS).write_ipc_stream(path)


def stream_of_arrow(path):
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, pa.table(ROWS).schema) as stream:
        stream.write_table(pa.table(ROWS), max_chunksize=2)


@pytest.mark.parametrize("ending", ["feather", "arrow"])
@pytest.mark.parametrize("write", [of_pandas, of_polars, stream_of_polars, stream_of_arrow])
def test_files_and_streams(tmp_path, write, ending):
    path = tmp_path / f"a.{ending}"
    write(path)
    rows = opened(path).rows
    assert rows.to_pydict() == ROWS
    assert rows.schema.field("text").type == pa.string()


def test_the_index_of_pandas_has_the_ids(tmp_path):
    pd.DataFrame({"x": [1, 2]}, pd.Index(["p", "q"], name="key")).to_feather(tmp_path / "a.feather")
    assert opened(tmp_path / "a.feather").known == {"id": "key"}


def test_damaged_files(tmp_path):
    of_pandas(tmp_path / "a.feather")
    content = (tmp_path / "a.feather").read_bytes()
    for name, payload in (
        ("cut.feather", content[:-200]),
        ("cut.arrow", b"\xff\xff\xff\xff\0"),
        ("no.ipc", b"\1\0" * 9),
    ):
        (tmp_path / name).write_bytes(payload)
        with pytest.raises(DataError, match=f"{name}: not a readable Arrow file"):
            opened(tmp_path / name)
    (tmp_path / "old.feather").write_bytes(b"FEA1" + b"\0" * 20)
    with pytest.raises(DataError, match="Feather of version 1"):
        opened(tmp_path / "old.feather")


def test_places_in_a_dictionary_that_there_are_not(tmp_path):
    wrong = pa.DictionaryArray.from_arrays(pa.array([0, 9], pa.int8()), pa.array(["a", "b"]), safe=False)

    table = pa.table({"x": wrong})
    with pa.ipc.new_file(tmp_path / "a.arrow", table.schema) as file:
        file.write_table(table)
    with pytest.raises(DataError, match="column 'x' is damaged"):
        opened(tmp_path / "a.arrow")
