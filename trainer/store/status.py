"""How far each fold of a run is, from its directory alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from trainer.store.checkpoints import newest_position
from trainer.store.fold_files import fold_directory, read_done, trained_epochs
from trainer.store.inner_fits import count_fits
from trainer.store.lock import running_elsewhere
from trainer.store.own_files import DIVERGED
from trainer.system.folders import is_there, read_file

Action = Literal["skip", "continue", "start"]


@dataclass(frozen=True)
class FoldState:
    """How far a fold is, and what a run does with it.

    Attributes:
        fold: number, or ``all``.
        state: in words.
        action: what to do.
        done: whether it is finished.
    """

    fold: int | str
    state: str
    action: Action
    done: bool = False


def survey(run: Path, folds: Sequence[int | str], max_epochs: int) -> list[FoldState]:
    """Return the state of each fold of a run that trains for ``max_epochs``.

    Raises:
        CheckpointError: the mark of a finished fold is damaged.
    """
    return [_state(fold, fold_directory(run, fold), max_epochs) for fold in folds]


def _state(fold: int | str, directory: Path, max_epochs: int) -> FoldState:
    run, running = directory.parent, running_elsewhere(directory)
    if running is not None:
        return FoldState(fold, str(running), "skip")
    done, position = read_done(directory), newest_position(directory)
    go_on: Action = "start" if position is None else "continue"
    if done is not None:
        trained = trained_epochs(done)
        if trained >= max_epochs or len(done["epochs"]) < trained:  # all epochs, or stopped early
            return FoldState(fold, "done", "skip", done=True)
        return FoldState(fold, f"done with {trained} of {max_epochs} epochs", go_on)
    if is_there(directory / DIVERGED, run):
        return FoldState(fold, read_file(directory / DIVERGED, run).decode(errors="replace").strip(), go_on)
    if position is not None:
        return FoldState(fold, f"stopped at epoch {position.epoch} step {position.step}", "continue")
    inner = count_fits(directory)
    if inner:
        return FoldState(fold, f"stopped after {inner} inner fit{'s' if inner > 1 else ''}", "continue")
    return FoldState(fold, "absent", "start")
