"""What to try next, where the curves or the baselines of a run say so: some lines, none of a good run."""

from collections.abc import Callable, Sequence
from statistics import median

import numpy as np
from numpy.typing import NDArray

from trainer.metrics.find import metric_named
from trainer.report.baseline_table import fitted, label
from trainer.report.formatting import number, plain_label
from trainer.results import CVResult, FoldResult
from trainer.wording.lists import first_few

FEWEST_EPOCHS = 6  # of a curve that says anything
STILL = 0.1  # share of all that was gained which the last quarter gained: an exponential has an eighth of its way to go
STEADY = 0.8  # share of pairs of epochs, in the second half, of which the later is better
NOISE = 3.0  # a fall from the best is more than so many standard deviations from epoch to epoch

Curve = NDArray[np.float64]  # larger is better


def hints(result: CVResult, folds: Sequence[FoldResult], max_epochs: int) -> list[str]:
    """Return what to try, one line each with the option to change.

    Args:
        result: of the run.
        folds: what each fold found.
        max_epochs: for which the folds were to be trained; of one that stopped early nothing is said.
    """
    found = [
        _undecided(result, folds),
        _behind(result),
        _unfinished(result, folds, max_epochs),
        _past_best(result, folds),
    ]
    return [hint for hint in found if hint]


def _behind(result: CVResult) -> str:
    """Say which baseline is better on the same folds, the best of them."""
    sign, metric = (1 if metric_named(result.primary).greater_is_better else -1), result.primary
    worse = {
        name: sign * one.metrics[metric].oof
        for name, one in fitted(result).items()
        if one.lead[metric].verdict == "worse"
    }
    if not worse:
        return ""
    best = max(worse, key=lambda name: worse[name])
    return (
        f"{label(best)} is better on the same folds ({plain_label(metric)} {number(sign * worse[best])}, this model "
        f"{number(result.metrics[metric].oof)}): try another optimizer.lr, max_epochs or model, or use it instead"
    )


def _undecided(result: CVResult, folds: Sequence[FoldResult]) -> str:
    """Say where the metric that picks could not tell one epoch from another."""
    curves = [(fold.fold, _monitored(fold, result.primary)) for fold in folds]
    same = [name for name, curve in curves if curve is not None and len(curve) > 1 and np.ptp(curve) == 0]
    if not same:
        return ""
    return (
        f"{plain_label(result.primary)} was the same after every epoch in {len(same)} of {len(folds)} folds "
        f"({first_few(same)}): it picks none there, the last is kept; lead metrics.names with one that tells more"
    )


def _unfinished(result: CVResult, folds: Sequence[FoldResult], max_epochs: int) -> str:
    whole = [fold for fold in folds if len(fold.epochs) == max_epochs]
    curves = [_monitored(fold, result.primary) for fold in whole]
    what = plain_label(result.primary)
    if any(curve is None for curve in curves):
        what, curves = "the training loss", [-np.array([epoch.train_loss for epoch in fold.epochs]) for fold in whole]
    rising = _count(still_improving, curves)
    if 2 * rising <= len(folds):
        return ""
    how = "still fell" if what == "the training loss" else "still improved"
    return f"{what} {how} at the last epoch in {rising} of {len(folds)} folds: try max_epochs={2 * max_epochs}"


def _past_best(result: CVResult, folds: Sequence[FoldResult]) -> str:
    curves = [_monitored(fold, result.primary) for fold in folds]
    past = _count(falls_from_best, curves)
    if 2 * past <= len(folds):
        return ""
    best, trained = median(fold.best_epoch for fold in folds), max(len(fold.epochs) for fold in folds)
    return (
        f"{plain_label(result.primary)} was best at epoch {best:g} of {trained} (median) and fell in {past} of "
        f"{len(folds)} folds: try fit.patience_epochs={max(2, trained // 5)}, a smaller optimizer.lr or more "
        "optimizer.weight_decay"
    )


def _count(says: Callable[[Curve], bool], curves: Sequence[Curve | None]) -> int:
    known = [
        curve for curve in curves if curve is not None and len(curve) >= FEWEST_EPOCHS and np.isfinite(curve).all()
    ]
    return sum(map(says, known))


def _monitored(fold: FoldResult, metric: str) -> Curve | None:
    """Return the leading metric by epoch on the rows that pick the epoch; None where none do."""
    if not all(metric in epoch.monitor for epoch in fold.epochs):
        return None
    sign = 1 if metric_named(metric).greater_is_better else -1
    return sign * np.array([epoch.monitor[metric] for epoch in fold.epochs])


def still_improving(curve: Curve) -> bool:
    """Return whether a good part of a curve's gain came in its last quarter, and steadily in its second half."""
    quarter, half = max(2, len(curve) // 4), curve[len(curve) // 2 :]
    gained, recent = curve[-1] - curve[0], curve[-1] - curve[-1 - quarter]
    earlier, later = np.triu_indices(len(half), 1)
    steady = float((half[later] > half[earlier]).mean())
    return bool(gained > 0 and recent >= STILL * gained and steady >= STEADY)


def falls_from_best(curve: Curve) -> bool:
    """Return whether a curve was best in its first half, and has fallen by more than its noise explains."""
    quarter, best = max(2, len(curve) // 4), int(curve.argmax())
    steps = np.abs(np.diff(curve))
    noise = 1.4826 * float(np.median(steps)) / np.sqrt(2)
    fallen = float(curve[best] - np.median(curve[-quarter:]))
    return best < len(curve) / 2 and fallen > NOISE * noise and fallen > 0
