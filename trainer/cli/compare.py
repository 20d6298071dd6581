"""``foldwise compare``: whether one run is better than another, or the difference is chance."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

EXAMPLES = """\b
Examples:
  foldwise compare runs/a1 runs/b7
  foldwise compare runs/a1 runs/b7 runs/c3 --metric roc_auc
  foldwise compare runs/a1 runs/b7 --rope 0.005 --plot differences.png
  foldwise compare runs/a1 runs/other --unpaired --json"""

Runs = Annotated[list[Path], typer.Argument(metavar="RUN", help="run directories, two at least; blends too")]
Metric = Annotated[str | None, typer.Option(metavar="METRIC", help="to compare by; default: that of the first run")]
Rope = Annotated[
    float | None,
    typer.Option(metavar="SIZE", help="a difference within it does not matter; default: 0.01, or a hundredth"),
]
Unpaired = Annotated[
    bool, typer.Option("--unpaired", help="runs of other rows, labels or folds too: a wider interval, no other test")
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
    from trainer.inference.compare_page import require_picture, show, to_dict, write_picture
    from trainer.report.terminal import terminal

    if plot is not None:
        require_picture(plot)
    found = compare_runs(runs, metric=metric, rope=rope, unpaired=unpaired, seed=seed, plugins=plugins or ())
    if plot is not None:
        write_picture(plot, found)
    if as_json:
        json.dump(to_dict(found), sys.stdout, ensure_ascii=False, indent=2, allow_nan=False)
        print()
        return
    show(terminal(), found)
