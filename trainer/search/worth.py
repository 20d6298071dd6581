"""What the best trial of a search is worth: its own score, that score corrected for picking it, and a nested search.

The best of many trials is the best partly by luck on these rows. Bootstrap bias-corrected cross validation
(``trainer.evidence.picking``; Tsamardinos, Greasidou, Borboudakis 2018) does the picking again on rows that are drawn,
and scores what is picked there on the others, by what all complete trials predicted out of fold.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from trainer.errors import CheckpointError, ForeignFileError
from trainer.evidence.not_defined import NotDefined
from trainer.evidence.picking import Picked
from trainer.metrics.pooled import pool_out_of_fold
from trainer.metrics.scores import score
from trainer.metrics.summary import mean_of_defined
from trainer.report.formatting import number
from trainer.results import OutOfFold
from trainer.search.nested_search import nested_scores, nested_search
from trainer.search.picked import DrawnRun, drawn_rows, keep, kept, pick
from trainer.search.search_table import Standing, TrialRow
from trainer.search.trial import Search
from trainer.store.fold_files import fold_directory, load_fold
from trainer.store.own_files import SEARCH_FIGURES, trial_directory
from trainer.system.files import sealed, write_bytes
from trainer.wording.translations import N_


@dataclass(frozen=True)
class Honest:
    """What the best trial is worth.

    Attributes:
        metric: its name.
        trial: number of the best trial.
        mean: of the metric over its folds: the naive figure.
        oof: on all its predictions.
        picked: corrected for picking, or why not.
        nested: mean over the folds of the nested search, and on all its predictions; or None.
        n_inner: inner folds of that.
    """

    metric: str
    trial: int
    mean: float
    oof: float
    picked: Picked | NotDefined
    nested: tuple[float, float] | None = None
    n_inner: int | None = None

    def lines(self, say: Callable[[str], str] = str) -> list[str]:
        """Return the three figures, a sentence each.

        Args:
            say: says a template in the language of the reader.
        """
        figures = {"metric": self.metric, "mean": number(self.mean), "oof": number(self.oof), "trial": self.trial}
        naive = say("best trial, {trial}: {metric} {mean} over the folds, {oof} out of fold")
        said = [naive.format(**figures)]
        if isinstance(self.picked, NotDefined):
            said.append(say("not corrected for picking the best: {why}").format(why=self.picked.why))
        else:
            low, high = map(number, self.picked.ci95)
            corrected = say(
                "corrected for picking: {metric} {value} ({level} CI {low} – {high}; {share} of the draws pick the "
                "same of {n})"
            )
            value, share = number(self.picked.corrected), f"{100 * self.picked.stability:.0f} %"
            n, metric = self.picked.n_models, self.metric
            said.append(
                corrected.format(metric=metric, value=value, level="95 %", low=low, high=high, share=share, n=n)
            )
        if self.nested is not None:
            mean, oof = map(number, self.nested)
            nested = say("nested search, {n} inner folds: {metric} {mean} over the folds, {oof} out of fold")
            said.append(nested.format(n=self.n_inner, metric=self.metric, mean=mean, oof=oof))
        return said


def honest_figures(current: Search, now: Standing, best: TrialRow) -> Honest:
    """Return what the best trial is worth, and write it beside the trials.

    Raises:
        StorageError: it cannot be written.
        CheckpointError: the files of a trial are damaged.
    """
    whole = [row for row in sorted(now.rows, key=lambda row: row.number) if row.state == "complete"]
    runs = [_drawn(current, row.number) for row in whole]
    own = next(run for run, row in zip(runs, whole, strict=True) if row.number == best.number)
    honest = Honest(current.metric, best.number, best.value, own.score, pick(runs))
    if (n_inner := current.options.nested) is not None:
        directory = nested_search(current, n_inner)
        mean = mean_of_defined(list(nested_scores(current, directory)))
        oof = _oof_score(current, out_of_fold(current, directory))
        honest = replace(honest, nested=(mean, oof), n_inner=n_inner)
    write_bytes(current.directory / SEARCH_FIGURES, sealed(_plain(honest)), root=current.directory, what=N_("report"))
    return honest


def _plain(honest: Honest) -> dict[str, object]:
    picked, corrected = honest.picked, dict[str, object]()
    if isinstance(picked, NotDefined):
        corrected = {"why_not": picked.why}
    else:
        corrected = {"value": picked.corrected, "ci95": list(picked.ci95), "stability": picked.stability}
        corrected["of"] = picked.n_models
    nested = None if honest.nested is None else {"mean": honest.nested[0], "oof": honest.nested[1]}
    naive = {"trial": honest.trial, "mean": honest.mean, "oof": honest.oof}
    return {"metric": honest.metric, "naive": naive, "corrected": corrected, "nested": nested, "inner": honest.n_inner}


def _drawn(current: Search, trial: int) -> DrawnRun:
    """Return the metric of a trial on the draws: computed once, and kept beside the trials."""
    try:
        return kept(current.directory, trial)
    except (CheckpointError, ForeignFileError):
        oof = out_of_fold(current, trial_directory(current.directory, trial))
        spec = current.experiment.spec
        found = drawn_rows(f"trial {trial}", current.metric, spec.task, spec.classes, oof)
        keep(current.directory, trial, found)
        return found


def out_of_fold(current: Search, directory: Path) -> OutOfFold:
    """Return what the folds in a directory predicted, row by row."""
    experiment, plan = current.experiment, current.experiment.plan
    folds = [load_fold(fold_directory(directory, name)).result for name in range(plan.n_folds)]
    groups = experiment.samples.groups_N
    group_N = None if groups is None else np.unique(groups, return_inverse=True)[1].astype(np.int64)
    samples = experiment.samples
    ids_N = np.asarray(samples.ids_N, dtype=np.str_)
    return pool_out_of_fold(folds, ids_N, samples.target, plan.repeats, fold_of_row=plan.fold_of_row, group_N=group_N)


def _oof_score(current: Search, oof: OutOfFold) -> float:
    parts = [oof.repeat == repeat for repeat in np.unique(oof.repeat)]
    task = current.experiment.spec.task
    values = [score([current.metric], task, oof.target[part], oof.proba[part])[current.metric] for part in parts]
    return mean_of_defined(values) if values else math.nan
