"""What the page's charts draw, as plain values: lists of rounded numbers, however many rows there are."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.metrics.predictions import one_class
from trainer.metrics.ranking import ranking
from trainer.report.formatting import fold_name
from trainer.report.page.curves import (
    GRID_G,
    Line,
    band,
    counts_above,
    precision_recall,
    reliability,
    roc,
    thinned,
)
from trainer.results import CVResult, FoldResult, OutOfFold

Floats = NDArray[np.float64]

MOST_CLASSES = 12  # with curves of their own
MOST_FOLDS = 20  # with curves of their own; the band is of all
MOST_VALUES = 500_000  # rows times classes; more, and the curves (not the counts) are of a sample of the rows
POINTS, POINTS_OF_FOLD = 200, 80
STEPS = {True: 1000, False: 100}  # of the slider: where there is one curve, where there are several
MOST_EPOCHS = 200
FEWEST_IN_BIN = 5  # rows of a fold; of fewer the share says nothing
MOST_DOTS = 2000
DECIDED_AT = 0.5  # what a label, or the second of two classes, has to exceed


def class_charts(result: CVResult, oof: OutOfFold, weakest: Sequence[int]) -> dict[str, Any]:
    """Return the curves of each class against the rest; of two classes those of the positive one.

    Args:
        result: of the run.
        oof: of all rows.
        weakest: class numbers, those to be drawn first.
    """
    alone = result.task.positive_class(result.classes) is not None
    support_C = result.task.class_counts(oof.target, len(result.classes))
    drawn = [1] if alone else [k for k in weakest if support_C[k]][:MOST_CLASSES]
    steps = STEPS[alone]
    thresholds_T = np.arange(steps + 1) / steps
    shown_M = sampled_rows(len(oof.fold), max(1, len(drawn)))
    part_S, names = _parts(oof, result.repeats, shown_M)
    classes = []
    for k in drawn:
        truth_M, score_M = one_class(oof.target, oof.proba, k)
        counts = counts_above(truth_M, score_M, thresholds_T)
        classes.append(
            {
                "name": result.classes[k],
                "n": [int(truth_M.sum()), int((~truth_M).sum())],
                "hits": counts.hits_T.tolist(),
                "false": counts.false_T.tolist(),
                **_curves(truth_M[shown_M], score_M[shown_M], part_S, len(names)),
            }
        )
    return {
        "classes": classes,
        "n_classes": 1 if alone else len(result.classes),
        "folds": names[:MOST_FOLDS],
        "n_folds": len(names),
        "steps": steps,
        "at": round(DECIDED_AT * steps),
        "grid": rounded(GRID_G),
        "n_rows": len(oof.fold),
        "sample": None if len(shown_M) == len(oof.fold) else len(shown_M),
    }


def _parts(oof: OutOfFold, repeats: int, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], list[str]]:
    """Return the number of the fold of some rows among all folds of all repeats, and what all folds are called."""
    n_folds = int(oof.fold.max(initial=0)) + 1
    number_M = oof.repeat * n_folds + oof.fold
    there = np.flatnonzero(np.bincount(number_M))
    names = [
        str(fold) if repeats == 1 else f"r{repeat} f{fold}"
        for repeat, fold in zip(*np.divmod(there, n_folds), strict=True)
    ]
    return np.searchsorted(there, number_M[rows]), names


def sampled_rows(n_rows: int, n_classes: int) -> NDArray[np.int64]:
    """Return the rows that the curves are drawn of: all, or as many as there is time for, always the same."""
    most = MOST_VALUES // n_classes
    if n_rows <= most:
        return np.arange(n_rows)
    return np.sort(np.random.default_rng(0).choice(n_rows, most, replace=False))


def _curves(
    truth_M: NDArray[np.bool_], score_M: Floats, part_M: NDArray[np.int64], n_parts: int
) -> dict[str, dict[str, Any]]:
    order = np.argsort(part_M, kind="stable")
    cuts = np.searchsorted(part_M[order], np.arange(n_parts + 1))
    rows_of = [order[start:end] for start, end in pairwise(cuts)]
    whole = ranking(truth_M, score_M)
    ranked = [ranking(truth_M[rows], score_M[rows]) for rows in rows_of if len(rows)]
    found: dict[str, dict[str, Any]] = {}
    for name, curve, stepped in (("roc", roc, False), ("pr", precision_recall, True)):
        lines = [curve(one) for one in ranked]
        there = [line for line in lines if line is not None]
        around = band(there, stepped=stepped)
        found[name] = {
            "all": points_of(curve(whole), POINTS),
            "folds": [points_of(line, POINTS_OF_FOLD) for line in lines[:MOST_FOLDS]],
            "band": None if around is None else [rounded(end) for end in around],
        }
    bins = reliability(truth_M, score_M)
    found["reliability"] = {
        "all": [rounded(bins.said_B), rounded(bins.share_B)],
        "n": bins.n_B.tolist(),
        "band": [rounded(bins.low_B), rounded(bins.high_B)],
        "folds": [_bins_of(truth_M[rows], score_M[rows]) for rows in rows_of[:MOST_FOLDS]],
    }
    return found


def _bins_of(truth_M: NDArray[np.bool_], score_M: Floats) -> list[list[float]] | None:
    if not len(truth_M):
        return None
    bins = reliability(truth_M, score_M)
    many = bins.n_B >= FEWEST_IN_BIN
    return [rounded(bins.said_B[many]), rounded(bins.share_B[many])]


def points_of(line: Line | None, most: int) -> list[list[float]] | None:
    """Return x and y of at most so many points of a curve; None where there is none."""
    return None if line is None else [rounded(one) for one in thinned(line, most)]


def learning_charts(result: CVResult, folds: Sequence[FoldResult], metric: str) -> dict[str, Any] | None:
    """Return the training loss of every fold per epoch and, where monitored, the leading metric; None of no epochs."""
    trained = [part for part in sorted(folds, key=lambda part: (part.repeat, part.fold)) if part.epochs]
    if not trained:
        return None
    monitored = all(result.primary in record.monitor for part in trained for record in part.epochs)
    lines = []
    for part in trained[:MOST_FOLDS]:
        apart = max(1, -(-len(part.epochs) // MOST_EPOCHS))
        chosen = [record for i, record in enumerate(part.epochs) if i % apart == 0 or record.epoch == part.best_epoch]
        scores = [record.monitor[result.primary] for record in chosen] if monitored else []
        lines.append(
            {
                "name": fold_name(part, result.repeats),
                "epochs": [record.epoch for record in chosen],
                "loss": _finite([record.train_loss for record in chosen]),
                "score": _finite(scores),
                "best": part.best_epoch,
            }
        )
    return {"folds": lines, "metric": metric if monitored else None, "n_folds": len(trained)}


def residual_charts(result: CVResult, oof: OutOfFold) -> dict[str, Any]:
    """Return predicted over true numbers, of at most ``MOST_DOTS`` rows, and how often which residual occurs."""
    predicted_M = result.task.predicted(oof.proba)
    chosen = np.sort(np.random.default_rng(0).permutation(len(predicted_M))[:MOST_DOTS])
    residual_M = oof.target - predicted_M
    counts, edges = np.histogram(residual_M, bins=min(60, max(8, int(np.sqrt(len(residual_M))))))
    return {
        "true": _figures(oof.target[chosen]),
        "predicted": _figures(predicted_M[chosen]),
        "ids": [str(one) for one in oof.ids[chosen].tolist()],
        "n_rows": len(residual_M),
        "counts": counts.tolist(),
        "middles": _figures((edges[1:] + edges[:-1]) / 2),
    }


def rounded(values: Floats) -> list[float]:
    """Return shares with four decimals."""
    return [float(one) for one in np.round(values, 4).tolist()]


def _figures(values: NDArray[Any]) -> list[float]:
    """Return numbers of any size with six digits."""
    return [float(f"{one:.6g}") for one in values.tolist()]


def _finite(values: Sequence[float]) -> list[float | None]:
    return [float(f"{one:.5g}") if np.isfinite(one) else None for one in values]
