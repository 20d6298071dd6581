"""What a run noted in English, said in the language of the page; a note that is not here stays as it is.

Notes are kept as sentences, in ``manifest.json``, ``split.json`` and the files of the folds. So a sentence is known
by the template it was made from, and what stands in its fields is put into the template's translation.
"""

import re
from collections.abc import Callable, Mapping
from functools import cache
from string import Formatter

from trainer.evidence.slices import Slice
from trainer.wording.translations import N_

Say = Callable[[str], str]
NOTES = (  # the first that fits is taken; {inner} is a note itself
    N_("fitted in {n} of {all} folds: {inner}"),
    N_("about {cost}, more than a tenth of the training time ({trained}); baseline={name} fits it all the same"),
    N_(
        "about {cost}, with the other baselines more than a tenth of the training time ({trained}); baseline={name} "
        "fits it all the same"
    ),
    N_("it cannot be fitted: {why}"),
    N_("its predictions are not finite"),
    N_("the other folds lack it"),
    N_("{n} of {all} rows were never held out: no figure here speaks of them"),
    N_("{n} of {all} rows are never held out: no out-of-fold prediction for them"),
    N_("{n} of {all} rows are used in no fold"),
    N_("too rare for both sides: {named}; metrics that need one are undefined where none is held out"),
    N_("too rare for {n} folds: {named}; metrics that need one are undefined where none is held out"),
    N_("class '{name}' is in {n} groups: not every one of {all} folds can hold it out"),
    N_("one fold only: {n} (cv.n_splits is not used)"),
    N_("one fold per group: {n} (cv.n_splits is not used)"),
    N_("given folds: {n} (cv.n_splits is not used)"),
    N_("multi-label rows: stratified by iterative stratification (cv=multilabel)"),
    N_("the intervals are drawn from {n} groups only: they are rough, and as a rule too narrow"),
    N_("all held-out rows are of one group: there is no interval, which would be drawn from groups"),
    N_("behind the best trial by {behind} after {n} of {all} folds, more than {margin}"),
    N_("below the median of the earlier trials on the same folds, {median}"),
    N_("{metric} is {value} over the folds"),
    N_("{name}, {n} rows, {inner}"),
    N_("{task}, {all} classes"),
    N_("{name}, {n} threads"),
    N_("labels: {listed}"),
    N_("target: numbers from {low} to {high}, median {middle}, standard deviation {sd}"),
    N_("features: {n} numeric, {all} categorical"),
    N_("multi-label: {figure} labels per row, {n} rows without a label"),
    N_("images by folder: {listed}"),
    N_("left out, because their endings are not read ({endings}): {listed}"),
    N_("one seed: nothing to tell its spread from"),
    N_("undefined in some folds"),
)
HINTS = (  # of trainer.report.hints
    N_(
        "{metric} was the same after every epoch in {n} of {all} folds ({names}): it picks none there, the last is "
        "kept; lead metrics.names with one that tells more"
    ),
    N_(
        "{name} is better on the same folds ({metric} {best}, this model {figure}): try another optimizer.lr, "
        "max_epochs or model, or use it instead"
    ),
    N_("the training loss still fell at the last epoch in {n} of {all} folds: try max_epochs={more}"),
    N_("{metric} still improved at the last epoch in {n} of {all} folds: try max_epochs={more}"),
    N_(
        "{metric} was best at epoch {best} of {more} (median) and fell in {n} of {all} folds: try "
        "fit.patience_epochs={figure}, a smaller optimizer.lr or more optimizer.weight_decay"
    ),
)
STATES = (  # of trainer.store.run_records: why a run has no result
    N_("all folds are there: foldwise merge"),
    N_("fold {n}: {inner}"),
    N_("fold {n} not begun"),
    N_("folds {listed} not begun"),
    N_("stopped in training"),
    N_("done with {n} of {all} epochs"),
    N_("on {name} (pid {n})"),
)
TASKS = (N_("binary"), N_("multiclass"), N_("multilabel"), N_("regression"))
MEASURES = (N_("characters"), N_("script"), N_("width"), N_("height"), N_("brightness"), N_("channels"))
FIGURES = ("all", "best", "figure", "more", "n")  # fields without a space
_NUMBER = r"(-?(?:\d[\d.]*(?:e[+-]?\d+)?|inf))"
_RANGE = re.compile(rf"(?P<name>[^=]+) (?P<low>{_NUMBER}) to (?P<high>{_NUMBER})")


def note_word(note: str, say: Say, called: Mapping[str, str] | None = None) -> str:
    """Return a note in the language of the page.

    Args:
        note: as it was kept.
        say: returns a template in the language.
        called: what metrics and baselines are called in it, by what they are called in English.

    Example:
        >>> note_word("3 of 9 rows are used in no fold", {"{n} of {all} rows are used in no fold": "{n}/{all}"}.get)
        '3/9'
    """
    for template in (*NOTES, *HINTS, *STATES):
        found = re.fullmatch(pattern_text(template), note, re.DOTALL)
        if found is not None:
            fields = {name: (called or {}).get(text, text) for name, text in found.groupdict().items()}
            if "task" in fields:
                fields["task"] = say(fields["task"]) if fields["task"] in TASKS else fields["task"]
            if "inner" in fields:
                fields["inner"] = note_word(fields["inner"], say)
            return say(template).format(**fields)
    return say(note) if note in TASKS else note


@cache
def pattern_text(template: str) -> str:
    """Return a regular expression of what a template makes, its fields as groups."""
    kinds = {name: r"\S+?" if name in FIGURES else ".+?" for _, name, _, _ in Formatter().parse(template) if name}
    parts = Formatter().parse(template)
    return "".join(re.escape(plain) + (f"(?P<{name}>{kinds[name]})" if name else "") for plain, name, _, _ in parts)


def slice_word(one: Slice, say: Say) -> str:
    """Return what the rows of a slice have in common; of a category and its name nothing is another word."""
    found = _RANGE.fullmatch(one.name)
    if found is not None:
        name = _measure(found["name"], say)
        return say("{name} {low} to {high}").format(name=name, low=found["low"], high=found["high"])
    name = one.name.removesuffix(" missing")
    if name != one.name and "=" not in name:
        return say("{name} missing").format(name=name)
    measure, equals, value = one.name.partition(" = ")
    return f"{_measure(measure, say)}{equals}{value}" if equals else one.name


def _measure(name: str, say: Say) -> str:
    """Return what a measure of texts or images is called; the name of a column of the data is no word."""
    return say(name) if name in MEASURES else name
