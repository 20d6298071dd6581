"""Files below a root: nothing is read, written or deleted through a link, and a fifo keeps nobody waiting."""

import os

import pytest

from trainer.errors import ForeignFileError, StorageError
from trainer.system.files import make_directory, remove, write_bytes
from trainer.system.folders import is_there, plain_files, read_file

ACTIONS = {
    "read": lambda path, root: read_file(path, root),
    "look": lambda path, root: is_there(path, root),
    "write": lambda path, root: write_bytes(path, b"new", root=root),
    "delete": lambda path, root: remove(path, root),
}


@pytest.fixture
def outside(tmp_path):
    directory = tmp_path / "outside"
    directory.mkdir()
    (directory / "file").write_text("theirs")
    return directory


@pytest.fixture
def root(tmp_path):
    (tmp_path / "run/fold").mkdir(parents=True)
    return tmp_path / "run"


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("kind", ["link to a file", "link to nothing", "behind a link", "fifo", "folder"])
def test_nothing_but_a_plain_file_is_touched(root, outside, action, kind):
    path = root / "fold/file"
    if kind == "behind a link":
        (root / "fold").rmdir()
        (root / "fold").symlink_to(outside)
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to(outside / kind.removeprefix("link to a "))
    found = root / "fold" if kind == "behind a link" else path
    with pytest.raises(ForeignFileError, match=rf"{found} is a .*\n.*move it away"):
        ACTIONS[action](path, root)
    assert (outside / "file").read_text() == "theirs"
    assert [path.name for path in outside.iterdir()] == ["file"]
    assert os.path.lexists(path)


def test_a_folder_is_made_through_no_link(root, outside):
    (root / "plots").symlink_to(outside)
    for path in (root / "plots", root / "plots/deeper"):
        with pytest.raises(ForeignFileError, match=r"plots is a symbolic link to .*, where"):
            make_directory(path, root)
    assert [path.name for path in outside.iterdir()] == ["file"]
    make_directory(root / "a/b", root)
    assert (root / "a/b").is_dir()


def test_the_root_itself_may_be_reached_through_a_link(root, tmp_path):
    (tmp_path / "short").symlink_to(root)
    path = tmp_path / "short/fold/file"
    write_bytes(path, b"ours", root=tmp_path / "short")
    assert read_file(root / "fold/file", root) == b"ours"
    assert plain_files(tmp_path / "short/fold", tmp_path / "short") == ["file"]
    remove(path, tmp_path / "short")
    assert not is_there(path, tmp_path / "short")


def test_what_cannot_be_written_is_named_with_what_it_is(root):
    with pytest.raises(StorageError, match=r"cannot write the checkpoint to \S+n+: File name too long\nchoose"):
        write_bytes(root / ("n" * 300), b"", root=root, what="checkpoint")


def test_a_missing_folder_is_named_and_no_word_said_of_room(root):
    with pytest.raises(StorageError) as caught:
        write_bytes(root / "none/file", b"", what="checkpoint")
    assert str(caught.value) == f"cannot write to {root}/none/file: there is no directory {root}/none: make it first"
