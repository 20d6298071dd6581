"""Checkpoints of one fold: ``step-*.pt`` and, written last, ``step-*.json`` with its sha256: the commit mark.

A checkpoint without its mark was never finished. The newest two are kept; one that does not match its mark is
never loaded.
"""

import hashlib
import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer.errors import CheckpointError, few_words_of
from trainer.system.files import remove, sealed, unsealed, write_bytes
from trainer.system.folders import plain_files, read_file
from trainer.wording.translations import N_

SCHEMA = 1  # of the state; a newer one is not read
KEPT = 2
STATE, MARK = re.compile(r"step-\d+\.pt"), re.compile(r"step-\d+\.json")


@dataclass(frozen=True)
class Position:
    """Where in the training of a fold a checkpoint stands.

    Attributes:
        epoch: at hand, from 1.
        step: optimizer steps tried so far; the number of the checkpoint.
    """

    epoch: int
    step: int


@dataclass(frozen=True)
class Loaded:
    """A checkpoint as read back.

    Attributes:
        position: where it stands.
        state: tensors (on the CPU) and plain values.
        notes: what was passed over to get here.
    """

    position: Position
    state: dict[str, Any]
    notes: tuple[str, ...] = ()


def save(
    directory: Path, position: Position, state: dict[str, Any], still_ours: Callable[[], None] = lambda: None
) -> None:
    """Write a checkpoint and then its mark; older ones than the newest two go.

    Args:
        directory: of the fold.
        position: the checkpoint stands at.
        state: tensors and plain values.
        still_ours: raises where another process has taken the fold over; asked at the last moment before each change.

    Raises:
        StorageError: it cannot be written; the ones before are untouched.
    """
    import torch  # here: looking at a run directory needs none of it

    buffer = io.BytesIO()
    torch.save(state, buffer)
    data = buffer.getbuffer()
    path = _state_path(directory, position.step)
    run = directory.parent
    write_bytes(path, data, root=run, what=N_("checkpoint"), may_replace=still_ours)
    mark = {
        "schema": SCHEMA,
        "epoch": position.epoch,
        "step": position.step,
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    write_bytes(path.with_suffix(".json"), sealed(mark), root=run, what=N_("checkpoint"), may_replace=still_ours)
    marks = _marks(directory)
    still_ours()  # after the look: what is deleted was there while the fold was ours
    here = marks.index(path.with_suffix(".json"))
    for other in [*marks[:here], *marks[here + KEPT :]]:  # later ones are of other steps: a forced change of batch_size
        _remove_checkpoint(other)


def load(directory: Path) -> Loaded | None:
    """Return the newest checkpoint that is what was written; None where none was ever finished.

    Damaged ones that are passed over are deleted.

    Raises:
        CheckpointError: there are some, and none can be used.
    """
    notes: list[str] = []
    damaged: list[Path] = []
    for mark in _marks(directory):
        try:
            loaded = _read(mark)
        except CheckpointError as error:
            notes.append(str(error))
            damaged.append(mark)
            continue
        for path in damaged:
            _remove_checkpoint(path)
        return Loaded(loaded.position, loaded.state, tuple(notes))
    if notes:
        raise CheckpointError("\n".join([*notes[:KEPT], f"to train the fold from its start, delete {directory}"]))
    return None


def newest_position(directory: Path) -> Position | None:
    """Return where the newest checkpoint stands by its mark alone, without reading its state."""
    for mark in _marks(directory):
        try:
            found = unsealed(mark, directory.parent)
            return Position(found["epoch"], found["step"])
        except (CheckpointError, KeyError):
            continue
    return None


def sweep_unfinished(directory: Path) -> None:
    """Delete states without a mark, and marks without a state."""
    marked = {mark.stem for mark in _marks(directory)}
    for path in _files(directory, STATE):
        if path.stem not in marked:
            remove(path, directory.parent)


def remove_all(directory: Path) -> None:
    """Delete every checkpoint of a fold."""
    for mark in _marks(directory):
        _remove_checkpoint(mark)
    sweep_unfinished(directory)


def _state_path(directory: Path, step: int) -> Path:
    return directory / f"step-{step:08d}.pt"


def _marks(directory: Path) -> list[Path]:
    """Return the marks, the newest first."""
    return sorted(_files(directory, MARK), key=lambda path: int(path.stem.partition("-")[2]), reverse=True)


def _files(directory: Path, pattern: re.Pattern[str]) -> list[Path]:
    return [directory / name for name in plain_files(directory, directory.parent) if pattern.fullmatch(name)]


def _remove_checkpoint(mark: Path) -> None:
    run = mark.parent.parent
    remove(mark, run)  # first: a state without a mark does not count
    remove(mark.with_suffix(".pt"), run)


def _read(mark: Path) -> Loaded:
    import torch

    run = mark.parent.parent
    found = unsealed(mark, run)
    if found.get("schema") != SCHEMA:
        raise CheckpointError(
            f"{mark} has schema {found.get('schema')}, this version reads {SCHEMA}: use the version that wrote it"
        )
    path = mark.with_suffix(".pt")
    try:
        data = read_file(path, run)
    except OSError as error:
        raise CheckpointError(f"{path} is damaged: {error.strerror}") from error
    if (len(data), hashlib.sha256(data).hexdigest()) != (found["bytes"], found["sha256"]):
        raise CheckpointError(f"{path} is damaged: sha256 differs from its mark")
    position = Position(found["epoch"], found["step"])
    if path != _state_path(mark.parent, position.step):
        raise CheckpointError(f"{path} is damaged: it is the checkpoint of step {position.step}")
    try:
        state = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except Exception as error:  # a zip or pickle error; the bytes are what was written
        raise CheckpointError(f"{path} cannot be read by this torch: {few_words_of(error)}") from error
    return Loaded(position, state)
