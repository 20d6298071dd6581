"""Tables for the terminal, all in one style."""

from rich import box
from rich.table import Table


def headed_table(title: str) -> Table:
    """Return an empty table whose columns have headings."""
    return Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)


def facts_table(title: str) -> Table:
    """Return an empty table of two columns without headings: a word, and text of any length."""
    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE,
        pad_edge=False,
        show_header=False,
    )
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    return table
