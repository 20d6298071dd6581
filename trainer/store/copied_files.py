"""What of a run is copied, under which names, and the index that says which files a copy consists of."""

import io
import json
import re
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from trainer.errors import CheckpointError
from trainer.store.checkpoints import MARK as STEP_MARK
from trainer.store.own_files import (
    DONE,
    FILES_OF,
    LOCK,
    MARK,
    STOP,
    is_fold_file,
    is_fold_folder,
    is_run_file,
)
from trainer.store.remote import Store
from trainer.system.folders import opened_file, plain_files, read_file

INDEX = "foldwise-run.json"  # in each folder of a copy, written last
MOST_INDEX_BYTES = 64 << 20
KEPT_HERE = (LOCK, STOP)  # of processes that train, on this machine
OBJECT = re.compile(r"(.+)\.[0-9a-f]{32}")  # the file's own name, the beginning of its sha256

Facts = dict[str, Any]  # sha256 and bytes of a file


@dataclass(frozen=True)
class Index:
    """What the copy of a folder consists of: by name, sha256 and size."""

    fingerprint: str = ""
    files: dict[str, Facts] = field(default_factory=dict)

    def places(self) -> dict[str, int]:
        """Return the names under which the files are kept, with their sizes."""
        return {place_of(name, facts): int(facts["bytes"]) for name, facts in self.files.items()}


def folders_of(run: Path) -> list[str]:
    """Return the folders of a run that are sent: those of folds, of pictures and of jobs, then the run itself."""
    return [*(folder.name for folder in sorted(run.iterdir()) if holds_copied(folder)), ""]


def contents(run: Path, folder: str) -> Iterator[tuple[str, BinaryIO]]:
    """Yield name and content of a folder's own files.

    Marks come before what they vouch for: a fold that is finished meanwhile is then there whole, or without its mark. A
    checkpoint that is replaced meanwhile is left out, with its mark.
    """
    names = [name for name in plain_files(run / folder, run) if is_copied(folder, name)]
    marks = dict[str, bytes]()
    for name in filter(is_mark, names):
        with suppress(FileNotFoundError):  # of a checkpoint that was replaced by the next one
            marks[name] = read_file(run / folder / name, run)
    for name in [name for name in names if not is_mark(name)]:
        with ExitStack() as stack:
            try:
                file = stack.enter_context(opened_file(run / folder / name, run))
            except FileNotFoundError:
                marks.pop(f"{name.partition('.')[0]}.json", None)
                continue
            yield name, file
    yield from ((name, io.BytesIO(data)) for name, data in marks.items())


def holds_copied(folder: Path) -> bool:
    """Return whether what is in a folder of a run is copied."""
    return (is_fold_folder(folder.name) or folder.name in FILES_OF) and folder.is_dir() and not folder.is_symlink()


def is_copied(folder: str, name: str) -> bool:
    """Return whether a file in a folder of a run ("" = the run's own) is copied: the locks of processes stay here."""
    if name in KEPT_HERE:
        return False
    if folder in FILES_OF:
        return FILES_OF[folder].fullmatch(name) is not None
    return is_fold_file(name) if folder else is_run_file(name)


def is_mark(name: str) -> bool:
    """Return whether a file vouches for others: of a run, of a finished fold, of a checkpoint."""
    return name in (MARK, DONE) or STEP_MARK.fullmatch(name) is not None


def marks_last(name: str) -> tuple[bool, str]:
    """Return a key that sorts the marks of a folder behind what they vouch for."""
    return is_mark(name), name


def place_of(name: str, facts: Facts) -> str:
    """Return what a file is called in the copy."""
    return f"{name}.{facts['sha256'][:32]}"


def within(folder: str, name: str) -> str:
    """Return the path of a file in a folder of a run or its copy ("" = the run itself)."""
    return f"{folder}/{name}" if folder and name else folder or name


def read_index(store: Store, folder: str) -> Index:
    """Read what the copy of a folder consists of; its names must be those of a run's own files.

    Raises:
        CheckpointError: it is damaged, or names other files.
    """
    data, place = store.read(within(folder, INDEX)), f"{store.url}/{within(folder, INDEX)}"
    if data is None:
        return Index()
    try:
        found = json.loads(data[:MOST_INDEX_BYTES])
        files = {
            str(name): {"sha256": str(facts["sha256"]), "bytes": int(facts["bytes"])}
            for name, facts in found["files"].items()
        }
        index = Index(str(found["fingerprint"]), files)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{place} is damaged: {type(error).__name__}") from error
    for name, facts in index.files.items():
        if not (is_copied(folder, name) and re.fullmatch(r"[0-9a-f]{64}", facts["sha256"])):
            raise CheckpointError(f"{place} names what no run has: {name!r}")
    return index
