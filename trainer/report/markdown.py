"""report.md and report.html: what was found, how sure it is, and how to get it again."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.metrics.weighted import confusion_cells
from trainer.report import plots
from trainer.report.baseline_table import baseline_table
from trainer.report.formatting import (
    duration,
    epoch_scored,
    fold_name,
    interval,
    metric_label,
    number,
    plain_label,
    plus_minus,
    primary_first,
    seed_lines,
    signed,
    undefined_lines,
)
from trainer.report.markdown_text import cell
from trainer.report.nested_table import nested_table
from trainer.report.page.html_page import report_page
from trainer.report.page.run_facts import PageFacts
from trainer.report.rendering import render
from trainer.results import CVResult, FoldResult, OutOfFold
from trainer.system.files import make_directory, write_bytes
from trainer.tasks import Task
from trainer.wording.printable import printable
from trainer.wording.translations import N_

_PLOTS = "plots"
Pictures = dict[str, bytes]  # PNG files by name in the run's directory
FOLD_HEADING = ("fold", "train rows", "held-out rows", "epoch scored")  # then the metrics and the time


def write_report(
    run_dir: Path,
    result: CVResult,
    oof: OutOfFold,
    folds: Sequence[FoldResult],
    notes: Mapping[str, Any],
    warnings: Sequence[str] = (),
    hints: Sequence[str] = (),
    page: PageFacts | None = None,
    pictures: Pictures | None = None,
) -> Path:
    """Write ``report.md`` with its pictures in ``plots/``, and the page ``report.html``.

    Args:
        run_dir: exists.
        result: of the whole cross validation.
        oof: of all rows.
        folds: every fold.
        notes: facts of the run by name, in the order shown; ``command`` becomes the section on how to
            reproduce it, and ``decision`` one of its own.
        warnings: what a reader must know before believing the numbers; shown at the top.
        hints: what to try next; shown below them.
        page: what else the page shows of the run; None = nothing, in English.
        pictures: as ``draw_pictures`` returned them; None = they are drawn.

    Returns:
        The path of ``report.md``.

    Raises:
        StorageError: a file cannot be written.
    """
    if pictures is None:
        pictures = draw_pictures(oof, folds, primary=result.primary, classes=result.classes, task=result.task)
    in_order = sorted(folds, key=lambda part: (part.repeat, part.fold))
    shared = _shared(result, in_order, notes, warnings, hints)
    text = _markdown(result, oof, in_order, shared)
    by_name = {Path(path).stem: data for path, data in pictures.items()}
    facts = page or PageFacts(name=run_dir.name)
    whole = report_page(result, oof, in_order, shared, by_name, facts)
    make_directory(run_dir / _PLOTS, run_dir)
    pages = {"report.html": whole.encode(), "report.md": text.encode()}
    for name, data in (pictures | pages).items():
        write_bytes(run_dir / name, data, root=run_dir, what=N_("report"))
    return run_dir / "report.md"


def report_markdown(
    result: CVResult,
    oof: OutOfFold,
    folds: Sequence[FoldResult],
    notes: Mapping[str, Any],
    warnings: Sequence[str] = (),
    hints: Sequence[str] = (),
) -> str:
    """Return ``report.md``: the text is in ``templates/report.md.j2``, the arguments are those of ``write_report``."""
    in_order = sorted(folds, key=lambda part: (part.repeat, part.fold))
    return _markdown(result, oof, in_order, _shared(result, in_order, notes, warnings, hints))


def _shared(
    result: CVResult,
    folds: Sequence[FoldResult],
    notes: Mapping[str, Any],
    warnings: Sequence[str],
    hints: Sequence[str],
) -> dict[str, Any]:
    """Return what both reports say, unescaped."""
    about = {key: value for key, value in notes.items() if key not in ("command", "decision")}
    return {
        "warnings": warnings,
        "hints": hints,
        "undefined_lines": undefined_lines(result),
        "seed_lines": seed_lines(result),
        "optimism_rows": [[metric_label(name), signed(value)] for name, value in (result.optimism or {}).items()],
        "nested": nested_table(result, folds),
        "baselines": baseline_table(result),
        "amp": {key: value for key, value in result.amp.items() if key != "folds"},
        "scaling_rows": _scaling_rows(result, folds),
        "notes": about | {"training time": duration(result.seconds), "fingerprint of the folds": result.fingerprint},
        "decision": notes.get("decision", ()),
        "command": printable(str(notes.get("command") or "").strip()),
    }


def _markdown(result: CVResult, oof: OutOfFold, folds: Sequence[FoldResult], shared: dict[str, Any]) -> str:
    return render(
        "report.md.j2",
        **shared | {"command": shared["command"].replace("```", "'''")},
        result=result,
        primary=result.metrics[result.primary],
        label=plain_label(result.primary),
        has_epochs=any(part.epochs for part in folds),
        metric_rows=_metric_rows(result),
        fold_heading=[*FOLD_HEADING, *map(metric_label, primary_first(result)), "time"],
        fold_rows=_fold_rows(result, folds),
        class_rows=per_class(result, oof) if result.task.has_classes else [],
        residual_row=[] if result.task.has_classes else _residual_row(result, oof),
    )


def draw_pictures(
    oof: OutOfFold, folds: Sequence[FoldResult], *, primary: str, classes: Sequence[str], task: Task
) -> Pictures:
    """Return the pictures of a run as PNG files, by name in its directory.

    Args:
        oof: of all rows.
        folds: every fold.
        primary: name of the leading metric.
        classes: label text per class index.
        task: what was to be predicted.
    """
    rows = (oof.target, oof.proba, classes, task)
    trained = any(part.epochs for part in folds)
    figures = {"learning_curves": plots.learning_curves(folds, primary)} if trained else {}
    if task.has_classes:
        figures["confusion_matrix"] = plots.confusion_matrix(*rows)
        figures["precision_recall"] = plots.precision_recall(*rows)
    else:
        figures["residuals"] = plots.predicted_against_true(*rows)
    return {f"{_PLOTS}/{name}.png": plots.png_bytes(figure) for name, figure in figures.items()}


def _metric_rows(result: CVResult) -> list[list[str]]:
    rows = []
    for name in primary_first(result):
        summary = result.metrics[name]
        row = [metric_label(name), plus_minus(summary), number(summary.oof), interval(summary.ci95)]
        rows.append([f"**{text}**" for text in row] if name == result.primary else row)
    return rows


def _fold_rows(result: CVResult, folds: Sequence[FoldResult]) -> list[list[str]]:
    return [
        [
            fold_name(part, result.repeats),
            str(part.n_train),
            str(len(part.rows)),
            epoch_scored(part, " of "),
            *(number(part.metrics.get(name)) for name in primary_first(result)),
            duration(part.seconds),
        ]
        for part in folds
    ]


def _scaling_rows(result: CVResult, folds: Sequence[FoldResult]) -> list[list[str]]:
    last = [(fold_name(part, result.repeats), part.epochs[-1]) for part in folds if part.epochs]
    return [[name, str(epoch.skipped_steps), f"{epoch.loss_scale:g}"] for name, epoch in last]


def _residual_row(result: CVResult, oof: OutOfFold) -> list[str]:
    residuals = oof.target - result.task.predicted(oof.proba)
    quantiles = np.quantile(residuals, [0.05, 0.25, 0.5, 0.75, 0.95])
    return ["true minus predicted", *map(number, (residuals.mean(), residuals.std(), *quantiles))]


def per_class(result: CVResult, oof: OutOfFold) -> list[list[str]]:
    """Return index, name, support, precision, recall and F1 of each class or label, by scikit-learn."""
    from sklearn.metrics import precision_recall_fscore_support

    target, predicted, rows = oof.target, result.task.predicted(oof.proba), None
    if result.task.one_class_each:
        target, predicted, cell_N = confusion_cells(target, predicted, len(result.classes))
        rows = np.bincount(cell_N)
    columns: tuple[NDArray[Any], ...] = precision_recall_fscore_support(
        target,
        predicted,
        labels=np.arange(len(result.classes)),
        average=None,
        sample_weight=rows,
        zero_division=0.0,
    )
    return [
        [str(i), cell(name), f"{support:.0f}", number(precision), number(recall), number(f1)]
        for i, (name, precision, recall, f1, support) in enumerate(zip(result.classes, *columns, strict=True))
    ]
