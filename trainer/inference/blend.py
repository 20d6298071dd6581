"""Several runs as one: their held-out predictions combined, by weights that other folds gave.

The blend of a fold's rows has weights from the rows of the other folds, so its score is as honest as the runs' own.
The weights that predict new rows are fitted on all of them; what these score on the rows they were fitted on is told
beside it.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.errors import ConfigError
from trainer.inference.combine import Combination, combine
from trainer.inference.fit_weights import Rows, fit, require_method
from trainer.inference.held_out import Floats
from trainer.inference.level_two import RowColumns
from trainer.inference.log_scores import log_scores, row_losses
from trainer.inference.members import Members, members_sha256
from trainer.metrics.find import name_problem
from trainer.metrics.scores import score
from trainer.metrics.summary import mean_of_defined
from trainer.results import FoldResult
from trainer.run.decided import FOLDS_SHA256

FITS_NOTHING = ("mean",)


@dataclass(frozen=True)
class Blend:
    """A blend of runs, not yet written.

    Attributes:
        members: the runs.
        metric: that leads its tables, and that greedy selection goes by.
        fitted: on all held-out rows: what predicts new rows.
        by_fold: on the rows of the other folds, in (repeat, fold) order: what predicted the fold's rows.
        folds: those predictions.
        in_sample: the metric of ``fitted`` on the rows it was fitted on.
        seed: of the bags.
    """

    members: Members
    metric: str
    fitted: Combination
    by_fold: tuple[Combination, ...]
    folds: tuple[FoldResult, ...]
    in_sample: float
    seed: int = 0

    def facts(self, out: Path) -> dict[str, Any]:
        """Return what blend.json says: the runs, by path from the blend, and what was fitted."""
        runs = self.members.runs
        return {
            "method": self.fitted.method,
            "metric": self.metric,
            "seed": self.seed,
            "members": [
                {
                    "name": run.directory.name,
                    "path": os.path.relpath(run.directory.resolve(), out.resolve()),
                    FOLDS_SHA256: sha256,
                }
                for run, sha256 in zip(runs, members_sha256(self.members), strict=True)
            ],
            "task": self.members.first.task.name,
            "combination": self.fitted.to_plain(),
            "weights_by_fold": [list(one.weights) for one in self.by_fold],
            "in_sample": None if np.isnan(self.in_sample) else self.in_sample,
        }


def make_blend(
    members: Members, method: str, metric: str | None = None, *, seed: int = 0, columns: RowColumns | None = None
) -> Blend:
    """Fit the weights, once for each fold and once for new rows.

    Args:
        members: the runs.
        method: ``mean``, ``rank``, ``greedy``, ``nonnegative`` or ``stack``.
        metric: that greedy selection goes by; None = the one that leads the tables of the first run.
        seed: of the bags.
        columns: of the rows themselves, in the order of the runs' rows, for ``stack``.

    Raises:
        ConfigError: the method or metric is not for this task, or there is no other fold to fit weights on.
    """
    first, plan = members.first, members.plan
    require_method(method, first.task, features=columns is not None)
    leading = metric or str(first.run.facts["metrics"][0])
    problem = name_problem(leading, first.task)
    if problem:
        raise ConfigError(f"--metric: {problem}")
    rows_M = plan.fold_of_row.reshape(-1) >= 0
    rows = all_rows(members, columns).only(rows_M)
    row_M = np.tile(np.arange(plan.fold_of_row.shape[1]), plan.repeats)[rows_M]
    fitted, by_fold, folds = fit(method, rows, leading, seed), list[Combination](), list[FoldResult]()
    for number in range(plan.n_folds):
        held_out_N = plan.fold_of_row[number // plan.n_splits] == number % plan.n_splits
        other_M = ~held_out_N[row_M]
        _require_others(method, bool(other_M.any()))
        by_fold.append(fit(method, rows.only(other_M), leading, seed) if other_M.any() else fitted)
        folds.append(_predicted(members, leading, number, np.flatnonzero(held_out_N), by_fold[-1], columns))
    in_sample = _in_sample(members, fitted, leading, columns)
    return Blend(members, leading, fitted, tuple(by_fold), tuple(folds), in_sample, seed)


def _require_others(method: str, there_are: bool) -> None:
    if not there_are and method not in FITS_NOTHING:
        raise ConfigError(
            f"--method {method} fits weights on held-out rows, and these runs hold out a single fold: nothing is left "
            "to score them on\nuse --method mean, which fits nothing, or runs of several folds"
        )


def all_rows(members: Members, columns: RowColumns | None = None) -> Rows:
    """Return the rows of all repeats, one after the other; NaN where no fold holds them out."""
    run, repeats = members.first, members.plan.repeats
    group_N = next((one.group_N for one in members.runs if one.group_N is not None), np.arange(len(run.ids_N)))
    flat = (len(members.runs), -1, members.proba_KRNC.shape[-1])
    return Rows(
        run.task,
        np.concatenate([run.target] * repeats),
        members.proba_KRNC.reshape(flat),
        members.scores_KRNC.reshape(flat),
        np.tile(group_N, repeats),
        None if columns is None else columns.only(np.tile(np.arange(len(run.ids_N)), repeats)),
    )


def _predicted(
    members: Members,
    metric: str,
    number: int,
    rows: NDArray[np.int64],
    fitted: Combination,
    columns: RowColumns | None,
) -> FoldResult:
    """Return what the blend predicts for the rows that a fold holds out."""
    run, (repeat, fold) = members.first, divmod(number, members.plan.n_splits)
    table = None if columns is None else columns.only(rows).table
    proba = combine(fitted, run.task, members.proba_KRNC[:, repeat, rows], members.scores_KRNC[:, repeat, rows], table)
    scores, target = log_scores(run.task, proba), run.target[rows]
    kept: NDArray[Any] = proba.astype(np.float32 if run.task.has_classes else np.float64)
    names = metric_names(members, metric)
    return FoldResult(
        repeat=repeat,
        fold=fold,
        rows=rows,
        logits=scores.astype(np.float32),
        proba=kept,
        loss=row_losses(run.task, target, scores).astype(np.float32),
        metrics=score(names, run.task, target, kept),
        epochs=(),
        best_epoch=0,
        n_train=run.n_train[number],
        seconds=sum(one.seconds for one in members.runs) / members.plan.n_folds,
    )


def metric_names(members: Members, leading: str) -> list[str]:
    """Return the metrics of the blend, the leading one first."""
    return [leading, *(name for name in members.first.run.facts["metrics"] if name != leading)]


def _in_sample(members: Members, fitted: Combination, metric: str, columns: RowColumns | None) -> float:
    """Return the metric of the weights on the rows they were fitted on, the mean over repeats."""
    run = members.first
    table = None if columns is None else columns.table
    blended = [
        combine(fitted, run.task, members.proba_KRNC[:, repeat], members.scores_KRNC[:, repeat], table)
        for repeat in range(members.plan.repeats)
    ]
    return pooled(members, blended, metric)


def pooled(members: Members, proba_RNC: Sequence[Floats], metric: str) -> float:
    """Return a metric on the rows that are held out, the mean over repeats in which it is defined."""
    run, values = members.first, list[float]()
    for repeat, proba_NC in enumerate(proba_RNC):
        held_out_N = members.plan.fold_of_row[repeat] >= 0
        kept: NDArray[Any] = proba_NC[held_out_N].astype(np.float32 if run.task.has_classes else np.float64)
        values.append(score([metric], run.task, run.target[held_out_N], kept)[metric])
    return mean_of_defined(values)


def member_scores(members: Members, metric: str) -> list[float]:
    """Return the metric of each run on the held-out rows of the blend."""
    return [pooled(members, list(proba_RNC), metric) for proba_RNC in members.proba_KRNC]


def weights_text(blend: Blend) -> Mapping[str, float]:
    """Return the weight of each run by its name, the path where names are alike."""
    runs = blend.members.runs
    names = [run.directory.name for run in runs]
    shown = names if len(set(names)) == len(names) else [str(run.directory) for run in runs]
    return dict(zip(shown, blend.fitted.weights, strict=True))
