"""A copy of a run in an object store or another folder, by fsspec: whatever dies on the way, nothing of it is lost.

Files are kept under names that hold their sha256 and are never written over; which of them are the run is told by an
index in each folder that is written last. An upload that dies leaves the folder's copy as it was before, and the next
one sends what is lacking. Every file is read back and compared with its sha256 when it is sent, and again when it is
fetched. As each fold has an index of its own, machines that train different folds of a run can send to one copy.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from trainer.errors import CheckpointError, StorageError
from trainer.store.copied_files import (
    INDEX,
    OBJECT,
    Facts,
    Index,
    contents,
    folders_of,
    holds_copied,
    is_copied,
    marks_last,
    place_of,
    read_index,
    within,
)
from trainer.store.own_files import DONE, FILES_OF, MARK, RESULT, is_fold_folder, require_own
from trainer.store.remote import Store, sha256_of
from trainer.store.run_files import is_run, read_manifest
from trainer.system.files import make_directory, write_bytes
from trainer.system.folders import opened_file, plain_files

TRIES = 3  # of a folder from which files are taken away meanwhile


@dataclass(frozen=True)
class Sent:
    """What an upload did.

    Attributes:
        new: files that were sent.
        known: that were there already.
        bytes: sent.
    """

    new: int = 0
    known: int = 0
    bytes: int = 0

    def __add__(self, other: "Sent") -> "Sent":
        return Sent(self.new + other.new, self.known + other.known, self.bytes + other.bytes)


def push(run: Path, url: str, print_line: Callable[[str], None] = lambda _: None) -> Sent:
    """Send what a copy lacks of a run; folds that are there and not here stay as they are.

    Args:
        run: its directory; it may be in training.
        url: of the copy.
        print_line: told about each file of more than a hundred megabytes.

    Raises:
        CheckpointError: it is no run, or another run is there.
        ConfigError: the address cannot be used.
        StorageError: the store does not answer, refuses, or changes what is written.
    """
    store, fingerprint = Store(url), fingerprint_of(run)
    return sum((push_folder(store, run, folder, fingerprint, print_line) for folder in folders_of(run)), Sent())


def fingerprint_of(run: Path) -> str:
    """Return what tells a run from others with the same name: the fingerprint of its folds.

    Raises:
        CheckpointError: it is no run.
        ForeignFileError: something else stands under a name of a run's own files.
    """
    require_own(run)
    if not is_run(run):
        raise CheckpointError(f"{run} is not a run directory: it has no {MARK}")
    return str(read_manifest(run)["identity"]["content"]["folds (fingerprint)"])


def push_folder(
    store: Store,
    run: Path,
    folder: str,
    fingerprint: str,
    print_line: Callable[[str], None] = lambda _: None,
    *,
    keep_before: bool = False,
) -> Sent:
    """Send what the copy of a folder lacks; what is finished there, and not here, stays as it is.

    Args:
        store: the copy.
        run: directory of the run.
        folder: name of the folder; "" = the run's own files.
        fingerprint: of the run.
        print_line: told about each file of more than a hundred megabytes.
        keep_before: leave what the copy consisted of before, for who is reading it.

    Raises:
        CheckpointError: another run is there.
        StorageError: the store does not answer, refuses, or changes what is written.
    """
    total = Sent()
    for _ in range(TRIES):
        before = read_index(store, folder)
        if before.files and before.fingerprint != fingerprint:
            raise CheckpointError(f"{store.url} holds another run: give a place of its own for {run}")
        if _is_further(before, plain_files(run / folder, run)):
            return total
        now, sent = _send(store, run, folder, before, print_line)
        total += sent
        index = Index(fingerprint, now)
        if now != before.files:
            text = json.dumps({"fingerprint": fingerprint, "files": now}, indent=1, sort_keys=True)
            store.write(within(folder, INDEX), text.encode())
        there = store.sizes(folder)
        if index.places().items() <= there.items():
            kept = {INDEX, *index.places(), *(before.places() if keep_before else ())}
            _sweep(store, folder, set(there) - kept)
            return total
    raise StorageError(f"{within(store.url, folder)}: files that were just sent are gone: does something delete them?")


def _send(
    store: Store, run: Path, folder: str, before: Index, print_line: Callable[[str], None]
) -> tuple[dict[str, Facts], Sent]:
    """Send the files of a folder that are not there; return what it consists of."""
    there, files, sent = store.sizes(folder), dict[str, Facts](), Sent()
    for name, file in contents(run, folder):
        facts: Facts = {"sha256": sha256_of(file), "bytes": file.tell()}
        files[name], place = facts, place_of(name, facts)
        if before.files.get(name) == facts and there.get(place) == facts["bytes"]:
            sent += Sent(known=1)
            continue
        if facts["bytes"] > 100 << 20:
            print_line(f"sending {within(folder, name)} ({facts['bytes'] >> 20} MiB)")
        store.send(within(folder, place), file, facts["sha256"])
        sent += Sent(new=1, bytes=facts["bytes"])
    return files, sent


def _is_further(copy: Index, here: Sequence[str]) -> bool:
    """Return whether a fold, or the run, is finished in the copy and not here: another machine has done it."""
    return any(mark in copy.files and mark not in here for mark in (DONE, RESULT))


def _sweep(store: Store, folder: str, names: set[str]) -> None:
    """Delete what no index names; a store that lets nobody delete keeps it."""
    for name in sorted(names):
        match = OBJECT.fullmatch(name)
        if match is not None and is_copied(folder, match[1]):
            with suppress(StorageError):
                store.delete(within(folder, name))


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
    fingerprint = read_index(store, "").fingerprint
    if not fingerprint:
        raise CheckpointError(f"{store.url} holds no run that foldwise push has sent")
    if run.exists() and any(run.iterdir()) and not is_run(run):
        raise CheckpointError(f"{run} is there and holds no run: give a directory of its own")
    if is_run(run) and fingerprint_of(run) != fingerprint:
        raise CheckpointError(f"{run} holds another run: give a directory of its own")
    make_directory(run)
    done = {folder.name for folder in run.iterdir() if holds_copied(folder) and DONE in plain_files(folder, run)}
    folders = [name for name in store.folders() if is_fold_folder(name) or name in FILES_OF]
    return sum(_pull_folder(store, run, folder, fingerprint) for folder in [*folders, ""] if folder not in done)


def _pull_folder(store: Store, run: Path, folder: str, fingerprint: str) -> int:
    index, n_files = read_index(store, folder), 0
    if index.files and index.fingerprint != fingerprint:
        raise CheckpointError(f"{store.url}/{folder} is of another run than the rest of the copy")
    for name in sorted(index.files, key=marks_last):
        path, facts = run / folder / name, index.files[name]
        if _is_same(path, run, facts):
            continue
        data = store.read(within(folder, place_of(name, facts)))
        if data is None or hashlib.sha256(data).hexdigest() != facts["sha256"]:
            why = "missing" if data is None else "damaged (sha256 differs)"
            raise CheckpointError(f"{store.url}: {within(folder, name)} is {why}")
        make_directory(path.parent, run)
        write_bytes(path, data, root=run, what="file of the run")
        n_files += 1
    return n_files


def _is_same(path: Path, run: Path, facts: Facts) -> bool:
    try:
        with opened_file(path, run) as file:
            return sha256_of(file) == str(facts["sha256"])
    except OSError:
        return False
