"""``foldwise inspect``: the rows that a run predicts worst, labels probably wrong, slices that it is weak on."""

from pathlib import Path
from typing import Annotated

import typer

from trainer.cli.predict import Plugins, Run
from trainer.cli.verify import Data, Images
from trainer.errors import ConfigError
from trainer.system.paths import PathText

EXAMPLES = """\b
Examples:
  foldwise inspect runs/a1
  foldwise inspect runs/a1 --by issue --top 50 -o suspects.csv
  foldwise inspect runs/a1 --by wrong --top 50 -o wrong.html
  python train.py ... data.exclude=suspects.csv"""

By = Annotated[str, typer.Option(metavar="ORDER", help="loss, wrong, issue or disagreement (docs/guide/inspect.md)")]
Top = Annotated[int, typer.Option(metavar="N", min=0, help="rows; 0 = all (of the file; 100 at most are printed)")]
Output = Annotated[
    PathText | None,
    typer.Option("-o", "--output", metavar="FILE", help=".csv, .tsv, .parquet, or .html with the pictures: these rows"),
]
MOST_PRINTED = 100


def inspect(
    directory: Run,
    *,
    by: By = "loss",
    top: Top = 10,
    output: Output = None,
    data: Data = None,
    images: Images = None,
    plugins: Plugins = None,
) -> None:
    """Show the rows that a run predicts worst, labels that are probably wrong, and slices that it is weak on.

    All of it is of held-out predictions. The list that -o writes is one to relabel from; delete the rows that are in
    order, and data.exclude=FILE trains without the others.
    """
    from trainer.inference.inspection_page import is_page, write_page
    from trainer.inference.show_inspection import look_up, show, write_rows
    from trainer.inference.worst_rows import ORDERS, inspect_run, worst
    from trainer.report.terminal import terminal

    if by not in ORDERS:
        raise ConfigError(f"--by {by}: give one of {', '.join(ORDERS)}")
    given = {"path": data, "images": images}
    places = {name: place for name, place in given.items() if place is not None}
    found = inspect_run(directory, places=places, plugins=plugins or [])
    rows = worst(found, by, top)
    listed = look_up(found, rows if output else rows[:MOST_PRINTED])
    show(terminal(), found, listed.first(MOST_PRINTED), by)
    if output is None:
        return
    if is_page(Path(output)):
        write_page(Path(output), found, listed, by)
    else:
        write_rows(Path(output), listed)
    print(f"{len(rows)} rows: {output}")
