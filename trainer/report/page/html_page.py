"""report.html: the report as one file that a person sorts, filters and asks, and that needs nothing else."""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

from trainer.metrics.summary import row_numbers
from trainer.report.baseline_table import label
from trainer.report.formatting import interval, number, plus_minus, primary_first
from trainer.report.markdown_text import plain_facts
from trainer.report.page.audit_words import finding_text, warning_word
from trainer.report.page.charts import class_charts, learning_charts, residual_charts
from trainer.report.page.class_scores import ClassScores, class_scores
from trainer.report.page.line_words import fact_rows, nested_heading, seed_lines, technical, undefined_lines
from trainer.report.page.note_words import note_word
from trainer.report.page.page_words import FOR_THE_SCRIPT, LANG, page_words
from trainer.report.page.run_facts import PageFacts, RowContent
from trainer.report.page.sections import (
    about_rows,
    baseline_heading,
    classes_table,
    confusion_tables,
    folds_tables,
    metrics_table,
    residual_cells,
    slices_table,
    split_facts,
)
from trainer.report.page.term_words import baseline_lines, called, in_words, metric_word
from trainer.report.page.worst import worst_rows
from trainer.report.rendering import render
from trainer.results import CVResult, FoldResult, OutOfFold
from trainer.wording.translations import translated

BUNDLED = Path(__file__).parents[1] / "bundled"
LIBRARY = "plotly-basic-*.min.js.gz"


def report_page(
    result: CVResult,
    oof: OutOfFold,
    folds: Sequence[FoldResult],
    shown: Mapping[str, Any],
    pictures: Mapping[str, bytes],
    facts: PageFacts,
) -> str:
    """Return the page.

    Args:
        result: of the whole cross validation.
        oof: of all rows.
        folds: every fold, in order.
        shown: what the Markdown report says too: warnings, hints, command, decision, notes about the run, ...
        pictures: PNG bytes by name, which stand for the charts where there is no script.
        facts: what else is known of the run.
    """
    words, say = page_words(facts.language), translated(facts.language)
    scores = class_scores(result, oof) if result.task.has_classes else None
    data = _data(result, oof, folds, scores, metric_word(result.primary, words))
    data |= {"words": {name: words[name] for name in FOR_THE_SCRIPT}}
    worst = worst_rows(result, oof)
    models, leads = baseline_lines(result, words)
    return page_html(
        "report.html.j2",
        data,
        language=facts.language,
        words=words,
        result=result,
        facts=facts,
        answer=_answer(result, words),
        metric_table=metrics_table(result, words),
        about=about_rows(result, words),
        renamed=partial(in_words, words=words),
        baseline_models=models,
        baseline_leads=leads,
        finding_text=partial(finding_text, words=words, say=say, language=facts.language),
        technical=partial(technical, say=say),
        metric_names=primary_first(result),
        baseline_heading=baseline_heading(result, words),
        split=split_facts(result, oof, facts, words),
        folds_tables=folds_tables(result, folds, facts, words),
        class_table=None if scores is None else classes_table(result, scores, words),
        confusion=confusion_tables(result, oof, words),
        residual_table=None if scores else residual_cells(result, oof, words),
        slices=slices_table(result, facts, words, say),
        worst=worst,
        held=_held(facts, [row.id for row in worst]),
        n_rows=int(row_numbers(oof).max()) + 1,
        pictures={name: _as_address(picture) for name, picture in pictures.items()},
        **{**shown, **_own_lines(result, oof, shown, facts, words)},
    )


def _own_lines(
    result: CVResult, oof: OutOfFold, shown: Mapping[str, Any], facts: PageFacts, words: Mapping[str, str]
) -> dict[str, Any]:
    """Return what the Markdown report says too, in the language of the page."""
    say = translated(facts.language)
    skipped = [
        (words.get(name, label(name)), note_word(one.skipped, say))
        for name, one in result.baselines.items()
        if one.skipped
    ]
    said = words["baseline_skipped"]
    return {
        "warnings": [
            warning_word(one, facts.audit or (), words, say, facts.language) for one in shown.get("warnings", ())
        ],
        "hints": [note_word(one, say, called(result, words)) for one in shown.get("hints", ())],
        "seed_lines": seed_lines(result, words, say),
        "undefined_lines": undefined_lines(result, oof, words, say),
        "skipped": [
            said.format(name=f"{name[:1].upper()}{name[1:]}", why=note_word(why, say)) for name, why in skipped
        ],
        "nested_heading": nested_heading(shown["nested"], words, say) if shown.get("nested") else [],
        "split_notes": [note_word(note, say) for note in facts.split.get("notes", ())],
        "about_run": fact_rows(plain_facts(shown["notes"]), say),
    }


def page_html(template: str, data: Mapping[str, Any], *, language: str, **values: Any) -> str:
    """Return a page with its data, its script and the plotting library inside, under a policy that loads nothing else.

    Args:
        template: of the page.
        data: for the script, plain values.
        language: of the page.
        **values: for the template.
    """
    library = plotting_library()
    digest = hashlib.sha256(json.dumps(data, allow_nan=False).encode())
    return render(template, lang=LANG[language], nonce=digest.hexdigest()[:32], library=library, data=data, **values)


@cache
def plotting_library() -> str:
    """Return the plotting library, compressed and in base64; empty where it was not installed with the rest."""
    found = sorted(BUNDLED.glob(LIBRARY))
    return base64.b64encode(found[-1].read_bytes()).decode() if found else ""


def _data(
    result: CVResult, oof: OutOfFold, folds: Sequence[FoldResult], scores: ClassScores | None, metric: str
) -> dict[str, Any]:
    charts: dict[str, Any] = {"learning": learning_charts(result, folds, metric)}
    if scores is None:
        return charts | {"residuals": residual_charts(result, oof)}
    return charts | {"curves": class_charts(result, oof, scores.weakest())}


def _answer(result: CVResult, words: Mapping[str, str]) -> list[str]:
    primary = result.metrics[result.primary]
    said = {"label": metric_word(result.primary, words), "mean": plus_minus(primary), "folds": _in_folds(result, words)}
    return [
        words["answer"].format(**said),
        words["answer_oof"].format(oof=number(primary.oof), interval=interval(primary.ci95)),
    ]


def _in_folds(result: CVResult, words: Mapping[str, str]) -> str:
    folds = words["one_fold"] if result.n_splits == 1 else words["in_folds"].format(n=result.n_splits)
    if result.n_different > 1:
        folds = words["in_repeats"].format(n=result.n_splits, r=result.n_different)
    n_seeds = len(result.seeds.get("seeds", ()))
    return words["in_seeds"].format(folds=folds, n=n_seeds) if n_seeds > 1 else folds


def _held(facts: PageFacts, ids: Sequence[str]) -> list[RowContent]:
    held = [] if facts.rows is None else facts.rows(ids)
    return held if any(one.text or one.picture for one in held) else []


def _as_address(picture: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(picture).decode()}"
