"""``foldwise decide``: thresholds, calibration and sets that cover, fitted on held-out rows and scored cross-fitted."""

from pathlib import Path
from typing import Annotated

import typer

from trainer.errors import ConfigError
from trainer.system.paths import PathText

EXAMPLES = """\b
Examples:
  foldwise decide runs/a1 --metric f1_macro --calibrate temperature
  foldwise decide runs/a1 --metric recall@precision=0.9
  foldwise decide runs/a1 --cost '0,1;5,0' --calibrate platt
  foldwise decide runs/a1 --coverage 0.9"""

Run = Annotated[Path, typer.Argument(metavar="RUN", help="run directory, such as runs/a1")]
Metric = Annotated[
    str | None,
    typer.Option(metavar="METRIC", help="that thresholds are for: f1_macro, mcc, cost, recall@precision=0.9, ..."),
]
Cost = Annotated[
    PathText | None,
    typer.Option(metavar="FILE", help="or '0,1;5,0': cost of each prediction (column) for each true class (row)"),
]
Calibrate = Annotated[
    str | None, typer.Option(metavar="METHOD", help="temperature, platt, isotonic or vector (docs/guide/decide.md)")
]
Coverage = Annotated[
    float | None, typer.Option(metavar="SHARE", help="sets of classes, or intervals, that hold the truth so often: 0.9")
]
Remove = Annotated[bool, typer.Option("--remove", help="delete what was decided before: the likeliest class again")]


def decide(
    directory: Run,
    *,
    metric: Metric = None,
    cost: Cost = None,
    calibrate: Calibrate = None,
    coverage: Coverage = None,
    remove: Remove = False,
) -> None:
    """Choose thresholds, calibrate probabilities, and make sets that cover, on the held-out rows of a run.

    What a fold's rows are decided by comes from the other folds; that figure is printed, and beside it the one on the
    rows that were fitted on, which flatters. The run keeps it in decision.json, in place of what was decided before.
    """
    from trainer.inference.decide import Wanted, decide_run
    from trainer.inference.decision_run import remove_decision, save_decision, show
    from trainer.report.terminal import terminal
    from trainer.run.copies import open_copy

    wanted = Wanted(metric, cost, calibrate, coverage)
    if remove:
        if wanted != Wanted():
            raise ConfigError("--remove goes with no other option")
        open_copy(directory)
        remove_decision(directory)
        return
    decided = decide_run(directory, wanted)
    save_decision(directory, decided)
    show(terminal(), directory, decided)
