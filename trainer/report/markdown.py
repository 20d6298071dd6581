"""report.md and report.html: what was found, how sure it is, and how to get it again."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.report import plots
from trainer.report.formatting import (
    duration,
    fold_name,
    folds_text,
    interval,
    metric_label,
    number,
    plain_label,
    plus_minus,
    primary_first,
    signed,
)
from trainer.report.html import self_contained_html
from trainer.report.markdown_text import cell, mapping_section, table
from trainer.report.nested_table import nested_section
from trainer.results import CVResult, FoldResult, OutOfFold
from trainer.system.files import make_directory, write_bytes

_PLOTS = "plots"


def write_report(
    run_dir: Path,
    result: CVResult,
    oof: OutOfFold,
    folds: Sequence[FoldResult],
    notes: Mapping[str, Any],
    warnings: Sequence[str] = (),
) -> Path:
    """Write ``report.md`` with its pictures in ``plots/``, and the same as one file ``report.html``.

    Args:
        run_dir: exists.
        result: of the whole cross validation.
        oof: of all rows.
        folds: every fold.
        notes: facts of the run by name, in the order shown; ``command`` becomes the section on how to
            reproduce it.
        warnings: what a reader must know before believing the numbers; shown at the top.

    Returns:
        The path of ``report.md``.

    Raises:
        StorageError: a file cannot be written.
    """
    pictures = _draw(result, oof, folds)
    text = "\n\n".join(
        section
        for section in (
            _headline(result, warnings),
            _metrics_section(result),
            _folds_section(result, folds),
            _optimism_section(result),
            nested_section(result, folds),
            _curves_section(),
            _classes_section(result, oof) if result.task.has_classes else _residuals_section(result, oof),
            _amp_section(result, folds),
            mapping_section("Profile", result.profile),
            _about_section(result, notes),
        )
        if section
    )
    make_directory(run_dir / _PLOTS, run_dir)
    pages = {"report.html": self_contained_html(text, pictures).encode(), "report.md": (text + "\n").encode()}
    for name, data in (pictures | pages).items():
        write_bytes(run_dir / name, data, root=run_dir, what="report")
    return run_dir / "report.md"


def _draw(result: CVResult, oof: OutOfFold, folds: Sequence[FoldResult]) -> dict[str, bytes]:
    rows = (oof.target, oof.proba, result.classes, result.task)
    figures = {"learning_curves": plots.learning_curves(folds, result.primary)}
    if result.task.has_classes:
        figures["confusion_matrix"] = plots.confusion_matrix(*rows)
        figures["precision_recall"] = plots.precision_recall(*rows)
    else:
        figures["residuals"] = plots.predicted_against_true(*rows)
    return {f"{_PLOTS}/{name}.png": plots.png_bytes(figure) for name, figure in figures.items()}


def _headline(result: CVResult, warnings: Sequence[str]) -> str:
    summary = result.metrics[result.primary]
    label = plain_label(result.primary)
    lines = [
        "# Cross validation report",
        f"**{label} {plus_minus(summary)}** over {folds_text(result)}; "
        f"out of fold **{number(summary.oof)}**, 95 % interval {interval(summary.ci95)}.",
    ]
    lines += [f"> **Note:** {cell(text)}" for text in warnings]
    return "\n\n".join(lines)


def _metrics_section(result: CVResult) -> str:
    rows = []
    for name in primary_first(result):
        summary = result.metrics[name]
        row = [metric_label(name), plus_minus(summary), number(summary.oof), interval(summary.ci95)]
        rows.append([f"**{text}**" for text in row] if name == result.primary else row)
    explained = (
        "Mean ± standard deviation over folds; *out of fold* is the metric on the held-out predictions of "
        "all rows together, with a percentile bootstrap interval over rows. The interval covers the sampling "
        "of rows, not of splits or seeds. Arrows point to better; – means undefined."
    )
    heading = ["metric", "mean ± sd", "out of fold", "95 % interval"]
    return f"## Metrics\n\n{table(heading, rows)}\n\n{explained}"


def _folds_section(result: CVResult, folds: Sequence[FoldResult]) -> str:
    names = primary_first(result)
    heading = ["fold", "train rows", "held-out rows", "epoch scored", *map(metric_label, names), "time"]
    rows = [
        [
            fold_name(part, result.repeats),
            str(part.n_train),
            str(len(part.rows)),
            f"{part.best_epoch} of {len(part.epochs)}",
            *(number(part.metrics.get(name)) for name in names),
            duration(part.seconds),
        ]
        for part in _ordered(folds)
    ]
    return f"## Folds\n\n{table(heading, rows)}"


def _optimism_section(result: CVResult) -> str:
    if not result.optimism:
        return ""
    rows = [[metric_label(name), signed(value)] for name, value in result.optimism.items()]
    return (
        "## Optimism of picking the epoch on the held-out fold\n\n"
        "Each fold was scored at the epoch its own held-out rows liked best. The honest score of a fold is "
        "its score at the epoch the other folds pick; the difference below is how much the figures above "
        "flatter (+).\n\n" + table(["metric", "optimism"], rows)
    )


def _curves_section() -> str:
    return f"## Learning curves\n\n![Learning curves]({_PLOTS}/learning_curves.png)"


def _classes_section(result: CVResult, oof: OutOfFold) -> str:
    what = result.task.nouns.capitalize()
    once = "" if result.repeats == 1 else "\n\nEach row is counted once per repeat."
    heading = [
        "#",
        result.task.noun,
        "support",
        "precision",
        "recall",
        "F1",
    ]
    return (
        f"## {what}, out of fold\n\n{table(heading, per_class(result, oof))}{once}\n\n"
        f"![Confusion matrix]({_PLOTS}/confusion_matrix.png)\n\n"
        f"![Precision and recall]({_PLOTS}/precision_recall.png)"
    )


def _residuals_section(result: CVResult, oof: OutOfFold) -> str:
    residuals = oof.target - result.task.predicted(oof.proba)
    quantiles = np.quantile(residuals, [0.05, 0.25, 0.5, 0.75, 0.95])
    heading = ["", "mean", "sd", "5 %", "25 %", "50 %", "75 %", "95 %"]
    row = ["true minus predicted", *map(number, (residuals.mean(), residuals.std(), *quantiles))]
    once = "" if result.repeats == 1 else "\n\nEach row is counted once per repeat."
    return f"## Residuals, out of fold\n\n{table(heading, [row])}{once}\n\n![Residuals]({_PLOTS}/residuals.png)"


def per_class(result: CVResult, oof: OutOfFold) -> list[list[str]]:
    """Return index, name, support, precision, recall and F1 of each class or label, by scikit-learn."""
    from sklearn.metrics import precision_recall_fscore_support

    columns: tuple[NDArray[Any], ...] = precision_recall_fscore_support(
        oof.target,
        result.task.predicted(oof.proba),
        labels=np.arange(len(result.classes)),
        average=None,
        zero_division=0.0,
    )
    return [
        [str(i), cell(name), str(support), number(precision), number(recall), number(f1)]
        for i, (name, precision, recall, f1, support) in enumerate(zip(result.classes, *columns, strict=True))
    ]


def _amp_section(result: CVResult, folds: Sequence[FoldResult]) -> str:
    rows = [
        [
            fold_name(part, result.repeats),
            str(part.epochs[-1].skipped_steps),
            f"{part.epochs[-1].loss_scale:g}",
        ]
        for part in _ordered(folds)
        if part.epochs
    ]
    scaling = table(["fold", "skipped steps", "final loss scale"], rows)
    of_the_run = {key: value for key, value in result.amp.items() if key != "folds"}
    return f"{mapping_section('Mixed precision', of_the_run) or '## Mixed precision'}\n\n{scaling}"


def _about_section(result: CVResult, notes: Mapping[str, Any]) -> str:
    facts = {key: value for key, value in notes.items() if key != "command"}
    facts |= {"training time": duration(result.seconds), "fingerprint of the folds": result.fingerprint}
    parts = [mapping_section("This run", facts)]
    if notes.get("command"):
        command = str(notes["command"]).replace("```", "'''").strip()
        parts += ["## How to reproduce", f"```\n{command}\n```"]
    return "\n\n".join(parts)


def _ordered(folds: Sequence[FoldResult]) -> list[FoldResult]:
    return sorted(folds, key=lambda part: (part.repeat, part.fold))
