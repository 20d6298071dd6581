"""What the audit found, said in the language of the page, sentence by sentence.

Findings are kept in English, in the manifest of the run. So a message is taken apart into the sentences it was put
together from, each known by its template; where one of them is not known the whole message stays as it is.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from trainer.report.page.note_words import Say, note_word, pattern_text
from trainer.report.page.term_words import finding_words
from trainer.wording.translations import N_

COPIES = (  # noun and verb hold English grammar ("row is", "rows are"), which no other language needs
    N_("But for column {names} (it looks like an id): {inner}"),
    N_("But for columns {names} (they look like ids): {inner}"),
    N_("{n} {noun} nearly the same as an earlier row: random folds train on what they hold out."),
    N_("{n} {noun} the same as an earlier row: random folds train on what they hold out."),
    N_("Row {one} is nearly the same as row {other}."),
    N_("Row {one} is the same as row {other}."),
    N_("{n} of {all} held-out {noun} nearly the same as training rows ({folds})."),
    N_("{n} of {all} held-out {noun} of training rows ({folds})."),
    N_("Half of them have at most {n} characters, so they may be the same by chance."),
    N_("No column has more than {n} different values, so they may be the same by chance."),
)
LABELS = (
    N_(
        "{n} {verb} different labels in {all} {noun}, such as row {one} and row {other}: no model can be right in more "
        "than {percent} of all rows."
    ),
    N_(
        "{n} {noun} in {all} {verb} of near copies have different labels, such as row {one} and row {other}: "
        "which one is right?"
    ),
    N_("One input occurs {n} times ({percent} of the rows: {shares}); {all} {noun} as common."),
    N_("One input occurs {n} times ({percent} of the rows: {shares})."),
    N_(
        "Its labels differ, so these are different cases that look the same: keep them. They are not counted as copies."
    ),
    N_("Was one case written many times, or are there many such cases?"),
)
COLUMNS = (
    N_(
        "Column '{name}' by itself tells the label: each of its {n} values has one label in all its rows ({all} in "
        "all). Is it a group, such as a person or a recording? If not: {fix}."
    ),
    N_("Column '{name}' by itself tells the label: {term} {figure} in rows it was not fitted on."),
    N_("Column '{name}' by itself tells the label '{label}': {term} {figure} in rows it was not fitted on."),
    N_("Is it known before the label is?"),
    N_("Column '{name}' {term}: it looks like an id or a time, which a model can only learn by heart."),
    N_("Column '{name}' ({parts}) looks like a split, and {term}."),
    N_(
        "Column '{name}' has {n} values in {all} rows and looks like a group, and {term}: rows of one value are on "
        "both sides of random folds."
    ),
)
SIDES = (
    N_("{n} {noun} trained on and held out at once ({folds})."),
    N_("{n} of {all} {noun} have more than one row: random folds put rows of one group on both sides."),
    N_("{n} of {all} {noun} on both sides ({folds} rows)."),
    N_("'{name}' has row {one} held out while row {other} is trained on."),
    N_("{n} of {all} held-out {noun} earlier than rows trained on ({folds})."),
    N_("Row {one} is held out while row {other} is trained on."),
    N_("{n} {noun} no time: not looked at here, and refused by cv=time."),
    N_("The rows have a time: random folds would predict earlier rows from later ones."),
    N_(
        "Rows next to each other have the same label far more often than by chance (kappa {figure}). Either the file "
        "was put together by label, or they belong together (one person, one recording): then name that group."
    ),
    N_(
        "The rows are sorted by label ({n} blocks), and fold {fold} lacks a class on one side: shuffle before "
        "splitting."
    ),
    N_("The rows are sorted by label ({n} blocks): never split them without shuffling."),
    N_("The rows are sorted by label ({n} blocks); this split mixes them."),
)
GRAMMAR = ("noun", "verb")
SENTENCES = (*COPIES, *LABELS, *COLUMNS, *SIDES)  # of those that fit the first is taken
TERMS = (
    N_("mean recall"),
    N_("has another text in every row"),
    N_("has another whole number in every row"),
    N_("rises in every row"),
    N_("falls in every row"),
    N_("never falls from row to row"),
    N_("never rises from row to row"),
    N_("is a feature"),
    N_("no option names it"),
)
FIXES = (
    N_("{options} (makes new folds; to keep yours, take the copies out of train)"),
    N_("{options} (no split keeps groups and goes forward; makes new folds)"),
    N_("{options} (no split keeps groups and goes forward)"),
    N_("{options} (makes new folds)"),
    N_("{options}, or {other}"),
)
FOLD, MOST, SHARE = N_("fold {fold}: {n} of {all}"), N_("{n} folds, most in {fold}"), N_("{n} of '{label}'")
_FOLD = re.compile(r"fold (?P<fold>\S+): (?P<n>[\d,]+) of (?P<all>\d[\d,]*\d|\d)")
_MOST = re.compile(r"(?P<n>\d+) folds, most in (?P<fold>.+)")
_SHARE = re.compile(r"(?P<n>[\d,]+) of '(?P<label>.*?)'")


def finding_text(finding: Mapping[str, Any], words: Mapping[str, str], say: Say, language: str) -> str:
    """Return a finding and what helps, for the page; where its sentences are not known its kind goes before them."""
    said, fix = str(finding["message"]), str(finding.get("fix") or "")
    if language != "en":
        told = message_words(said, say)
        said = " ".join(filter(None, (finding_words(str(finding["kind"]), words), said))) if told is None else told
    helps = words["fix"].format(fix=fix_words(fix, say)) if fix else ""
    return " ".join(filter(None, (said, helps)))


def warning_word(
    warning: str, audit: Sequence[Mapping[str, Any]], words: Mapping[str, str], say: Say, language: str
) -> str:
    """Return a warning in the language of the page; the audit's are known by its findings."""
    for one in audit if language != "en" else ():
        fix = f" Fix: {one.get('fix')}." if one.get("fix") else ""
        if warning == f"audit, {one['severity']}: {one['message']}{fix}":
            severity = words.get(str(one["severity"]), str(one["severity"]))
            return words["audit_warning"].format(severity=severity, message=finding_text(one, words, say, language))
    return note_word(warning, say)


