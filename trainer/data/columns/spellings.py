"""What becomes of labels, groups and ids that are written in several ways."""

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from trainer.data.columns.number_forms import bare_number
from trainer.data.columns.roles import rows_listed
from trainer.errors import ConfigError, DataError, did_you_mean, shown
from trainer.system.arrow_files import Column, as_numpy
from trainer.system.spellings import code_points, difference, spelling_key

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
# 1 and 1.0 are one group; 1.1 and 1.10, 1 and 01, 1e3 and 10e2 may be two
WHOLE_NUMBER = re.compile(r"[+-]?(0|[1-9]\d*)(\.0*)?", re.ASCII)
CHOICES = ("refuse", "join", "apart")
UNUSUAL = (
    r"[^\x21-\x7e]|\.0*$|^[+'\"`]|^[1-9]\d{0,2}([,'_]\d{3})+$"  # an id without these is like another one only by case
)
MOST_SHOWN = 3


def one_spelling(
    found: Sequence[str],
    codes_N: NDArray[Any],
    column: str,
    file: Path | str,
    *,
    what: str = "label",
    numbers: re.Pattern[str] = NUMBER,
    spellings: str = "refuse",
    rows: NDArray[np.int64] | None = None,
) -> tuple[list[str], tuple[str, ...]]:
    """Return the text that stands for each of the different cells, and notes.

    Args:
        found: the different cells.
        codes_N: (N,) the place in ``found`` of each cell.
        column: named in messages.
        file: named in messages.
        what: a cell says, for the messages.
        numbers: cells that are compared as numbers.
        spellings: ``refuse`` cells that differ only by their writing; ``join`` takes all for the one that most rows
            have; ``apart`` takes them as they are, but for spaces around them and the form of a number.
        rows: (N,) of each cell; None = a cell per row.

    Raises:
        DataError: one word in several writings; names the first rows of each, and the code points that differ.
        ConfigError: ``spellings`` is none of the three.
    """
    if spellings not in CHOICES:
        raise ConfigError(f"data.spellings={spellings}{did_you_mean(str(spellings), CHOICES)}")
    clashes = _clashes([canonical(cell, numbers) for cell in found])

    def listed(code: int) -> str:
        places = np.flatnonzero(codes_N == code)
        return rows_listed(np.bincount(places if rows is None else rows[places]) > 0)

    if spellings == "refuse" and clashes:
        raise _in_different_ways(found, clashes, listed, what, f"{file}: column '{column}'")
    if spellings == "apart":
        same = _clashes([_trimmed(cell, numbers) for cell in found])
        if same:
            raise _in_different_ways(found, same, listed, what, f"{file}: column '{column}'")
        return list(found), _note(found, clashes, f"{what}s in several writings, kept apart")
    return _joined(found, codes_N, clashes), _note(found, clashes, f"{what}s in several writings, joined")


def require_distinct(ids: Column, column: str, file: Path | str, spellings: str) -> None:
    """Refuse ids that are one word in two writings: they would be two rows, on two sides of a fold.

    Args:
        ids: (N,) text, all different.
        column: named in messages.
        file: named in messages.
        spellings: ``apart`` takes them as they are.

    Raises:
        DataError: names the rows and the code points that differ.
    """
    if spellings == "apart":
        return
    unusual = pc.any(pc.match_substring_regex(ids, UNUSUAL)).as_py()
    if not unusual and pc.count_distinct(pc.ascii_lower(ids)).as_py() == len(ids):
        return
    one_spelling(ids.to_pylist(), np.arange(len(ids)), column, file, what="id", numbers=WHOLE_NUMBER)


def joined_groups(cells: Column, column: str, file: Path | str, spellings: str) -> Column:
    """Return the groups (N,), each in one writing.

    Raises:
        DataError: one group is written in two ways.
    """
    encoded: Column = pc.dictionary_encode(cells).combine_chunks()
    found, codes_N = encoded.dictionary.to_pylist(), as_numpy(encoded.indices)
    options: dict[str, Any] = {"what": "group", "numbers": WHOLE_NUMBER, "spellings": spellings}
    texts, _ = one_spelling(found, codes_N, column, file, **options)
    return cells if spellings != "join" else pa.array(texts, encoded.dictionary.type).take(encoded.indices)


def canonical(cell: str, numbers: re.Pattern[str] = NUMBER) -> str | Decimal:
    """Return the same for all writings of one word, and for all of one number."""
    key = spelling_key(cell)
    if numbers.fullmatch(key):
        return Decimal(key)
    bare, unit = bare_number(key)
    if not numbers.fullmatch(bare):
        return key
    return f"{unit}{Decimal(bare).normalize()}" if unit else Decimal(bare)


def _trimmed(cell: str, numbers: re.Pattern[str]) -> str | Decimal:
    stripped = cell.strip()
    return Decimal(stripped) if numbers.fullmatch(stripped) else stripped


def _clashes(forms: Sequence[str | Decimal]) -> list[list[int]]:
    """Return the places of each form that occurs more than once."""
    if len(set(forms)) == len(forms):
        return []
    places = defaultdict(list)
    for place, form in enumerate(forms):
        places[form].append(place)
    return [same for same in places.values() if len(same) > 1]


def _in_different_ways(
    found: Sequence[str], clashes: Sequence[Sequence[int]], listed: Callable[[int], str], what: str, place: str
) -> DataError:
    more = f" (and {len(clashes) - 1} more)" if len(clashes) > 1 else ""
    texts = [found[code] for code in clashes[0]]
    lines = []
    for code, text in list(zip(clashes[0], texts, strict=True))[:MOST_SHOWN]:
        points = code_points(text, texts)
        said = f" ({points})" if points and not (text.isascii() and text.isprintable()) else ""
        lines.append(f"{shown(repr(text), 60)}{said} in {listed(code)}")
    same = {spelling_key(text) for text in texts}
    by = difference(texts) if len(same) == 1 else "number form"
    options = {"id": "data.spellings=apart if they are two"}.get(what, "data.spellings=join (one) or apart (several)")
    return DataError(
        f"{place} writes one {what} in different ways{more}:\n"
        + "\n".join(lines)
        + f"\nmake them the same: they differ only by {by}; or set {options}"
    )


def _joined(found: Sequence[str], codes_N: NDArray[Any], clashes: Sequence[Sequence[int]]) -> list[str]:
    texts = list(found)
    counts = np.bincount(codes_N[codes_N >= 0], minlength=len(found)) if clashes else np.empty(0, dtype=np.int64)
    for places in clashes:
        most = max(places, key=lambda place: (counts[place], -place))
        for place in places:
            texts[place] = found[most].strip()
    return texts


def _note(found: Sequence[str], clashes: Sequence[Sequence[int]], said: str) -> tuple[str, ...]:
    groups = [" / ".join(map(_visible, (found[place] for place in places))) for places in clashes]
    more = f" and {len(groups) - MOST_SHOWN} more" if len(groups) > MOST_SHOWN else ""
    return (f"{said}: {shown(', '.join(groups[:MOST_SHOWN]), 200)}{more}",) if groups else ()


def _visible(text: str) -> str:
    """Return a text as it is, or with its code points where one of them would not be seen."""
    return text if text.isprintable() else ascii(text)[1:-1]


def places_of(wanted: str, classes: Sequence[str]) -> list[int]:
    """Return the places of the classes that a word may mean: of the one written so, else of those it is a form of."""
    if wanted in classes:
        return [classes.index(wanted)]
    return [place for place, label in enumerate(classes) if canonical(label) == canonical(wanted)]
