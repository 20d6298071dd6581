"""Labels that mean "no label": rows to leave out where the user says so, and to ask about where not."""

import re
from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from trainer.data.columns.no_label_words import means_no_label
from trainer.data.columns.number_forms import words_for_none
from trainer.data.columns.roles import rows_listed
from trainer.errors import shown
from trainer.system.arrow_files import Column, as_numpy

NINES = re.compile(r"99+(\.0*)?", re.ASCII)  # as SPSS and surveys have them
CODES = (-1.0, -9.0, -99.0, -100.0, -999.0, -9999.0)  # -100 is what torch's cross entropy ignores
NUMBER = re.compile(r"[+-]?\d+(\.\d*)?", re.ASCII)
MOST_NAMED = 3


def left_out(cells: Column, missing: Sequence[object]) -> NDArray[np.bool_]:
    """Return (N,) whether a row's label is one of ``missing``; the empty text stands for empty cells."""
    if not missing:
        return np.zeros(len(cells), dtype=bool)
    words = [word.strip() for word in words_for_none(missing)]
    trimmed: Column = pc.utf8_trim_whitespace(pc.fill_null(cells, ""))
    return as_numpy(pc.is_in(trimmed, pa.array(words, trimmed.type)))


def left_out_note(left_out_N: NDArray[np.bool_], missing: Sequence[object]) -> tuple[str, ...]:
    """Say how many rows are left out."""
    if not missing:
        return ()
    n_rows = int(left_out_N.sum())
    words = ", ".join(shown(str(word), 30) for word in missing[:MOST_NAMED])
    said = f"{n_rows} of {len(left_out_N)} rows left out: their label is in data.missing_labels ({words})"
    return (said if n_rows else f"data.missing_labels ({words}): no row has such a label",)


def doubtful_labels(classes: Sequence[str], rows_of: Callable[[int], NDArray[np.bool_]]) -> tuple[str, ...]:
    """Return a warning about classes that look like "no label", with the option that leaves their rows out.

    Args:
        classes: the label texts.
        rows_of: returns (N,) whether a row has the class of that place.
    """
    doubtful = [place for place, label in enumerate(classes) if _is_doubtful(label, classes)]
    if not doubtful:
        return ()
    named = [f"'{shown(classes[place], 30)}' in {rows_listed(rows_of(place))}" for place in doubtful[:MOST_NAMED]]
    more = f" and {len(doubtful) - MOST_NAMED} more" if len(doubtful) > MOST_NAMED else ""
    words = ",".join(f"'{classes[place]}'" for place in doubtful)
    return (
        f"warning: classes that look like no label: {', '.join(named)}{more}; "
        f'to leave these rows out set "data.missing_labels=[{words}]"',
    )


def _is_doubtful(label: str, classes: Sequence[str]) -> bool:
    return _is_code(label, classes) or means_no_label(label, classes)


def _is_code(label: str, classes: Sequence[str]) -> bool:
    """Whether a label is a negative number beside words, or beside classes that are counted from 0 or 1 up.

    -1 and 1 are two classes. 99 is none beside classes of which the largest is far below it.
    """
    if NINES.fullmatch(label) and all(map(NUMBER.fullmatch, classes)):
        below = [number for number in map(float, classes) if number != float(label)]
        return len(below) > 1 and min(below) >= 0 and float(label) > 10 * (max(below) + 1)
    if not NUMBER.fullmatch(label) or float(label) not in CODES:
        return False
    are_numbers = [NUMBER.fullmatch(other) is not None for other in classes]
    if not all(are_numbers):
        return sum(are_numbers) == 1
    others = {number for number in map(float, classes) if number not in CODES}
    counted = all(number >= 0 and number.is_integer() for number in others)
    return counted and (0.0 in others or len(others) > 1)
