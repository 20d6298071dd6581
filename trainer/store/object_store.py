"""A copy of a run in an object store or another folder, by fsspec: whatever dies on the way, nothing of it is lost.

Files are kept under names that hold their sha256 and are never written over; which of them are the run is told by an
index that is written last. An upload that dies leaves the copy as it was before, and the next one sends what is
lacking. Every file is read back and compared with its sha256 when it is sent, and again when it is fetched.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from trainer.errors import CheckpointError, ConfigError, FoldwiseError, StorageError, did_you_mean, first_line_of
from trainer.store.own_files import (
    DONE,
    FILES_OF,
    LOCK,
    MARK,
    STOP,
    is_fold_file,
    is_fold_folder,
    is_run_file,
    require_own,
)
from trainer.store.run_files import is_run, read_manifest
from trainer.system.files import make_directory, write_bytes
from trainer.system.folders import plain_files, read_file
from trainer.system.paths import USER_OF_ADDRESS

INDEX = "foldwise-run.json"
MOST_INDEX_BYTES = 64 << 20
KEPT_HERE = (LOCK, STOP)  # of processes that train, on this machine


@dataclass(frozen=True)
class Sent:
    """What an upload did.

    Attributes:
        new: files that were sent.
        known: that were there already.
        bytes: sent.
    """

    new: int
    known: int
    bytes: int


@dataclass(frozen=True)
class _Index:
    """What a copy consists of: by path, sha256 and size."""

    fingerprint: str = ""
    files: dict[str, dict[str, Any]] = field(default_factory=dict)


class Store:
    """A place that fsspec reaches.

    Args:
        url: s3://bucket/prefix, file:///folder, memory://name, ...

    Raises:
        ConfigError: it is no address, holds a password, or needs a package that is not installed.
    """

    def __init__(self, url: str) -> None:
        import fsspec

        protocol = url.partition("://")[0] if "://" in url else ""
        if USER_OF_ADDRESS.search(url):
            raise ConfigError(
                f"{USER_OF_ADDRESS.sub('***', url)}: holds a user or password\n"
                "credentials come from the environment or the store's own files (AWS_ACCESS_KEY_ID, ~/.aws/credentials)"
            )
        if protocol not in fsspec.available_protocols():
            near = did_you_mean(protocol, ("s3", "gs", "az", "file", "memory", "sftp")) if protocol else ""
            raise ConfigError(f"{url}: give an address such as s3://bucket/runs/a1{near}")
        self.url = url.rstrip("/")
        options = {"auto_mkdir": True} if protocol in ("file", "local") else {}
        try:
            with self._answering():
                self.files, self.root = fsspec.core.url_to_fs(self.url, **options)
        except ImportError as error:
            extra = "pip install 'foldwise[s3]'" if protocol == "s3" else first_line_of(error)
            raise ConfigError(f"{url}: needs a package that is not installed: {extra}") from error

    def read(self, name: str) -> bytes | None:
        """Return a file; None where there is none.

        Raises:
            StorageError: the store does not answer, or refuses.
        """
        with self._answering():
            try:
                data: bytes = self.files.cat_file(f"{self.root}/{name}")
            except FileNotFoundError:
                return None
            return data

    def write(self, name: str, data: bytes) -> None:
        """Write a file and read it back.

        Raises:
            StorageError: it does not hold what was written.
        """
        with self._answering():
            self.files.pipe_file(f"{self.root}/{name}", data)
        if self.read(name) != data:
            raise StorageError(f"{self.url}/{name}: what is read back is not what was written")

    def delete(self, name: str) -> None:
        """Delete a file that no index names any more."""
        with self._answering():
            self.files.rm_file(f"{self.root}/{name}")

    @contextmanager
    def _answering(self) -> Iterator[None]:
        try:
            yield
        except (FoldwiseError, ImportError):
            raise
        except Exception as error:  # each store has kinds of its own
            said = USER_OF_ADDRESS.sub("***", first_line_of(error))
            kind = "no permission" if isinstance(error, PermissionError) else type(error).__name__
            raise StorageError(
                f"{self.url}: {kind}: {said}\nnothing of the run here is lost: try again later"
            ) from error


def push(run: Path, url: str, print_line: Callable[[str], None] = lambda _: None) -> Sent:
    """Send what a copy lacks of a run.

    Args:
        run: its directory; it may be in training.
        url: of the copy.
        print_line: told about each file of more than a hundred megabytes.

    Raises:
        CheckpointError: it is no run, or another run is there.
        ConfigError: the address cannot be used.
        StorageError: the store does not answer, refuses, or changes what is written.
    """
    require_own(run)
    if not is_run(run):
        raise CheckpointError(f"{run} is not a run directory: it has no {MARK}")
    store, fingerprint = Store(url), str(read_manifest(run)["identity"]["content"]["folds (fingerprint)"])
    before = _index(store)
    if before.files and before.fingerprint != fingerprint:
        raise CheckpointError(f"{store.url} holds another run: give a place of its own for {run}")
    files: dict[str, dict[str, Any]] = {}
    new = n_bytes = 0
    for name, data in _contents(run):
        files[name] = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
        if before.files.get(name) == files[name]:
            continue
        if len(data) > 100 << 20:
            print_line(f"sending {name} ({len(data) >> 20} MiB)")
        store.write(_place(name, files[name]), data)
        new, n_bytes = new + 1, n_bytes + len(data)
    if files != before.files:
        text = json.dumps({"fingerprint": fingerprint, "files": files}, indent=1, sort_keys=True)
        store.write(INDEX, text.encode())
        places = {_place(name, facts) for name, facts in files.items()}
        for old in {_place(name, facts) for name, facts in before.files.items()} - places:
            store.delete(old)
    return Sent(new, len(files) - new, n_bytes)


def pull(url: str, run: Path) -> int:
    """Fetch a copy of a run into a directory that is not there, or holds some of the same run; return how many files.

    A fold that is finished here is left as it is.

    Raises:
        CheckpointError: there is no copy, it is damaged, or another run is in the directory.
        ConfigError: the address cannot be used.
        StorageError: the store does not answer, or something cannot be written here.
    """
    require_own(run)
    store = Store(url)
    index = _index(store)
    if not index.files:
        raise CheckpointError(f"{store.url} holds no run that foldwise push has sent")
    if run.exists() and any(run.iterdir()) and not is_run(run):
        raise CheckpointError(f"{run} is there and holds no run: give a directory of its own")
    if is_run(run) and read_manifest(run)["identity"]["content"]["folds (fingerprint)"] != index.fingerprint:
        raise CheckpointError(f"{run} holds another run: give a directory of its own")
    make_directory(run)
    done = {folder.name for folder in run.iterdir() if _holds_own(folder) and DONE in plain_files(folder, run)}
    n_files = 0
    for name in sorted(index.files, key=_marks_last):
        path, facts = run / name, index.files[name]
        if path.parent.name in done or _is_same(path, run, facts):
            continue
        data = store.read(_place(name, facts))
        if data is None or hashlib.sha256(data).hexdigest() != facts["sha256"]:
            raise CheckpointError(f"{store.url}: {name} is {'missing' if data is None else 'damaged (sha256 differs)'}")
        make_directory(path.parent, run)
        write_bytes(path, data, root=run, what="file of the run")
        n_files += 1
    return n_files


def _is_same(path: Path, run: Path, facts: dict[str, Any]) -> bool:
    try:
        return hashlib.sha256(read_file(path, run)).hexdigest() == str(facts["sha256"])
    except OSError:
        return False


def _contents(run: Path) -> Iterator[tuple[str, bytes]]:
    """Yield path and content of a run's own files.

    Marks come before what they vouch for: a fold that is finished meanwhile is then there whole, or without its mark. A
    checkpoint that is replaced meanwhile is left out, with its mark.
    """
    folders = ["", *(folder.name for folder in sorted(run.iterdir()) if _holds_own(folder))]
    for folder in folders:
        names = [name for name in plain_files(run / folder, run) if _is_own(folder, name)]
        prefix = f"{folder}/" if folder else ""
        marks = {name: read_file(run / folder / name, run) for name in names if any(_marks_last(name))}
        for name in (name for name in names if name not in marks):
            try:
                yield prefix + name, read_file(run / folder / name, run)
            except FileNotFoundError:  # a checkpoint that was replaced by the next one
                marks.pop(f"{name.partition('.')[0]}.json", None)
        yield from ((prefix + name, data) for name, data in marks.items())


def _holds_own(folder: Path) -> bool:
    return (is_fold_folder(folder.name) or folder.name in FILES_OF) and folder.is_dir() and not folder.is_symlink()


def _is_own(folder: str, name: str) -> bool:
    if name in KEPT_HERE:
        return False
    if folder in FILES_OF:
        return FILES_OF[folder].fullmatch(name) is not None
    return is_fold_file(name) if folder else is_run_file(name)


def _marks_last(name: str) -> tuple[bool, bool, bool]:
    last = PurePosixPath(name).name
    return name == MARK, last == DONE, last.startswith("step-") and last.endswith(".json")


def _place(name: str, facts: dict[str, Any]) -> str:
    return f"{name}.{facts['sha256'][:32]}"


def _index(store: Store) -> _Index:
    """Read what a copy consists of; its names must be those of a run's own files.

    Raises:
        CheckpointError: it is damaged, or names other files.
    """
    data = store.read(INDEX)
    if data is None:
        return _Index()
    try:
        found = json.loads(data[:MOST_INDEX_BYTES])
        files = {
            str(name): {"sha256": str(facts["sha256"]), "bytes": int(facts["bytes"])}
            for name, facts in found["files"].items()
        }
        index = _Index(str(found["fingerprint"]), files)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{store.url}/{INDEX} is damaged: {type(error).__name__}") from error
    for name, facts in index.files.items():
        folder, _, last = name.rpartition("/")
        known = not folder or is_fold_folder(folder) or folder in FILES_OF
        if not (known and _is_own(folder, last) and re.fullmatch(r"[0-9a-f]{64}", facts["sha256"])):
            raise CheckpointError(f"{store.url}/{INDEX} names what no run has: {name!r}")
    return index
