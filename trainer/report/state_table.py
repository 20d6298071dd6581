"""The folds of a run that is resumed: how far each is, and what happens to it."""

from collections.abc import Sequence
from itertools import groupby

from rich.table import Table
from rich.text import Text

Row = tuple[int | str, str, str]  # fold, state, action


def state_table(rows: Sequence[Row]) -> Table:
    """Return a line per fold; neighbours in the same state share one."""
    table = Table("fold", "state", "now", box=None, padding=(0, 2), title="Folds", title_justify="left")
    for (state, action), group in groupby(rows, key=lambda row: row[1:]):
        folds = [fold for fold, _, _ in group]
        name = str(folds[0]) if len(folds) == 1 else f"{folds[0]}-{folds[-1]}"
        table.add_row(name, Text(state), f"-> {action}")
    return table
