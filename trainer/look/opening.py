"""Open a table as a run would, with the settings that the readers advise."""

import csv
import io
import shlex
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from trainer.data.columns.options import ColumnOptions
from trainer.data.readers.contract import FORM, OpenTable
from trainer.data.readers.find import endings, find_reader
from trainer.data.readers.tables import open_table
from trainer.data.readers.text_decoding import decode_text
from trainer.errors import ConfigError, DataError, FoldwiseError
from trainer.look.advice import advised
from trainer.look.answer import Refusal
from trainer.look.loading_plan import as_options

MOST_TRIES = 6
MOST_TITLE_LINES = 10
LOOKED_AT = 200  # rows that say where the table begins
MOSTLY = 0.9  # share of them with as many cells as the header
DELIMITERS = (",", ";", "\t", "|")
ADVICE = (*FORM, "format")


@dataclass(frozen=True)
class Opened:
    """A table that could be opened, or why not.

    Attributes:
        table: of it; None where it could not.
        columns: the options that opened it.
        refusal: the last one.
        title_lines: at the top, to be taken away first.
        damaged: the encoding of a file with bytes that are no text, which are to be taken away first.
        taken: what was refused on the way, and the setting that opened it.
    """

    table: OpenTable | None
    columns: ColumnOptions
    refusal: FoldwiseError | None = None
    title_lines: int = 0
    damaged: str = ""
    taken: tuple[Refusal, ...] = ()


def open_advised(path: Path, columns: ColumnOptions) -> Opened:
    """Open a table file, taking each advice that its reader gives on how it is written.

    Args:
        path: of the file.
        columns: options to begin with.
    """
    taken: set[str] = set()
    told: list[Refusal] = []
    refusal: FoldwiseError | None = None
    for _ in range(MOST_TRIES):
        try:
            return Opened(open_table(path, columns), columns, taken=tuple(told))
        except FoldwiseError as error:
            refusal = error
        if isinstance(refusal, ConfigError) and "has no effect" in str(refusal):
            break
        setting = advised(refusal, set(ADVICE) - taken) or _unknown_ending(path, columns, taken)
        if not setting:
            break
        taken |= set(setting)
        told.append(Refusal(str(refusal), as_options(setting)))
        columns = replace(columns, **setting)
    return Opened(None, columns, refusal)


def _unknown_ending(path: Path, columns: ColumnOptions, taken: set[str]) -> dict[str, Any]:
    """Return that a text of an unknown ending may be a delimited file."""
    if "format" in taken or columns.format or path.suffix.lower() in endings():
        return {}
    try:
        find_reader(path, columns)
    except FoldwiseError:
        return {"format": "delimited"} if _best_form(_text(path, columns))[1] > 1 else {}
    return {}


def repaired(path: Path, opened: Opened, folder: Path) -> tuple[Path, Opened] | None:
    """Return a copy without title lines or bytes that are no text, opened; None where neither is what it lacks.

    Args:
        path: of a file that could not be opened.
        opened: why not.
        folder: for the copy.
    """
    for take_away in (_without_titles, _without_damage):
        with suppress(OSError, ValueError):
            found = take_away(path, opened, folder)
            if found is not None and found[1].table is not None:
                return found
    return None


def repair_steps(opened: Opened, name: str) -> tuple[tuple[str, ...], str]:
    """Return what is to be typed first, and the file that is trained on then.

    Args:
        opened: what ``repaired`` returned, or a table that needs no repair.
        name: of the file as it was given.
    """
    if not (opened.title_lines or opened.damaged):  # it may be a folder then, "." among them
        return (), name
    path = Path(name)
    target = str(path.with_name(f"{path.stem}_repaired{path.suffix}"))
    if opened.title_lines:
        return (f"tail -n +{opened.title_lines + 1} {shlex.quote(name)} > {shlex.quote(target)}",), target
    return (f"iconv -c -f {opened.damaged} -t utf-8 {shlex.quote(name)} > {shlex.quote(target)}",), target


def _without_titles(path: Path, opened: Opened, folder: Path) -> tuple[Path, Opened] | None:
    n_lines, n_cells = _best_form(_text(path, opened.columns))
    if not 0 < n_lines <= MOST_TITLE_LINES or n_cells < 2:
        return None
    copy = folder / path.name
    copy.write_bytes(b"\n".join(path.read_bytes().split(b"\n")[n_lines:]))
    again = open_advised(copy, replace(opened.columns, header=None, quote=ColumnOptions.quote, delimiter=None))
    return copy, replace(again, title_lines=n_lines)


def _without_damage(path: Path, opened: Opened, folder: Path) -> tuple[Path, Opened] | None:
    encoding = opened.columns.encoding
    raw = path.read_bytes()
    with suppress(UnicodeDecodeError):
        raw.decode(encoding)
        return None
    copy = folder / path.name
    copy.write_bytes(raw.decode(encoding, "ignore").encode())
    again = open_advised(copy, replace(opened.columns, encoding=ColumnOptions.encoding))
    return copy, replace(again, damaged=encoding)


def _text(path: Path, columns: ColumnOptions) -> str:
    """Return the first lines as text, empty where it is none."""
    for encoding in dict.fromkeys((columns.encoding, "utf-8", "gb18030")):
        with suppress(DataError, ConfigError):
            return decode_text(path, encoding).decode()[: 1 << 16]
    return ""


def _best_form(text: str) -> tuple[int, int]:
    """Return how many lines are above the first one with as many cells as most rows have, and how many these are."""
    best = (0, 0, 0)
    for delimiter in DELIMITERS:
        widths = _widths(text, delimiter)
        counts = Counter(width for _, width in widths if width)
        if not counts:
            continue
        width, count = max(counts.items(), key=lambda item: (item[1], item[0]))
        if width > 1 and count >= MOSTLY * (len(widths) - MOST_TITLE_LINES) and count > best[2]:
            first = next(line for line, n_cells in widths if n_cells == width)
            best = (first, width, count)
    return best[0], best[1]


def _widths(text: str, delimiter: str) -> list[tuple[int, int]]:
    """Return how many lines are above each row, and how many cells it has."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    found, line = [], 0
    with suppress(csv.Error):
        for cells in islice(reader, LOOKED_AT):
            found.append((line, len(cells)))
            line = reader.line_num
    return found
