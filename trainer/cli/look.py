"""``foldwise look PATH``: what a file or folder is, and the command to begin with."""

import json
import sys
from typing import Annotated

import typer

from trainer.system.paths import PathText

EXAMPLES = """\b
Examples:
  foldwise look reviews.csv
  foldwise look photos/
  foldwise look big.csv --rows 200000
  foldwise look table.xlsx --json"""
Place = Annotated[PathText, typer.Argument(metavar="PATH", help="a table, images, or anything else")]
AsJson = Annotated[bool, typer.Option("--json", help="print all that was found as JSON")]
Rows = Annotated[int | None, typer.Option(metavar="N", min=1, help="rows of a table to look at; default: some")]


def look(path: Place, *, rows: Rows = None, as_json: AsJson = False) -> None:
    """Say what a file or folder is, and which command trains on it.

    Tells its format, the kind of each column, what may be the label, a group or a split, how frequent the classes are,
    and what training would refuse; a large file is looked at in part. Nothing is changed.
    """
    from trainer.look.look_at import look_at
    from trainer.look.page import as_page

    found = look_at(path, rows)
    if as_json:
        json.dump(found.to_dict(), sys.stdout, ensure_ascii=False, indent=2)
        print()
        return
    from trainer.report.terminal import line_printer, terminal

    console = terminal()
    line_printer(console)(as_page(found, console.width if console.is_terminal else 100))
