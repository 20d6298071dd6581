"""The time that a start of a run is given (``budget.hours``): which folds are begun in it, and what is said of them.

A fold is begun while nothing is measured yet, and later where the slowest fold that this start has finished, by row,
says that there is time for it, its evaluation included. One that has begun is trained until the time is up and then
saved, whether it can finish or not.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer.config.help import PYTHON_DOOR
from trainer.errors import BudgetError
from trainer.report.formatting import duration
from trainer.results import EpochRecord
from trainer.store.checkpoints import newest_position
from trainer.store.fold_files import fold_directory, read_done
from trainer.system import interrupts

RESERVE_SHARE = 0.05  # of the time, kept for the last save, the merge and the report
MOST_RESERVE_SECONDS = 180.0
MARGIN = 1.1  # on what a fold is thought to need
BASELINE_SHARE = 0.1  # of the time so far: what ``baseline=auto`` may cost


@dataclass(frozen=True)
class Budget:
    """When folds have to be saved, by ``interrupts.clock``; holds plain values, to be sent to other processes.

    Attributes:
        ends_at: that moment; infinite where there is no limit.
        began: when this start began.
        before: folds that were done then: they may have been measured on another machine.
    """

    ends_at: float = math.inf
    began: float = 0.0
    before: frozenset[int | str] = frozenset()

    @property
    def is_limited(self) -> bool:
        """Whether there is a limit."""
        return self.ends_at < math.inf

    @property
    def seconds_left(self) -> float:
        """Until folds have to be saved."""
        return self.ends_at - interrupts.clock()

    def has_time_for_baselines(self) -> bool:
        """Whether there is time for quick models to compare with, which no signal or limit stops."""
        return self.seconds_left > BASELINE_SHARE * (interrupts.clock() - self.began)


def budget_of(hours: float | None, door: str, run: Path, folds: Sequence[int | str]) -> Budget:
    """Return what there is time for: counted from the start of the command, of a call in Python from the call.

    Args:
        hours: ``budget.hours``.
        door: by which the run was asked for.
        run: its directory.
        folds: to be trained; the others are done.

    Raises:
        BudgetError: the time is up before the first fold, as in the later jobs of a sweep.
    """
    if hours is None:
        return Budget()
    began = interrupts.clock() if door == PYTHON_DOOR else interrupts.BEGAN
    seconds = hours * 3600
    budget = Budget(began + seconds - min(RESERVE_SHARE * seconds, MOST_RESERVE_SECONDS), began)
    if budget.seconds_left <= 0 and folds:
        raise BudgetError(f"{run}: budget.hours={hours:g} was used up before the first fold began")
    return budget


def in_order(folds: Sequence[int | str], run: Path, max_epochs: int) -> list[int | str]:
    """Return folds in the order in which they are trained under a limit: those nearest to their end first."""
    return sorted(folds, key=lambda name: (share_left(run, name, max_epochs), str(name).zfill(9)))


def share_left(run: Path, name: int | str, max_epochs: int) -> float:
    """Return which share of a fold is still to be trained, by its newest checkpoint."""
    position = newest_position(fold_directory(run, name))
    return 1.0 if position is None else max(0.0, 1 - (position.epoch - 1) / max_epochs)


def seconds_needed(
    name: int | str,
    *,
    run: Path,
    n_train: Callable[[int | str], int],
    folds: Sequence[int | str],
    before: frozenset[int | str],
    max_epochs: int,
) -> float | None:
    """Return what a fold needs by the folds that this start has finished; None where there is none yet.

    Args:
        name: of the fold.
        run: directory of the run.
        n_train: of a fold, the rows it trains on.
        folds: of the run.
        before: folds that were done before this start.
        max_epochs: of each fold.
    """
    measured = [read_done(fold_directory(run, other)) for other in folds if other not in before and other != name]
    by_row = [float(done["seconds"]) / max(1, int(done["n_train"])) for done in measured if done is not None]
    if not by_row:
        return None
    return MARGIN * max(by_row) * n_train(name) * share_left(run, name, max_epochs)


def why_not_begun(name: int | str, needed: float | None, left: float) -> str:
    """Return the line that says why a fold is not begun, or nothing where it is."""
    if left <= 0:
        return f"fold {name}: not begun, the time is up"
    if needed is None or needed <= left:
        return ""
    return f"fold {name}: not begun, it needs about {duration(needed)} and {duration(left)} are left"


class Forecast:
    """An observer that says once, as soon as an epoch is measured, that a fold cannot finish in time.

    Args:
        budget: of this start.
        max_epochs: of the fold.
        print_line: prints one line.
    """

    def __init__(self, budget: Budget, max_epochs: int, print_line: Callable[[str], None]) -> None:
        self.budget, self.max_epochs, self.print_line = budget, max_epochs, print_line
        self.fold: int | str = 0
        self.said = False

    def fold_started(self, fold: int | str, total_steps: int, steps_before: int) -> None:
        """Remember the fold."""
        self.fold, self.said = fold, False

    def step(self, *_: Any) -> None:
        """Nothing is known before the end of an epoch."""

    def epoch(self, record: EpochRecord) -> None:
        """Compare what the epochs that are left need with the time that is left."""
        needed, left = (self.max_epochs - record.epoch) * record.seconds, self.budget.seconds_left
        if needed > left > 0 and not self.said:
            self.said = True
            self.print_line(
                f"fold {self.fold}: cannot finish, its {self.max_epochs - record.epoch} epochs need about "
                f"{duration(needed)} and {duration(left)} are left: it is trained on and saved then"
            )

    def fold_finished(self, *_: Any) -> None:
        """It has finished after all."""

    def finished(self, *_: Any) -> None:
        """Nothing to say."""
