import os
import sys
from pathlib import Path

import pyarrow as pa
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
