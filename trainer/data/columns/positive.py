"""Which of two classes is the positive one: the one asked for, the one whose name says so, or the rarer one.

The positive class is the second of the two (index 1), so that every metric, weight and threshold that speaks of
"the positives" speaks of it, and so that the same rows give the same figures however their classes are spelt.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.data.columns.options import ClassName
from trainer.data.columns.spellings import canonical, places_of
from trainer.errors import ConfigError, did_you_mean, shown

# as ``spelling_key`` has them; README.md lists them
POSITIVE = frozenset(["yes", "true", "pos", "positive", "spam", "fraud", "是", "阳性", "正面", "欺诈"])
NEGATIVE = frozenset(["no", "false", "neg", "negative", "ham", "否", "阴性", "负面"])
# alone they may mean anything (f: female, t: tumour), next to each other they do not
PAIRS = (
    *(("n", "y"), ("f", "t"), ("-", "+"), ("负", "正"), ("无", "有")),
    *(
        ("non", "oui"),
        ("nein", "ja"),
        ("não", "sim"),
        ("нет", "да"),
        ("いいえ", "はい"),
        ("なし", "あり"),
        ("아니오", "예"),
    ),
    *(("benign", "malignant"), ("良性", "恶性"), ("normal", "abnormal"), ("正常", "异常"), ("control", "case")),
)


def positive_last(
    classes: Sequence[str], counts_C: Sequence[int], wanted: ClassName = None
) -> tuple[tuple[str, ...], str]:
    """Return the classes, of two the positive one last, and why it is the positive one.

    Args:
        classes: the labels, sorted.
        counts_C: rows of each.
        wanted: the positive class, however it is spelt; None = as the names say, else the rarer one.

    Raises:
        ConfigError: ``wanted`` is none of the classes, or there are not two.
    """
    if len(classes) != 2:
        refuse_positive(wanted, f"there are {len(classes)} classes")
        return tuple(classes), ""
    place, because = _choose(classes, counts_C, wanted)
    return (classes[1 - place], classes[place]), because


def count_rows(classes: Sequence[str], labels: Sequence[str], codes_N: NDArray[Any]) -> list[int]:
    """Return the rows of each class.

    Args:
        classes: to count.
        labels: the class of each code.
        codes_N: (N,) code of each row; -1 = it has no label.
    """
    rows_of_code = np.bincount(codes_N[codes_N >= 0], minlength=len(labels))
    counts = dict.fromkeys(classes, 0)
    for label, n_rows in zip(labels, rows_of_code.tolist(), strict=True):
        counts[label] += n_rows
    return list(counts.values())


def refuse_positive(wanted: ClassName, but: str) -> None:
    """Refuse a positive class where the task is not binary.

    Args:
        wanted: as set; None = not at all.
        but: why there is none.

    Raises:
        ConfigError: it is set.
    """
    if wanted is not None:
        raise ConfigError(
            f"data.positive={shown(str(wanted))}: only a binary task has a positive class, {but}: leave it out"
        )


def _choose(classes: Sequence[str], counts_C: Sequence[int], wanted: ClassName) -> tuple[int, str]:
    if wanted is not None:
        return _find(classes, counts_C, str(wanted)), "data.positive"
    by_name = _by_name(classes)
    if by_name is not None:
        return by_name
    first, last = counts_C
    if first == last:
        return 1, f"the last in order: both have {last:,} {'row' if last == 1 else 'rows'}"
    place = int(last < first)
    return place, f"the rarer one: {counts_C[place]:,} of {first + last:,}"


def _find(classes: Sequence[str], counts_C: Sequence[int], wanted: str) -> int:
    alike = places_of(wanted, classes)
    if len(alike) == 1:
        return alike[0]
    have = ", ".join(f"'{shown(label)}' ({count:,} rows)" for label, count in zip(classes, counts_C, strict=True))
    said = did_you_mean(wanted, classes) if not alike else ": it may be either"
    raise ConfigError(f"data.positive={shown(wanted)} is no class of the labels{said}\nthe classes: {have}")


def _by_name(classes: Sequence[str]) -> tuple[int, str] | None:
    """Return the place of the class that the names say is positive, and how they do; None where they do not."""
    forms = [canonical(label) for label in classes]
    numbers = [form for form in forms if isinstance(form, Decimal)]
    if len(numbers) == 2:
        above = [number > 0 for number in numbers]
        return (above.index(True), "the number above 0") if sum(above) == 1 else None
    for negative, positive in PAIRS:
        if {negative, positive} == set(forms):
            return forms.index(positive), "by its name"
    yes, no = [form in POSITIVE for form in forms], [form in NEGATIVE for form in forms]
    if sum(yes) == 1:
        return yes.index(True), "by its name"
    return (no.index(False), "by the name of the other") if sum(no) == 1 else None
