"""Why a run predicts what it predicts, as one HTML page that needs nothing else."""

from typing import Any

from trainer.evidence.not_defined import NotDefined
from trainer.inference.importance import Importance, Importances
from trainer.inference.show_importance import interval_of, matters, mean_score
from trainer.report.formatting import number, plain_label, signed
from trainer.report.page.page_words import LANG, page_language
from trainer.report.rendering import render
from trainer.wording.translations import N_, translated

WORDS = {
    "title": N_("Why {run} predicts what it predicts"),
    "importance": N_("Importance of the columns"),
    "measured": N_(
        "By how much {metric} is worse on {rows} held-out rows when the cells of a column are dealt out among them "
        "again. Without that it is {score} (mean of folds)."
    ),
    "column": N_("column"),
    "worse": N_("worse by"),
    "interval": N_("95 % CI over folds"),
    "reading": N_(
        "Bars: mean over folds and draws. Lines: intervals (95 %) over folds, corrected for shared training rows. "
        "Pale: the interval reaches 0. A column that another one can stand for looks less important than it is; those "
        "whose rank correlation is high are permuted together."
    ),
}


def page(found: Importances) -> str:
    """Return the page as HTML, in the language of the user."""
    language = page_language("auto")
    say = translated(language)
    words = {name: say(text) for name, text in WORDS.items()}
    low, high = _ends(found.columns)
    score = number(mean_score(found))
    return render(
        "explain.html.j2",
        lang=LANG[language],
        words=words,
        title=words["title"].format(run=found.directory.name),
        measured=words["measured"].format(metric=plain_label(found.metric), rows=found.n_rows, score=score),
        columns=[_bar(one, low, high) for one in found.columns],
        notes=found.notes,
    )


def _ends(columns: tuple[Importance, ...]) -> tuple[float, float]:
    """Return what the bars' scale begins and ends at; 0 is in it."""
    values = [0.0]
    for one in columns:
        if one.value == one.value:
            values += [one.value] if isinstance(one.spread, NotDefined) else [one.value, *one.spread.ci95]
    low, high = min(values), max(values)
    return low, high if high > low else low + 1.0


def _bar(one: Importance, low: float, high: float) -> dict[str, Any]:
    """Return a column's bar and its interval, in percent of the scale."""

    def at(value: float) -> float:
        return round(100 * (value - low) / (high - low), 2)

    value = one.value if one.value == one.value else 0.0
    start, end = sorted((at(0.0), at(value)))
    whisker = None
    if not isinstance(one.spread, NotDefined):
        left, right = map(at, one.spread.ci95)
        whisker = (left, round(right - left, 2))
    return {
        "names": one.names,
        "worse": signed(one.value),
        "interval": interval_of(one),
        "left": start,
        "width": round(end - start, 2),
        "whisker": whisker,
        "pale": not matters(one),
    }