def message_words(message: str, say: Say) -> str | None:
    """Return a finding's message in the language of the page; None where a sentence of it is not known.

    Example:
        >>> message_words("Is it known before the label is? Was it?", str) is None
        True
    """
    for template, fields in _beginnings(message):
        rest = fields.pop("rest")
        after = "" if rest is None else message_words(rest, say)
        inner = message_words(fields["inner"], say) if "inner" in fields else ""
        if after is not None and inner is not None:
            told = {name: _field(name, text, say) for name, text in fields.items()}
            return say(template).format(**told | ({"inner": inner} if inner else {})) + after
    return None


def fix_words(fix: str, say: Say) -> str:
    """Return what helps, the remarks behind the options in the language of the page."""
    for template in FIXES:
        found = re.fullmatch(pattern_text(template), fix, re.DOTALL)
        if found is not None:
            return say(template).format(**found.groupdict())
    return fix


def _beginnings(message: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each template that a message may begin with, and what is in its fields; ``rest`` is what follows."""
    for template in SENTENCES:
        follows = "" if template.endswith("{inner}") else "(?: (?P<rest>.+))?"
        found = re.fullmatch(pattern_text(template) + follows, message, re.DOTALL)
        if found is not None:
            yield template, {"rest": None, **found.groupdict()}


def _field(name: str, text: str, say: Say) -> str:
    if name == "term":
        return say(text)
    if name == "shares":
        return _each(_SHARE, SHARE, text, say)
    if name != "folds":
        return text
    most = _MOST.fullmatch(text)
    if most is None:
        return _each(_FOLD, FOLD, text, say)
    return say(MOST).format(n=most["n"], fold=_each(_FOLD, FOLD, most["fold"], say))


def _each(pattern: re.Pattern[str], template: str, text: str, say: Say) -> str:
    return pattern.sub(lambda found: say(template).format(**found.groupdict()), text)
