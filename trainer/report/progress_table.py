"""Tables of runs that are not finished: who trains which fold, and how far it is."""

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from trainer.report.formatting import duration
from trainer.report.rich_tables import headed_table

Row = tuple[int, str, str, float | None, int, float | None]
"""Fold, state, holder, seconds since its sign of life, tries by jobs, seconds left."""


def progress_table(name: str, rows: Sequence[Row]) -> Table:
    """Return a line per fold."""
    table = headed_table(name)
    for heading in ("fold", "state", "trained by", "heartbeat", "tries", "left"):
        right = heading in ("fold", "heartbeat", "tries", "left")
        table.add_column(heading, justify="right" if right else "left")
    for fold, state, holder, heartbeat, tries, left in rows:
        cells = ["–" if heartbeat is None else f"{heartbeat:.0f} s ago", str(tries or "–")]
        cells.append("–" if left is None else f"about {duration(left)}")
        table.add_row(str(fold), Text(state), Text(holder or "–"), *cells)
    return table
