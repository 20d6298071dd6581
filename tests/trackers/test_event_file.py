"""Event files are TensorBoard's: its reader takes them, checks their sums and drops what was done again."""

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c

from trainer.errors import ForeignFileError
from trainer.trackers import event_file
from trainer.trackers.event_file import EventFile, crc32c, record
from trainer.trackers.summaries import points


def scalars(folder, tag="loss"):
    return [(point.step, point.value) for point in EventAccumulator(str(folder)).Reload().Scalars(tag)]


@pytest.mark.parametrize(
    ("data", "checksum"),  # RFC 3720, appendix B.4
    [(bytes(32), 0x8A9136AA), (b"\xff" * 32, 0x62A8AB43), (bytes(range(32)), 0x46DD794E), (b"123456789", 0xE3069283)],
)
def test_checksum_is_that_of_the_standard(data, checksum):
    assert crc32c(data) == checksum
    framed = record(data)
    assert int.from_bytes(framed[-4:], "little") == masked_crc32c(data)
    assert int.from_bytes(framed[8:12], "little") == masked_crc32c(framed[:8])
    assert (int.from_bytes(framed[:8], "little"), framed[12:-4]) == (len(data), data)


def test_what_was_told_is_in_the_file_at_once_and_what_is_done_again_once(tmp_path):
    killed = EventFile(tmp_path, tmp_path)
    for step in (1, 2, 3, 4):
        killed.add(points({"loss": float(step)}), step)
    assert scalars(tmp_path) == [(1, 1), (2, 2), (3, 3), (4, 4)]
    again = EventFile(tmp_path, tmp_path, purge_step=3)
    again.add(points({"loss": 30.0}), 3)
    assert scalars(tmp_path) == [(1, 1), (2, 2), (3, 30)]
    again.close()
    again.close()


def test_a_fold_that_goes_on_where_the_clock_is_behind_comes_after_what_is_there(tmp_path, monkeypatch):
    EventFile(tmp_path, tmp_path).add(points({"loss": 1.0}), 5)
    monkeypatch.setattr(event_file.time, "time", lambda: 1000.0)
    later = EventFile(tmp_path, tmp_path, purge_step=5)
    later.add(points({"loss": 2.0}), 5)
    assert scalars(tmp_path) == [(5, 2)]


def test_no_link_is_followed(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "fold_0").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ForeignFileError, match="fold_0 is a symbolic link to"):
        EventFile(tmp_path / "run" / "fold_0", tmp_path / "run")
    assert not list((tmp_path / "elsewhere").iterdir())
