"""What nested cross validation picked, in one line per fold and as a table of the report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from trainer.config.keys import values_text
from trainer.report.formatting import fold_name, number, plain_label
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


@dataclass(frozen=True)
class NestedTable:
    """What the folds picked.

    Attributes:
        inner_folds: how many picked it in each fold.
        metric: by which.
        heading: of the columns.
        rows: one per fold, unescaped.
    """

    inner_folds: int
    metric: str
    heading: list[str]
    rows: list[list[str]]


def nested_table(result: CVResult, folds: Sequence[FoldResult]) -> NestedTable | None:
    """Return what each fold picked and what it then scored; None where the run is not nested."""
    nested = [fold for fold in folds if fold.picked]
    if not nested:
        return None
    metric = nested[0].picked["metric"]
    rows = [
        [
            fold_name(fold, result.repeats),
            values_text(fold.picked["values"]) or "–",
            str(fold.picked["epoch"]),
            number(fold.picked["score"]),
            number(fold.metrics.get(metric)),
            f"{fold.picked['diverged']} of {fold.picked['candidates']}",
        ]
        for fold in nested
    ]
    label = plain_label(metric)
    heading = ["fold", "picked", "epoch", f"inner {label}", f"held-out {label}", "diverged candidates"]
    return NestedTable(nested[0].picked["inner_folds"], metric, heading, rows)
