"""What a run noted in English, said in the language of the page; a note that is not here stays as it is.

Notes are kept as sentences, in ``manifest.json``, ``split.json`` and the files of the folds. So a sentence is known
by the template it was made from, and what stands in its fields is put into the template's translation.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from string import Formatter
from typing import Any

from trainer.evidence.slices import Slice
from trainer.report.page.term_words import finding_words
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
    N_("one seed: nothing to tell its spread from"),
    N_("undefined in some folds"),
)
_NUMBER = r"(-?(?:\d[\d.]*(?:e[+-]?\d+)?|inf))"
_RANGE = re.compile(rf"(?P<name>[^=]+) (?P<low>{_NUMBER}) to (?P<high>{_NUMBER})")


def note_word(note: str, say: Say) -> str:
    """Return a note in the language of the page.

    Example:
        >>> note_word("3 of 9 rows are used in no fold", {"{n} of {all} rows are used in no fold": "{n}/{all}"}.get)
        '3/9'
    """
    for template in NOTES:
        found = _pattern(template).fullmatch(note)
        if found is not None:
            fields = found.groupdict()
            if "inner" in fields:
                fields["inner"] = note_word(fields["inner"], say)
            return say(template).format(**fields)
    return note


@cache
def _pattern(template: str) -> re.Pattern[str]:
    parts = Formatter().parse(template)
    text = "".join(re.escape(plain) + (f"(?P<{name}>.+?)" if name else "") for plain, name, _, _ in parts)
    return re.compile(text, re.DOTALL)


def warning_word(warning: str, audit: Sequence[Mapping[str, Any]], words: Mapping[str, str], say: Say) -> str:
    """Return a warning in the language of the page: of the audit's, what kind of finding it is goes before it."""
    for one in audit:
        fix = f" Fix: {one.get('fix')}." if one.get("fix") else ""
        if warning == f"audit, {one['severity']}: {one['message']}{fix}":
            kind = finding_words(str(one["kind"]), words, "")
            said = words["fix"].format(fix=one["fix"]) if fix else ""
            return words["audit_warning"].format(
                severity=words.get(str(one["severity"]), str(one["severity"])),
                message=" ".join(filter(None, (kind, str(one["message"]), said))),
            )
    return note_word(warning, say)


def slice_word(one: Slice, say: Say) -> str:
    """Return what the rows of a slice have in common; of a category and its name nothing is another word."""
    found = _RANGE.fullmatch(one.name)
    if found is not None:
        return say("{name} {low} to {high}").format(name=found["name"], low=found["low"], high=found["high"])
    name = one.name.removesuffix(" missing")
    return say("{name} missing").format(name=name) if name != one.name and "=" not in name else one.name
