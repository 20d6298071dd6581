"""``foldwise table``: runs as a table for a paper."""

from pathlib import Path
from typing import Annotated

import typer

from trainer.errors import ConfigError

EXAMPLES = """\b
Examples:
  foldwise table runs/a1 runs/b7 runs/c3
  foldwise table runs/a1 runs/b7 --metric accuracy --metric f1_macro --format latex"""

Runs = Annotated[list[Path], typer.Argument(metavar="RUN", help="run directories; blends too")]
Metrics = Annotated[
    list[str] | None,
    typer.Option("--metric", metavar="METRIC", help="a column; repeat for several; default: the first run's first"),
]
Format = Annotated[str, typer.Option("--format", metavar="FORMAT", help="markdown or latex (with booktabs)")]
Unpaired = Annotated[
    bool, typer.Option("--unpaired", help="runs of other rows, labels or folds too: bold by a wider interval")
]
Plugins = Annotated[
    list[str] | None,
    typer.Option(metavar="PACKAGE", help="package that the metrics are from; repeat for several"),
]


def table(
    runs: Runs,
    *,
    metrics: Metrics = None,
    kind: Format = "markdown",
    unpaired: Unpaired = False,
    plugins: Plugins = None,
) -> None:
    """Print runs as a table for a paper: mean and sd of folds, out of fold with its interval.

    Bold stands for a difference that is shown, not for the largest number: a run that is better than every other beyond
    chance, by what foldwise compare says of each pair.
    """
    from trainer.inference.paper_table import FORMATS, as_latex, as_markdown, paper_table

    if kind not in FORMATS:
        raise ConfigError(f"--format {kind}: give one of {', '.join(FORMATS)}")
    found = paper_table(runs, metrics or (), unpaired=unpaired, plugins=plugins or ())
    print(as_latex(found) if kind == "latex" else as_markdown(found), end="")
