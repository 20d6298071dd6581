"""``foldwise compare``: whether one run is better than another, or the difference is chance."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from trainer.errors import ConfigError

EXAMPLES = """\b
Examples:
  foldwise compare runs/a1 runs/b7
  foldwise compare runs/a1 runs/b7 runs/c3 --metric roc_auc
  foldwise compare runs/a1 runs/b7 --rope 0.005 --plot differences.png
  foldwise compare runs/a1 runs/other --unpaired --json
  foldwise compare runs/*_iris runs/*_wine runs/*_digits --over-data-sets"""

Runs = Annotated[list[Path], typer.Argument(metavar="RUN", help="run directories, two at least; blends too")]
Metric = Annotated[str | None, typer.Option(metavar="METRIC", help="to compare by; default: that of the first run")]
Rope = Annotated[
    float | None,
    typer.Option(metavar="SIZE", help="a difference within it does not matter; default: 0.01, or a hundredth"),
]
Unpaired = Annotated[
    bool, typer.Option("--unpaired", help="runs of other rows, labels or folds too: a wider interval, no other test")
]
OverDataSets = Annotated[
    bool, typer.Option("--over-data-sets", help="rank ways of training: a run of every way on every data set")
]
Plot = Annotated[Path | None, typer.Option(metavar="FILE", help="write the differences as a .png, or all as an .html")]
AsJson = Annotated[bool, typer.Option("--json", help="print all figures as JSON")]
Seed = Annotated[int, typer.Option(metavar="N", help="of the drawing of rows", min=0)]
Plugins = Annotated[
    list[str] | None,
    typer.Option(metavar="PACKAGE", help="package that the metric is from; repeat for several"),
]


def compare(
    runs: Runs,
    *,
    metric: Metric = None,
    rope: Rope = None,
    unpaired: Unpaired = False,
    over_data_sets: OverDataSets = False,
    plot: Plot = None,
    as_json: AsJson = False,
    seed: Seed = 0,
    plugins: Plugins = None,
) -> None:
    """Say whether a run is better than another, on the same rows and folds, or the difference is chance.

    The answer comes first: by an interval over rows drawn for both, and by the corrected t-test over folds, which knows
    that folds share their training rows. A figure that does not exist is not given, and the reason stands in its place.
    """
    from trainer.inference.compare import compare as compare_runs
    from trainer.inference.compare_page import require_picture, show, to_dict
    from trainer.report.terminal import terminal

    if over_data_sets:
        if unpaired or plot is not None or rope is not None:
            raise ConfigError("--over-data-sets goes with --metric, --json and --plugins only")
        _rank(runs, metric, plugins or (), as_json=as_json)
        return
    if plot is not None:
        require_picture(plot)
    found = compare_runs(runs, metric=metric, rope=rope, unpaired=unpaired, seed=seed, plugins=plugins or ())
    if plot is not None:
        from trainer.inference.compare_html import write_picture

        write_picture(plot, found)
    if as_json:
        json.dump(to_dict(found), sys.stdout, ensure_ascii=False, indent=2, allow_nan=False)
        print()
        return
    show(terminal(), found)


def _rank(runs: list[Path], metric: str | None, plugins: Sequence[str], *, as_json: bool) -> None:
    from trainer.inference.compare_data_sets import compare_over_data_sets, rows_of
    from trainer.inference.compare_page import rows_table
    from trainer.report.terminal import line_printer, terminal

    found = compare_over_data_sets(runs, metric, plugins=plugins)
    if as_json:
        json.dump(found.to_dict(), sys.stdout, ensure_ascii=False, indent=2, allow_nan=False)
        print()
        return
    console = terminal()
    line_printer(console)(found.answer)
    console.print(rows_table("Data sets", *rows_of(found)))
