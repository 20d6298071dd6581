"""Several labels in one cell: split at the delimiter, or read out of a list as Python and JSON write it."""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from trainer.data.columns.roles import rows_listed, setting
from trainer.errors import DataError, shown
from trainer.system.arrow_files import Column, as_numpy

QUOTED = r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\""
ITEM = re.compile(rf"(?P<quoted>{QUOTED})|(?P<bare>[^,'\"\[\](){{}}]+)")
BETWEEN = re.compile(r"\s*,\s*|\s+")
LIST = (  # of Python, JSON, numpy
    r"^\s*(?:(?:array|(?:frozen)?set|list|tuple)\()?(?P<list>\[.*\]|\(.*,.*\)|\{.*\})"
    r"(?:(?:, dtype=[^)]*)?\))?\s*$"
)
NESTED = r"^\s*\[\s*[\[{].*\]\s*$"
DELIMITERS = ",;|/，、；｜／\t\n"  # what is written between labels; the first one is the option's usual value
RARER = (*" +&·　#>", " and ", " - ", "和", "与", "及", "合并", "伴")  # the same, but a label may well hold them
MOST_TRIED = 20  # other signs between letters
FEWEST_SHARED = 3  # classes that share all of their parts
TYPED = {"\\n": "\n", "\\t": "\t"}  # what a shell hands on as it was typed
WIDE = {",": "，﹐、", ";": "；", "|": "｜", "/": "／", ":": "："}  # the same, as East Asian keyboards write it

Parts = tuple[list[str], NDArray[np.int64], NDArray[np.int64], tuple[str, ...]]


def split_labels(cells: Column, delimiter: str, place: str, spellings: str) -> Parts:
    """Return the different labels, the row and the label of each one that a cell has, and notes.

    Args:
        cells: (N,) text without nulls.
        delimiter: between labels; a line break or a tab may be typed as a backslash and n or t.
        place: file and column, for messages.
        spellings: ``join`` splits at the wide form of the delimiter too.

    Raises:
        DataError: some cells are lists and others are not, or labels hold another delimiter.
    """
    encoded: Column = pc.dictionary_encode(cells).combine_chunks()
    texts, codes_N = encoded.dictionary.to_pylist(), as_numpy(encoded.indices)
    filled = [text for text in texts if text.strip()]
    lists = [text for text in filled if re.match(LIST, text, re.DOTALL)]
    notes: tuple[str, ...] = ()
    if lists and len(lists) == len(filled):
        parts = [_list_items(text) for text in texts]
        wrong = next((code for code, items in enumerate(parts) if items is None), None)
        if wrong is not None:
            raise DataError(
                f"{place}: '{shown(texts[wrong])}' in {rows_listed(codes_N == wrong)} looks like a list and cannot be "
                f"read as one: write the labels as a{delimiter}b"
            )
        notes = (f"cells such as {shown(lists[0], 40)} are lists: brackets and quotes are no part of the labels",)
    elif lists:
        other = next(text for text in filled if text not in lists)
        raise DataError(
            f"{place}: {len(lists)} different cells look like lists, such as '{shown(lists[0], 40)}', others do not, "
            f"such as '{shown(other, 40)}' in {rows_listed(codes_N == texts.index(other))}: write all in one way"
        )
    elif filled and all(_is_quoted(text, delimiter) for text in filled):
        parts = [[_unquoted(item) for item in re.findall(QUOTED, text, re.DOTALL)] for text in texts]
        notes = (f"cells such as {shown(filled[0], 40)} are quoted: the quotes are no part of the labels",)
    else:
        wide = WIDE.get(delimiter, "") if spellings == "join" else ""
        between = (delimiter, *wide, *TYPED.get(delimiter, ""))
        parts = [re.split("|".join(map(re.escape, between)), text) for text in texts]
    return *_as_codes([items or [] for items in parts], codes_N, delimiter, place), notes


