"""What a finished run predicted for its held-out rows: read from the sealed files of its folds, in float64."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.errors import CheckpointError
from trainer.folds.plan import FoldPlan
from trainer.inference.log_scores import logit_scores
from trainer.run.copies import RunCopy, find_folds, open_copy
from trainer.run.merge import read_rows
from trainer.run.missing import missing_message
from trainer.tasks import Target, Task

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class HeldOut:
    """The held-out predictions of a run; where no fold holds a row out they are NaN.

    Attributes:
        run: its directory and what it says about itself.
        ids_N: of the rows.
        target: (N,) class index or number, or (N, L).
        group_N: number of the group of each row, or None.
        proba_RNC: probabilities as they were saved, or the numbers that were predicted (C = 1).
        scores_RNC: log probabilities, of labels log odds, of numbers the same again (``log_scores``).
        seconds: training time of all folds.
        n_train: rows each fold was trained on, in (repeat, fold) order.
    """

    run: RunCopy
    ids_N: NDArray[np.str_]
    target: Target
    group_N: NDArray[np.int64] | None
    proba_RNC: Floats
    scores_RNC: Floats
    seconds: float
    n_train: tuple[int, ...]

    @property
    def directory(self) -> Path:
        """Where the run is."""
        return self.run.directory

    @property
    def task(self) -> Task:
        """What was predicted."""
        return self.run.task

    @property
    def plan(self) -> FoldPlan:
        """Which rows are held out when."""
        return self.run.plan

    @property
    def classes(self) -> tuple[str, ...]:
        """Label text per class."""
        return tuple(self.run.facts["classes"])

    def in_order(self, rows_N: NDArray[np.int64]) -> "HeldOut":
        """Return the same with the rows in another order."""
        plan = replace(self.plan, fold_of_row=self.plan.fold_of_row[:, rows_N], train_rows={})
        return replace(
            self,
            run=replace(self.run, plan=plan),
            ids_N=self.ids_N[rows_N],
            target=self.target[rows_N],
            group_N=None if self.group_N is None else self.group_N[rows_N],
            proba_RNC=self.proba_RNC[:, rows_N],
            scores_RNC=self.scores_RNC[:, rows_N],
        )


def read_held_out(directory: Path) -> HeldOut:
    """Read the predictions of every fold of a run.

    Raises:
        CheckpointError: it is no run, a fold is missing or damaged, or a prediction is not finite.
    """
    run = open_copy(directory)
    ids_N, target, group_N = read_rows(run)
    found = find_folds(run, [], force=False)
    missing = [number for number in range(run.n_folds) if number not in found]
    if missing:
        raise CheckpointError(missing_message(directory, missing))
    results = [fold.saved.result for fold in found.values()]
    shape = (run.plan.repeats, len(ids_N), run.task.n_predicted(len(run.facts["classes"])))
    proba_RNC, scores_RNC = np.full(shape, np.nan), np.full(shape, np.nan)
    for part in results:
        proba = part.proba.astype(np.float64)
        _require_finite(directory, part.fold, ids_N[part.rows], proba)
        proba_RNC[part.repeat, part.rows] = proba
        scores_RNC[part.repeat, part.rows] = logit_scores(run.task, proba, part.logits)
    n_train = tuple(part.n_train for part in results)
    seconds = sum(part.seconds for part in results)
    return HeldOut(run, ids_N, target, group_N, proba_RNC, scores_RNC, seconds, n_train)


def _require_finite(directory: Path, fold: int, ids_V: NDArray[np.str_], proba_VC: NDArray[Any]) -> None:
    wrong_V = ~np.isfinite(proba_VC).all(axis=1)
    if wrong_V.any():
        raise CheckpointError(
            f"{directory}: predictions of {int(wrong_V.sum())} rows of fold {fold} are not finite, "
            f"the first that of row '{ids_V[wrong_V.argmax()]}'\ntrain the run again: nothing can be computed of them"
        )
