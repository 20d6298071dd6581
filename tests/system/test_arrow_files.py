import os
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from trainer.system import arrow_files


@pytest.mark.parametrize("n_bytes", [0, 1, 100_000])
def test_a_copy_is_in_arrow_s_memory_and_holds_no_bytes_of_python_s(n_bytes: int) -> None:
    payload = os.urandom(n_bytes)
    holders, allocated = sys.getrefcount(payload), pa.total_allocated_bytes()
    stream = arrow_files.copied(payload)
    assert sys.getrefcount(payload) == holders
    assert pa.total_allocated_bytes() - allocated >= n_bytes
    assert stream.read() == payload


def test_a_file_is_opened_by_arrow(tmp_path: Path) -> None:
    (tmp_path / "评论").write_bytes(b"abc")
    with arrow_files.opened(tmp_path / "评论") as stream:
        assert isinstance(stream, pa.OSFile)
        assert stream.read() == b"abc"
    with pytest.raises(FileNotFoundError):
        arrow_files.opened(tmp_path / "none")


COLUMNS = {
    "words": np.array(["a", "", "\u8bc4\u8bba \U0001f600", " x "]),
    "no words": np.empty(0, dtype=np.str_),
    "many words": np.arange(arrow_files.FEW_WORDS + 1).astype(np.str_),
    "floats": np.array([0.1, np.nan, np.inf], dtype=np.float32),
    "doubles": np.arange(6.0).reshape(3, 2)[:, 1],
    "whole numbers": np.array([1, -(2**62)]),
    "truth values": np.array([True, False]),
    "none": np.empty(0, dtype=np.float32),
}


@pytest.mark.parametrize("values_N", COLUMNS.values(), ids=COLUMNS)
def test_a_column_is_the_one_that_arrow_makes_and_comes_back(values_N):
    column, by_arrow = arrow_files.as_column(values_N), pa.array(values_N)
    assert column.type == by_arrow.type
    assert column.to_pylist() == by_arrow.to_pylist() or values_N.dtype == np.float32
    read = arrow_files.as_words if values_N.dtype.kind == "U" else arrow_files.as_numpy
    for again in (column, pa.chunked_array([column[:2], column[2:]])):
        assert read(again).dtype.kind == values_N.dtype.kind
        np.testing.assert_array_equal(read(again), values_N)


def test_numbers_with_empty_cells_are_numpys_not_a_number():
    np.testing.assert_array_equal(arrow_files.as_numpy(pa.array([1, None])), [1.0, np.nan])


def test_parquet_is_read_as_arrow_reads_it():
    table = pa.table({"a": [1, 2], "b": ["x", None]}, metadata={"task": "binary"})
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    read = arrow_files.read_parquet(pa.BufferReader(sink.getvalue()))
    assert read.equals(pq.read_table(pa.BufferReader(sink.getvalue())), check_metadata=True)
