"""Result tables for the terminal, at most 80 characters wide."""

import math
from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from trainer.report.formatting import (
    duration,
    epoch_scored,
    fold_name,
    folds_text,
    interval,
    metric_label,
    number,
    plus_minus,
    primary_first,
    signed,
)
from trainer.report.rich_tables import headed_table
from trainer.results import CVResult, FoldResult

_FOLD_METRICS = 3  # metric columns of the per-fold table


def results_table(result: CVResult) -> Table:
    """Return one row per metric, the primary one first: folds, out-of-fold (OOF), interval, optimism."""
    table = headed_table(f"Cross validation, {folds_text(result)}")
    table.add_column("metric", no_wrap=True)
    headings = ["mean ± sd", "OOF", "95 % CI"] + (["optimism"] if result.optimism else [])
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    for name in primary_first(result):
        summary = result.metrics[name]
        cells = [metric_label(name), plus_minus(summary), number(summary.oof), interval(summary.ci95)]
        if result.optimism:
            cells.append(signed(result.optimism.get(name, math.nan)))
        table.add_row(*(Text(cell) for cell in cells), style="bold" if name == result.primary else "")
    return table


def folds_table(result: CVResult, folds: Sequence[FoldResult]) -> Table:
    """Return one row per fold: rows, the epoch that was scored, the leading metrics, time."""
    names = primary_first(result)[:_FOLD_METRICS]
    table = headed_table("Folds")
    for heading in ("fold", "train", "held out", "epoch"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name in names:
        table.add_column(metric_label(name), justify="right", min_width=10)
    table.add_column("time", justify="right", no_wrap=True)
    for part in sorted(folds, key=lambda part: (part.repeat, part.fold)):
        table.add_row(
            fold_name(part, result.repeats),
            str(part.n_train),
            str(len(part.rows)),
            epoch_scored(part, "/"),
            *(number(part.metrics.get(name)) for name in names),
            duration(part.seconds),
        )
    return table
