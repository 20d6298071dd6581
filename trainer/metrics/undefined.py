"""Where a metric says nothing: rows that lack what it is made of, and the reason in words."""

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from trainer.metrics.find import metric_named
from trainer.metrics.predictions import read_only
from trainer.results import MetricSummary, OutOfFold
from trainer.tasks import Target, Task, of_target
from trainer.wording.lists import first_few

_MOST_NAMED = 3
FEW_ROWS = 5  # of a class: a metric that hangs on fewer is decided by chance


def cannot_decide(name: str, target: Target, n_classes: int) -> bool:
    """Return whether a metric is the same, or not defined, however well these rows are predicted.

    Right predictions are compared with wrong ones. Average precision, say, is not defined without a positive row, and
    is 1 whatever is predicted where all are positive: it can choose no epoch on either.

    Args:
        name: of a metric.
        target: of the rows.
        n_classes: C, or the number of labels L.
    """
    if not len(target):
        return True
    task = of_target(target)
    right = task.right(target, n_classes)
    wrong = task.as_float64(1 - right) if task.has_classes else -1 - right  # the order of numbers turned round
    try:
        best, worst = (metric_named(name)(*read_only(target, proba)) for proba in (right, wrong))
    except Exception:  # a function of the user's may raise anything; it has been tried on the held-out rows
        return False
    return best == worst or (math.isnan(best) and math.isnan(worst))


def hangs_on_few(name: str, target: Target, n_classes: int) -> int | None:
    """Return the rarest class (or label), where it has a handful of these rows and a metric hangs on them; else None.

    One row of the rarest class is predicted wrong, all others right: accuracy loses the share of one row, average
    precision of a class with two rows far more.

    Args:
        name: of a metric.
        target: of the rows.
        n_classes: C, or the number of labels L.
    """
    task = of_target(target)
    counts_C = task.class_counts(target, n_classes)
    if not (counts_C > 0).any():
        return None
    rarest = int(np.where(counts_C > 0, counts_C, len(target) + 1).argmin())
    if counts_C[rarest] >= FEW_ROWS:
        return None
    right = task.right(target, n_classes)
    wrong, one_wrong = task.as_float64(1 - right), right.copy()
    row = int(task.indicators(target, n_classes)[:, rarest].argmax())
    if task.several_labels:
        one_wrong[row, rarest] = wrong[row, rarest]
    else:
        one_wrong[row] = wrong[row]
    try:
        best, less, worst = (metric_named(name)(*read_only(target, proba)) for proba in (right, one_wrong, wrong))
    except Exception:  # a function of the user's may raise anything; it has been tried on the held-out rows
        return None
    if math.isnan(best + less + worst) or best == worst:
        return None
    return rarest if abs(best - less) / abs(best - worst) > 2 / len(target) else None


def lacking(task: Task, target: Target, classes: Sequence[str], say: Callable[[str], str] = str) -> str:
    """Return what the rows lack, such as ``no row of class 'yes'``; empty where they have every class.

    Args:
        task: what is predicted.
        target: of the rows.
        classes: label text per class.
        say: says a template in the language of the reader.
    """
    counts_C = task.class_counts(target, len(classes))
    none = say("no row with label {names}") if task.several_labels else say("no row of class {names}")
    parts = [none.format(names=_named(classes, counts_C == 0, say))] if (counts_C == 0).any() else []
    if task.several_labels and (counts_C == len(target)).any():
        parts.append(say("no row without label {names}").format(names=_named(classes, counts_C == len(target), say)))
    return say(" and ").join(parts)


def undefined_reasons(
    summaries: Mapping[str, MetricSummary],
    oof: OutOfFold,
    task: Task,
    classes: Sequence[str],
    say: Callable[[str], str] = str,
) -> dict[str, str]:
    """Return by metric where it is undefined and why; nothing of a metric that is defined everywhere.

    Args:
        summaries: of the metrics, with a value per fold.
        oof: the held-out rows, by repeat and fold.
        task: what is predicted.
        classes: label text per class.
        say: says a template in the language of the reader.
    """
    parts = sorted(set(zip(oof.repeat.tolist(), oof.fold.tolist(), strict=True)))
    reasons = {}
    for name, summary in summaries.items():
        undefined = [number for number, value in enumerate(summary.folds) if math.isnan(value)]
        said: dict[str, list[int]] = {}
        for number in undefined:
            repeat, fold = parts[number]
            target = oof.target[(oof.repeat == repeat) & (oof.fold == fold)]
            what = lacking(task, target, classes, say) or say("rows it is not defined on")
            said.setdefault(what, []).append(number)
        if undefined or math.isnan(summary.oof):
            reasons[name] = _reason(summary, said, lacking(task, oof.target, classes, say), say)
    return reasons


def _reason(
    summary: MetricSummary, said: Mapping[str, Sequence[int]], oof_lacks: str, say: Callable[[str], str]
) -> str:
    n_folds, n_undefined = len(summary.folds), sum(map(len, said.values()))
    one, several = say("fold {folds} holds out {what}"), say("folds {folds} hold out {what}")
    rest = say(" and {n} more")
    where = [
        (several if len(f) > 1 else one).format(folds=first_few(f, rest=rest), what=what) for what, f in said.items()
    ]
    more = [say("{n} more kinds of folds").format(n=len(where) - _MOST_NAMED)] if len(where) > _MOST_NAMED else []
    defined = say("mean over {n} of {all} folds").format(n=n_folds - n_undefined, all=n_folds)
    over = defined if n_undefined < n_folds else say("no mean")
    parts = [f"{over}: {', '.join([*where[:_MOST_NAMED], *more])}"] if said else []
    if math.isnan(summary.oof):
        why = oof_lacks or say("not defined on these rows")
        parts.append(say("undefined out of fold: {why}").format(why=why))
    elif said:
        parts.append(say("out of fold is over the rows of all folds, so it differs from the mean"))
    return "; ".join(parts)


def _named(classes: Sequence[str], chosen_C: NDArray[np.bool_], say: Callable[[str], str]) -> str:
    names = [f"'{name}'" for name, chosen in zip(classes, chosen_C.tolist(), strict=True) if chosen]
    return first_few(names, _MOST_NAMED, between=say(" or "), rest=say(" and {n} more"))
