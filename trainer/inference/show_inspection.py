"""What ``foldwise inspect`` prints, and the list of rows that it writes."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from trainer.errors import shown
from trainer.evidence.not_defined import NotDefined
from trainer.evidence.slices import FALSE_DISCOVERIES
from trainer.inference.output import output_file
from trainer.inference.worst_rows import ORDERS, Inspection, rows_written
from trainer.report.formatting import number
from trainer.report.rich_tables import headed_table
from trainer.report.row_words import content_columns, content_words

if TYPE_CHECKING:
    import pyarrow as pa

MOST_SLICES = 12
LENGTHS = {"id": 24, "label": 20, "predicted": 20}  # characters shown
LEAST_CONTENT = 20


@dataclass(frozen=True)
class Listed:
    """Rows, looked up once.

    Attributes:
        rows: their numbers.
        columns: what is known of them, by name.
        held: what they hold, by column of the data; empty where they are not at hand.
    """

    rows: tuple[int, ...]
    columns: dict[str, list[Any]]
    held: dict[str, list[object]]

    def first(self, most: int) -> "Listed":
        """Return the first of them."""
        cut = [{name: values[:most] for name, values in columns.items()} for columns in (self.columns, self.held)]
        return Listed(self.rows[:most], *cut)


def look_up(found: Inspection, rows: NDArray[np.int64]) -> Listed:
    """Return what is known of rows, and what they hold."""
    numbers = rows.tolist()
    held = {} if found.samples is None else content_columns(found.samples.inputs, numbers)
    return Listed(tuple(numbers), rows_written(found, numbers), held)


def show(console: Console, found: Inspection, listed: Listed, by: str) -> None:
    """Print the rows of an order, and what is known of labels and slices."""
    if listed.rows:
        console.print(_rows_table(listed, by, console.width))
    for line in _lines(found, len(listed.rows)):
        console.print(line, highlight=False, soft_wrap=True)
    if found.worse:
        console.print(_slices_table(found))
    for note in found.notes:
        console.print(f"note: {note}", highlight=False, soft_wrap=True)


def write_rows(path: Path, listed: Listed) -> None:
    """Write rows and what they hold: a list to relabel from, or for ``data.exclude``.

    Raises:
        ConfigError: the name does not end as that of a table.
        StorageError: it cannot be written.
    """
    with output_file(path) as write:
        write(rows_as_table(listed))


def rows_as_table(listed: Listed) -> "pa.Table":
    """Return what is known of rows and what they hold, a column of the data that has a name of ours as ``x (data)``."""
    import pyarrow as pa

    columns = listed.columns
    more = {(name if name not in columns else f"{name} (data)"): values for name, values in listed.held.items()}
    return pa.table({**columns, **more})


def _rows_table(listed: Listed, by: str, width: int) -> Table:
    columns, held = listed.columns, listed.held
    cells = {name: [shown(str(one), LENGTHS[name]) for one in columns[name]] for name in LENGTHS}
    for name in (name for name in columns if name not in (*LENGTHS, "issue", "probability_of_predicted")):
        cells[name.replace("probability_of_label", "p(label)")] = [number(value) for value in columns[name]]
    used = sum(max(len(name), *map(cell_len, values)) + 3 for name, values in cells.items())
    if held:
        room = max(LEAST_CONTENT, width - used - 2)
        cells["what it holds"] = [shown(content_words(held, place), room) for place in range(len(listed.rows))]
    table = headed_table(f"Rows by {by}: {ORDERS[by]}")
    for name in cells:
        figure = name not in (*LENGTHS, "what it holds")
        table.add_column(name, justify="right" if figure else "left", no_wrap=True, overflow="ellipsis")
    for texts in zip(*cells.values(), strict=True):
        table.add_row(*map(Text, texts))
    return table


def _lines(found: Inspection, n_listed: int) -> Iterator[str]:
    n_rows, task = len(found.loss_N), found.run.task
    if not n_listed:
        yield "no such row"
    if task.has_classes:
        n_wrong = int(found.wrong_N.sum())
        yield f"predicted wrong: {n_wrong} of {n_rows} rows ({n_wrong / n_rows:.1%})"
    if isinstance(found.issues, NotDefined):
        yield f"labels that are probably wrong: not looked for: {found.issues.why}"
    else:
        n_issues = int(found.issues.sum())
        of = f"{found.issues.size} labels" if task.several_labels else f"{n_rows} rows"
        yield f"labels that are probably wrong: {n_issues} of {of} ({n_issues / found.issues.size:.1%}; --by issue)"
    if found.samples is not None:
        better = sum(one.differs for one in found.slices) - len(found.worse)
        said = f"{len(found.worse)} worse and {better} better than the rest beyond chance"
        yield f"slices: {len(found.slices)} looked at, {said} (false discovery rate {FALSE_DISCOVERIES:.0%})"


def _slices_table(found: Inspection) -> Table:
    what = "right" if found.run.task.has_classes else "error"
    most = f", {MOST_SLICES} of {len(found.worse)}" if len(found.worse) > MOST_SLICES else ""
    table = headed_table(f"Slices that are predicted worse{most}")
    table.add_column("slice", overflow="fold")
    for name in ("rows", what, "95 % CI", f"{what}, rest", "q"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in found.worse[:MOST_SLICES]:
        interval = f"{number(one.low)} – {number(one.high)}"
        cells = (shown(one.name, 60), str(one.n_rows), number(one.value), interval, number(one.rest), f"{one.q:.2g}")
        table.add_row(*map(Text, cells))
    return table
