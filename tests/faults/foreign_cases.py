"""What may stand in a run directory where Foldwise keeps a file or folder of its own."""

import contextlib
import hashlib
import os
import shutil
import socket
import subprocess
from contextlib import contextmanager
from pathlib import Path


def sentinel(directory: Path) -> Path:
    """A tree outside of every run, to which links lead: nothing in it may be changed, and nothing of it copied."""
    outside = directory / "outside"
    (outside / "folder").mkdir(parents=True)
    (outside / "file").write_text("SENTINEL of the file")
    for name in ("DONE", "step-00000004.pt", "notes.txt", "report.md", "oof.parquet.tmp.1-abcdef"):
        (outside / "folder" / name).write_text(f"SENTINEL of {name}")
    return outside


def fingerprint(directory: Path) -> dict[str, str]:
    """Everything below a directory: content of files, where links lead, what the others are."""
    found = {}
    for path in sorted(directory.rglob("*")):
        mode = path.lstat().st_mode
        content = path.readlink() if path.is_symlink() else path.read_bytes() if path.is_file() else b""
        found[str(path.relative_to(directory))] = f"{mode:o} {hashlib.sha256(bytes(str(content), 'utf-8')).hexdigest()}"
    return found


def mark_unread(directory: Path) -> list[Path]:
    """Set the time of the last reading of every file below a directory to long ago; return them.

    Linux notes a reading where the last one is longer ago than the last change (``relatime``).
    """
    there = [path for path in directory.rglob("*") if path.is_file()]
    for path in there:
        os.utime(path, ns=(0, path.stat().st_mtime_ns), follow_symlinks=False)
    return there


def read_since(there: list[Path]) -> list[Path]:
    """Return what has been read since it was marked."""
    return [path for path in there if path.lstat().st_atime_ns]


def clear(path: Path) -> None:
    """Delete a file or folder, itself and not what it leads to."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _moved_out(path: Path, outside: Path) -> None:
    """The thing itself, moved out of the run, and a link to it: all that is read would be right."""
    target = outside / f"moved-{path.name}"
    if path.exists():
        path.rename(target)
    else:
        target.write_text("SENTINEL")
    path.symlink_to(target)


def _link(path: Path, target: Path) -> None:
    clear(path)
    path.symlink_to(target)


def _fifo(path: Path, outside: Path) -> None:
    clear(path)
    os.mkfifo(path)


def _socket(path: Path, outside: Path) -> None:
    clear(path)
    with contextlib.chdir(path.parent), socket.socket(socket.AF_UNIX) as it:
        it.bind(path.name)  # an address of a socket is short


def _other_kind(path: Path, outside: Path) -> None:
    """A folder in place of a file, with a note of the user's in it; a file in place of a folder."""
    was_folder = path.is_dir()
    clear(path)
    if was_folder or path.name.startswith("fold_") or path.name == "plots":
        path.write_text("NOTES of the user's")
    else:
        path.mkdir()
        (path / "notes.txt").write_text("NOTES of the user's")


KINDS = {
    "link to itself elsewhere": _moved_out,
    "link to a file": lambda path, outside: _link(path, outside / "file"),
    "link to a folder": lambda path, outside: _link(path, outside / "folder"),
    "link to nothing": lambda path, outside: _link(path, outside / "nothing"),
    "fifo": _fifo,
    "socket": _socket,
    "folder for file, file for folder": _other_kind,
}
MISSING = "missing"


def can_freeze(directory: Path) -> bool:
    """Whether files can be made immutable here (Linux, as root, on such a file system)."""
    probe = directory / "probe"
    probe.touch()
    try:
        with immutable(probe):
            return True
    except (OSError, subprocess.CalledProcessError):
        return False
    finally:
        probe.unlink()


@contextmanager
def immutable(path: Path):
    """Let nobody, root included, change or replace a file or folder."""
    subprocess.run(["chattr", "+i", path], check=True, capture_output=True)
    try:
        yield
    finally:
        subprocess.run(["chattr", "-i", path], check=True)
