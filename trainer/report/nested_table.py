"""What nested cross validation picked, in one line per fold and as a section of the report."""

from collections.abc import Mapping, Sequence
from typing import Any

from trainer.config.keys import values_text
from trainer.report.formatting import fold_name, number, plain_label
from trainer.report.markdown_text import cell, table
from trainer.results import CVResult, FoldResult


def nested_line(fold: int | str, picked: Mapping[str, Any]) -> str:
    """Return ``Nested: fold 0 picked optimizer.lr=0.01, epoch 7 (inner accuracy 0.9300)``.

    Args:
        fold: its number, or ``all``.
        picked: of its ``FoldResult``.
    """
    settings = f"{values_text(picked['values'])}, " if picked["values"] else ""
    score = f"inner {plain_label(picked['metric'])} {number(picked['score'])}"
    lost = f"; {picked['diverged']} of {picked['candidates']} candidates diverged" if picked["diverged"] else ""
    return f"Nested: fold {fold} picked {settings}epoch {picked['epoch']} ({score}{lost})"


def nested_section(result: CVResult, folds: Sequence[FoldResult]) -> str:
    """Return what each fold picked and what it then scored; nothing where the run is not nested."""
    nested = [fold for fold in folds if fold.picked]
    if not nested:
        return ""
    metric = nested[0].picked["metric"]
    rows = [
        [
            fold_name(fold, result.repeats),
            cell(values_text(fold.picked["values"])) or "–",
            str(fold.picked["epoch"]),
            number(fold.picked["score"]),
            number(fold.metrics.get(metric)),
            f"{fold.picked['diverged']} of {fold.picked['candidates']}",
        ]
        for fold in sorted(nested, key=lambda fold: (fold.repeat, fold.fold))
    ]
    label = plain_label(metric)
    heading = ["fold", "picked", "epoch", f"inner {label}", f"held-out {label}", "diverged candidates"]
    explained = (
        f"In each fold, {nested[0].picked['inner_folds']} inner folds of its training rows picked what it was trained "
        "with; the held-out rows had no part in it. The inner score is the best of many and therefore flatters; "
        "only the held-out score is an estimate."
    )
    return f"## Nested cross validation\n\n{table(heading, rows)}\n\n{explained}"
