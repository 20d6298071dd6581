"""The page on which a person tries a run: one file, nothing of it from elsewhere."""

import secrets
from typing import Any

from trainer.inference.serving.about import Facts
from trainer.report.formatting import number
from trainer.report.rendering import render
from trainer.wording.translations import N_, translated, wanted_languages

SHIPPED = ("en", "zh")
LANG = {"en": "en", "zh": "zh-CN"}
POLICY = (
    "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; img-src blob: data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
FOR_THE_SCRIPT = ("task", "classes", "folds", "blend", "decision")
MOST_OPTIONS = 60  # of a list to choose from; of more categories a few letters are typed
WORDS = {
    "predict": N_("Predict"),
    "erase": N_("Clear"),
    "no_value": N_("(no value)"),
    "number": N_("number"),
    "date": N_("date"),
    "drop": N_("Drop an image here, or choose one"),
    "chosen": N_("The image that was chosen"),
    "result": N_("Prediction"),
    "probabilities": N_("Probabilities"),
    "legend": N_("Bars: mean of the folds. Dots: each fold."),
    "legend_runs": N_("Bars: the blend. Dots: each of its runs."),
    "legend_number": N_("Line: the prediction. Dots: each fold, or run."),
    "opinions": N_("What each fold says"),
    "opinions_runs": N_("What each run says"),
    "fold": N_("Fold"),
    "run": N_("Run"),
    "agree": N_("{n} of {all} agree with this"),
    "spread": N_("spread between them"),
    "entropy": N_("entropy"),
    "set": N_("Set that covers: {said} (it holds the truth in about {share} of cases)"),
    "interval": N_("Interval that covers: {said} (it holds the truth in about {share} of cases)"),
    "none": N_("no label"),
    "nothing": N_("no class"),
    "notes": N_("Notes"),
    "more": N_("Show all {n}"),
    "held_out": N_("on rows that the folds held out"),
    "decided": N_("decided by foldwise decide"),
    "working": N_("Predicting ..."),
    "absent": N_("The server does not answer. Is it still running?"),
    "choose_first": N_("Choose an image first."),
    "script": N_("This page needs JavaScript; without it, send POST /predict."),
    "by_program": N_("From a program"),
}


def page_language(accepted: str | None) -> str:
    """Return the language of the page: what the browser would rather have of those there are, else the server's.

    Args:
        accepted: the header Accept-Language; what it says opens no file.
    """
    wanted = [tag.partition("-")[0] for tag in _by_preference(accepted or "")]
    found = next((tag for tag in wanted if tag in SHIPPED), None)
    if found is not None:
        return found
    own = (name.replace("_", "-").partition("-")[0].partition(".")[0] for name in wanted_languages())
    return next((tag for tag in own if tag in SHIPPED), "en")


def _by_preference(header: str) -> list[str]:
    parts = [part.strip().lower().partition(";") for part in header.split(",")]
    weighed = [(_weight(rest), tag.strip()) for tag, _, rest in parts]
    return [tag for weight, tag in sorted(weighed, key=lambda one: -one[0]) if weight > 0]


def _weight(rest: str) -> float:
    name, _, value = rest.strip().partition("=")
    try:
        return float(value) if name.strip() == "q" else 1.0
    except ValueError:
        return 0.0


def page(facts: Facts, language: str) -> tuple[str, str]:
    """Return the page, and the policy under which a browser may run its script and no other."""
    say = translated(language)
    words, nonce = {name: say(text) for name, text in WORDS.items()}, secrets.token_urlsafe(16)
    text = render(
        "serve.html.j2",
        facts=facts,
        words=words,
        nonce=nonce,
        lang=LANG[language],
        shown={name: facts[name] for name in FOR_THE_SCRIPT},
        score=_score(facts, words),
        most_options=MOST_OPTIONS,
        sample=_row(facts),
    )
    return text, POLICY.format(nonce=nonce)


def _score(facts: Facts, words: dict[str, str]) -> str:
    score = facts["score"]
    if score is None:
        return ""
    return f"{score['label']} {number(score['mean'])} ± {number(score['sd'])} {words['held_out']}"


def _row(facts: Facts) -> dict[str, Any]:
    """Return a row to show how a program sends one."""
    kinds: dict[str, Any] = {"number": 1.5, "date": "2026-01-31", "text": "..."}
    columns = facts["columns"][:4]
    return {one["name"]: kinds.get(one["kind"], next(iter(one.get("categories", [])), "...")) for one in columns}
