"""A comparison as one HTML page: the answer, the runs, every pair, and their curves on the same axes."""

import base64
from pathlib import Path

import numpy as np

from trainer.evidence.not_defined import NotDefined
from trainer.inference.compare import Comparison
from trainer.inference.compare_answer import answer
from trainer.inference.compare_figures import pair_rows
from trainer.inference.compare_page import AGAINST, lines_below, pair_name, require_picture, run_headings, run_rows
from trainer.inference.compared_runs import ComparedRun, held_out_rows
from trainer.report.compare_plot import Difference, differences_plot
from trainer.report.fonts import drawn_by
from trainer.report.formatting import number, plain_label
from trainer.report.page.class_scores import MOST_CLASSES, scores_of_classes
from trainer.report.page.compared_charts import RunToDraw, compared_charts
from trainer.report.page.html_page import page_html
from trainer.report.page.page_words import FOR_THE_SCRIPT, page_language, page_words
from trainer.report.page.sections import Cells
from trainer.report.plots import png_bytes
from trainer.store.own_files import write_given
from trainer.wording.translations import N_, _


def write_picture(path: Path, comparison: Comparison) -> None:
    """Write the differences as a PNG, or all of it as one HTML page.

    Raises:
        ConfigError: the file is to be of another kind.
        StorageError: it cannot be written.
    """
    require_picture(path)
    data = _picture(comparison) if path.suffix.lower() == ".png" else whole_page(comparison).encode()
    write_given(path, data, N_("report"))


def whole_page(comparison: Comparison) -> str:
    """Return the comparison as a page that needs nothing else."""
    picture = base64.b64encode(_picture(comparison)).decode()
    language = page_language("auto")
    words, first = page_words(language), comparison.runs[0].run
    drawn = [_to_draw(one) for one in comparison.runs]
    plan = first.plan
    folds = [
        str(fold) if plan.repeats == 1 else f"r{repeat} f{fold}"
        for repeat in range(plan.repeats)
        for fold in range(plan.n_splits)
    ]
    compared = compared_charts(
        first.task, first.classes, drawn, folds if comparison.is_paired else [], comparison.label
    )
    return page_html(
        "compare.html.j2",
        {"compared": compared, "words": {name: words[name] for name in FOR_THE_SCRIPT}},
        language=language,
        words=words,
        names=[run.name for run in comparison.runs],
        answer=answer(comparison),
        headings=run_headings(comparison),
        runs=list(run_rows(comparison)),
        pairs=[(pair_name(pair), list(pair_rows(comparison, pair))) for pair in comparison.pairs],
        lines=lines_below(comparison),
        picture=picture,
        classes=_classes(comparison, drawn, words["label" if first.task.several_labels else "class"]),
        several_labels=first.task.several_labels,
        n_classes=len(first.classes),
    )


def _to_draw(one: ComparedRun) -> RunToDraw:
    """Return the held-out rows of a run, repeat after repeat."""
    run = one.run
    rows = [held_out_rows(run, repeat) for repeat in range(run.plan.repeats)]
    target = np.concatenate([run.target[part] for part in rows])
    proba = np.concatenate([run.proba_RNC[repeat, part] for repeat, part in enumerate(rows)])
    return RunToDraw(one.name, target, proba.astype(np.float64), one.folds)


def _classes(comparison: Comparison, drawn: list[RunToDraw], noun: str) -> Cells:
    """Return the F1 of each class by run, the lowest of the first run first where they are many."""
    task, classes = comparison.runs[0].run.task, comparison.runs[0].run.classes
    if not task.has_classes:
        return Cells([], [])
    scores = [scores_of_classes(task, len(classes), one.target, one.proba) for one in drawn]
    order = range(len(classes)) if len(classes) <= MOST_CLASSES else scores[0].weakest()[:MOST_CLASSES]
    rows = [[classes[k], *(number(float(one.f1[k])) for one in scores)] for k in order]
    return Cells([noun, *(one.name for one in drawn)], rows)


def _picture(comparison: Comparison) -> bytes:
    against = drawn_by(_)(AGAINST)
    differences = [
        Difference(
            against.format(a=pair.a.name, b=pair.b.name),
            pair.lead,
            None if isinstance(pair.rows, NotDefined) else pair.rows.ci95,
            None if isinstance(pair.folds, NotDefined) else (pair.folds.mean, pair.folds.ci95),
        )
        for pair in comparison.pairs
    ]
    return png_bytes(differences_plot(differences, plain_label(comparison.metric), comparison.rope, say=_))
