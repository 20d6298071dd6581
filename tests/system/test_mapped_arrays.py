import errno
import os
from pathlib import Path

import numpy as np
import pytest

from trainer.errors import StorageError
from trainer.system import mapped_arrays
from trainer.system.mapped_arrays import ArrayFile, filled, give_way


@pytest.mark.parametrize(
    "values", [np.arange(12.0).reshape(4, 3), np.array([["one", "two"], ["", "fünf"]]), np.arange(4).astype(np.int32)]
)
def test_what_is_appended_comes_back(values, tmp_path):
    file = ArrayFile(tmp_path / "new")
    for row in values:
        file.append(row)
    np.testing.assert_array_equal(file.array(values.shape, values.dtype), values)


def test_an_array_outlives_its_file_and_leaves_nothing_behind(tmp_path):
    file = ArrayFile(tmp_path)
    file.append(np.arange(1000))
    array = file.array((10, 100), np.int64)
    del file
    assert list(tmp_path.iterdir()) == []
    assert array.sum() == 999 * 500
    array[0, 0] = 7  # writable, as torch wants it
    assert array[0, 0] == 7


def test_nothing_is_an_empty_array(tmp_path):
    assert ArrayFile(tmp_path).array((5, 0), np.float32).shape == (5, 0)


def test_rows_are_filled_in_alike_in_memory_and_in_a_file(tmp_path, monkeypatch):
    monkeypatch.setattr(mapped_arrays, "CHUNK_ROWS", 7)

    def fill(start, out):
        out[:] = np.arange(start, start + len(out))[:, None] * [1, 10]

    in_memory, mapped = (filled((20, 2), np.int64, fill, place) for place in (None, tmp_path))
    np.testing.assert_array_equal(in_memory, np.stack([np.arange(20), np.arange(20) * 10], axis=1))
    np.testing.assert_array_equal(mapped, in_memory)


def test_a_mapped_array_is_no_memory_of_the_process(tmp_path):
    """Its pages are those of the file, and the process lets go of them when it is told to."""

    def mib(kind):
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(f"{kind}:")) / 1024

    file = ArrayFile(tmp_path)
    for _ in range(64):
        file.append(np.zeros(1 << 20, dtype=np.uint8))
    anonymous, of_files = mib("RssAnon"), mib("RssFile") + mib("RssShmem")
    array = file.array((1 << 26,), np.uint8)
    assert array.sum() == 0
    assert mib("RssAnon") - anonymous < 8
    assert mib("RssFile") + mib("RssShmem") - of_files > 56
    give_way()
    assert mib("RssFile") + mib("RssShmem") - of_files < 8
    array[7] = 1
    give_way()
    assert array.sum() == 1  # what was written is not lost


def test_a_full_disk_is_an_error_that_says_what_to_do(tmp_path, monkeypatch):
    file = ArrayFile(tmp_path)

    def full(descriptor, data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(mapped_arrays.os, "write", full)
    with pytest.raises(StorageError, match=r"No space left on device.*set paths\.cache to a disk with more room"):
        file.append(np.zeros(3))


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        ArrayFile(tmp_path / "file" / "below")