def joined_note(classes: Sequence[str], column: str, file: Path | str) -> tuple[str, ...]:
    """Note classes that look like several labels in one cell: lists, or other classes with a delimiter between."""
    nested = [label for label in classes if re.match(NESTED, label, re.DOTALL)]
    if len(nested) * 2 > len(classes):
        raise DataError(
            f"{file}: column '{column}' holds lists within lists, or of objects, such as {shown(nested[0], 60)}: write "
            "only the labels of each row, such as a|b, and set \"data.label_delimiter='|'\""
        )
    items = {label: _list_items(label) for label in classes if re.match(LIST, label, re.DOTALL)}
    lists = [label for label, found in items.items() if found is not None]
    filled = [label for label in lists if items[label]]
    if filled and len(lists) * 2 > len(classes):
        raise DataError(
            f"{file}: column '{column}' holds lists such as {shown(filled[0], 60)}: "
            "for several labels per row set \"data.label_delimiter=','\""
        )
    for delimiter in dict.fromkeys((*DELIMITERS, *RARER, *_signs_within(classes))):
        joined = _made_of_others(classes, delimiter) or _made_of_shared(classes, delimiter)
        if joined:
            example = shown(joined[0], 60)
            typed = {sign: text for text, sign in TYPED.items()}.get(delimiter, delimiter)
            return (
                f"{len(joined)} classes such as '{example}' look like other classes joined by '{typed}': "
                f"for several labels per row set {setting('data.label_delimiter', typed)}",
            )
    return ()


def _signs_within(classes: Sequence[str]) -> list[str]:
    """Return other signs that stand between letters of a class, but for points and dashes, which numbers hold."""
    found = (sign for label in classes for sign in re.findall(r"(?<=\w)(?:[^\w\s]{2,3}|[^\w\s.\-']|__+)(?=\w)", label))
    return list(dict.fromkeys(islice(found, 50 * MOST_TRIED)))[:MOST_TRIED]


def _is_quoted(text: str, delimiter: str) -> bool:
    """Whether each label of a cell stands in quotes of its own."""
    item = rf"\s*(?:{QUOTED})\s*"
    return re.fullmatch(rf"{item}(?:{re.escape(delimiter)}{item})*", text, re.DOTALL) is not None


def _made_of_others(labels: Sequence[str], delimiter: str) -> list[str]:
    known = {label.strip(f"{delimiter} ") if len(delimiter) == 1 else label for label in labels}
    pieces = {label: [part.strip() for part in label.split(delimiter) if part.strip()] for label in labels}
    return [label for label, parts in pieces.items() if len(parts) > 1 and known.issuperset(parts)]


def _made_of_shared(labels: Sequence[str], delimiter: str) -> list[str]:
    """Return the labels made of parts, every one of which is a part of another label too, or is another label."""
    joined = [label for label in labels if delimiter in label]
    if delimiter not in DELIMITERS or len(joined) < FEWEST_SHARED:
        return []
    parts = Counter(part.strip() for label in labels for part in label.split(delimiter))
    of_joined = {part.strip() for label in joined for part in label.split(delimiter)}
    return joined if all(parts[part] > 1 for part in of_joined) else []


def _list_items(text: str) -> list[str] | None:
    """Return what a list holds, or None where it is nested or no list."""
    found = re.match(LIST, text, re.DOTALL)
    inner = (found["list"] if found else text.strip())[1:-1].strip().removesuffix(",")
    items: list[str] = []
    place = 0
    while place < len(inner):
        item = ITEM.match(inner, place)
        if item is None:
            return None
        items.append(_unquoted(item["quoted"]) if item["quoted"] else item["bare"].strip())
        place = item.end()
        between = BETWEEN.match(inner, place)
        if between is None and place < len(inner):
            return None
        place = between.end() if between else place
    return [item for item in items if item]


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL).strip()


def _as_codes(parts: Sequence[Sequence[str]], codes_N: NDArray[Any], delimiter: str, place: str) -> Any:
    """Return the different labels, and (P,) the row and the label of each part of a cell."""
    code_of: dict[str, int] = defaultdict(lambda: len(code_of))
    of_cell = [np.array([code_of[part.strip()] for part in cell if part.strip()], dtype=np.int64) for cell in parts]
    lengths = np.array([len(codes) for codes in of_cell], dtype=np.int64)[codes_N]
    rows_P = np.repeat(np.arange(len(codes_N)), lengths)
    lists: Column = pa.array(of_cell, pa.list_(pa.int64())).take(pa.array(codes_N))
    codes_P = as_numpy(lists.flatten()).astype(np.int64)
    labels = list(code_of)
    for other in DELIMITERS:
        joined = _made_of_others(labels, other) if other not in (delimiter, TYPED.get(delimiter)) else []
        if joined:
            rows = np.bincount(rows_P[codes_P == code_of[joined[0]]]) > 0
            advice = ", or set data.spellings=join" if other in WIDE.get(delimiter, "") else ""
            raise DataError(
                f"{place}: label '{shown(joined[0], 60)}' in {rows_listed(rows)} is other labels with '{other}' "
                f"between them, not '{delimiter}': write one delimiter{advice}"
            )
    return labels, rows_P, codes_P
