"""How numbers and names are shown to people, the same in every table."""

import math
from collections.abc import Sequence

from trainer.metrics.find import metric_or_none
from trainer.results import CVResult, FoldResult, MetricSummary


def metric_label(name: str) -> str:
    """Return a metric's label with an arrow towards better."""
    metric = metric_or_none(name)
    return f"{metric.label} {'↑' if metric.greater_is_better else '↓'}" if metric else name


def plain_label(name: str) -> str:
    """Return a metric's label; the name itself where the metric's package is not imported."""
    metric = metric_or_none(name)
    return metric.label if metric else name


def folds_named(names: Sequence[object]) -> str:
    """Return ``fold 2`` or ``folds 0,2``."""
    return f"fold{'s' if len(names) > 1 else ''} {','.join(map(str, names))}"


def number(value: float | None, digits: int = 4) -> str:
    """Return a score with fixed decimals; a dash where it is undefined."""
    if value is None or not math.isfinite(value):
        return "–"
    return f"{value + 0.0:.{digits}f}"  # + 0.0 turns -0, the log loss of a sure row, into 0


def plus_minus(summary: MetricSummary) -> str:
    """Return mean ± standard deviation over folds, and how many are in it where not all; of one fold its value."""
    n_defined, n_folds = summary.n_defined, len(summary.folds)
    if not n_defined or math.isnan(summary.mean):
        return number(None)
    shown = number(summary.mean) if n_defined < 2 else f"{number(summary.mean)} ± {number(summary.sd)}"
    return shown if n_defined == n_folds else f"{shown} ({n_defined} of {n_folds})"


def undefined_lines(result: CVResult) -> list[str]:
    """Return why a dash or a mean of fewer folds stands in the tables, one line per reason."""
    names: dict[str, list[str]] = {}
    for name in primary_first(result):
        if name in result.undefined:
            names.setdefault(result.undefined[name], []).append(plain_label(name))
    return [f"{', '.join(labels)}: {why}" for why, labels in names.items()]


def interval(ci95: tuple[float, float] | None) -> str:
    """Return the two ends of an interval."""
    return "–" if ci95 is None else f"{number(ci95[0])} – {number(ci95[1])}"


def interval_lines(result: CVResult) -> list[str]:
    """Return what the intervals are drawn from where it is not the rows."""
    if result.n_groups in (None, 1):
        return []
    return [f"95 % CI: {result.n_groups} groups are drawn, each with all its rows, since rows of one group are alike"]


def seed_lines(result: CVResult) -> list[str]:
    """Return what the seeds of a run say of its leading metric; nothing where there is one seed."""
    if not result.seeds:
        return []
    found, label = result.seeds["metrics"][result.primary], plain_label(result.primary)
    values = ", ".join(map(number, found["oof"]))
    line = f"seeds {', '.join(map(str, result.seeds['seeds']))} on the same folds: {label} out of fold {values}"
    if "sd" not in found:
        return [f"{line}; its spread: {found['undefined']}"]
    line += f" (sd {number(found['sd'])})"
    if found["shares"] is None:
        return [line]
    named = zip(("seed", "held-out rows", "folds"), found["shares"], strict=True)
    return [f"{line}; of the variance of a fold's value: {', '.join(f'{what} {100 * s:.0f} %' for what, s in named)}"]


def signed(value: float) -> str:
    """Return a difference with its sign."""
    return f"{round(value, 4) + 0.0:+.4f}" if math.isfinite(value) else "–"  # + 0.0 turns -0 into 0


def duration(seconds: float) -> str:
    """Return a time as people say it: 0.4 s, 12 s, 3 min 05 s, 2 h 10 min."""
    if not math.isfinite(seconds):
        return "–"
    if seconds < 59.5:
        return f"{seconds:.1f} s" if seconds < 9.95 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def primary_first(result: CVResult) -> list[str]:
    """Return the metric names, the primary one first."""
    return [result.primary, *(name for name in result.metrics if name != result.primary)]


def folds_text(result: CVResult) -> str:
    """Return how the rows were split, in words."""
    folds = f"{result.n_splits} fold{'s' if result.n_splits > 1 else ''}"
    n_seeds = len(result.seeds.get("seeds", [])) or 1
    repeats = result.n_different
    return f"{folds}{f' x {repeats} repeats' if repeats > 1 else ''}{f' x {n_seeds} seeds' if n_seeds > 1 else ''}"


def fold_name(part: FoldResult, repeats: int) -> str:
    """Return ``3``, or ``r1 f3`` where there are repeats."""
    return str(part.fold) if repeats == 1 else f"r{part.repeat} f{part.fold}"


def epoch_scored(part: FoldResult, between: str) -> str:
    """Return the epoch that was scored and how many there were; a dash where nothing was trained, as in a blend."""
    return f"{part.best_epoch}{between}{len(part.epochs)}" if part.epochs else "–"
