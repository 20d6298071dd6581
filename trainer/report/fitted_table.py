"""A plain table of any number of rows, cut to a width: the columns that matter least go first.

Plain text rather than rich: ten thousand rows are printed in a blink.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size

from trainer.wording.printable import one_line

GAP = "  "
NARROWEST = 12  # cells of the last column that are worth showing


@dataclass(frozen=True)
class Column:
    """A column of text.

    Attributes:
        heading: above it.
        cells: one per row.
        rank: of what does not fit the highest ranks are left out first; 0 = never.
        right: whether cells stand to the right, as numbers do.
    """

    heading: str
    cells: Sequence[str]
    rank: int = 0
    right: bool = False


def fitting(columns: Sequence[Column], width: int | None) -> list[Column]:
    """Return the columns that fit side by side; the last one needs only a little room, for it is cut.

    Args:
        columns: in the order they are shown.
        width: in characters; None = without end.
    """
    if width is None:
        return list(columns)
    widths = [len(GAP) + _width(column) for column in columns]
    widths[-1] = min(widths[-1], NARROWEST)
    places = list(range(len(columns)))
    while sum(widths[place] for place in places) > width + len(GAP):
        least = max(places, key=lambda place: (columns[place].rank, place))
        if columns[least].rank == 0:
            break
        places.remove(least)
    return [columns[place] for place in places]


def _width(column: Column) -> int:
    return max(map(_cells, (column.heading, *column.cells)))


def _cells(text: str) -> int:
    return len(text) if text.isascii() else cell_len(text)


def table_lines(columns: Sequence[Column], width: int | None) -> Iterator[str]:
    """Yield the heading, a rule and the rows; what is longer than the width ends in an ellipsis."""
    shown = [Column(one_line(c.heading), [one_line(cell) for cell in c.cells], c.rank, c.right) for c in columns]
    widths = list(map(_width, shown))
    yield _line([column.heading for column in shown], shown, widths, width)
    rule = sum(widths) + len(GAP) * (len(widths) - 1)
    yield "─" * (rule if width is None else min(rule, width))
    for cells in zip(*(column.cells for column in shown), strict=True):
        yield _line(cells, shown, widths, width)


def _line(cells: Sequence[str], columns: Sequence[Column], widths: Sequence[int], width: int | None) -> str:
    parts = []
    for cell, column, wide in zip(cells, columns, widths, strict=True):
        space = " " * (wide - _cells(cell))
        parts.append(f"{space}{cell}" if column.right else f"{cell}{space}")
    line = GAP.join(parts).rstrip()
    return line if width is None else cut(line, width)


def cut(text: str, width: int) -> str:
    """Return text that is at most so many characters wide."""
    return text if _cells(text) <= width else f"{set_cell_size(text, width - 1)}…"
