"""``foldwise blend``: several runs as one, with weights that are scored on folds they were not fitted on."""

from pathlib import Path
from typing import Annotated

import typer

from trainer.cli.merge import Plugins

EXAMPLES = """\b
Examples:
  foldwise blend runs/a1 runs/b7 --out runs/blend
  foldwise blend runs/a1 runs/b7 runs/c3 --out runs/stack --method stack
  foldwise blend runs/a1 runs/b7 --out runs/stack2 --method stack --features age,city"""

Runs = Annotated[list[Path], typer.Argument(metavar="RUN", help="run directories, two at least; blends too")]
Out = Annotated[Path, typer.Option(metavar="DIR", help="directory of the blend, a run like the others")]
Method = Annotated[
    str, typer.Option(metavar="METHOD", help="mean, rank, greedy, nonnegative or stack (docs/guide/blend.md)")
]
Metric = Annotated[
    str | None, typer.Option(metavar="METRIC", help="that leads, and greedy goes by; default: that of the first run")
]
DifferentFolds = Annotated[
    bool, typer.Option("--allow-different-folds", help="blend runs of other folds too: the score then flatters")
]
Seed = Annotated[int, typer.Option(metavar="N", help="of the bags of greedy selection", min=0)]

Features = Annotated[
    str | None,
    typer.Option(metavar="COL,COL", help="columns of the rows that stack sees beside the runs; all = all of the table"),
]


def blend(
    others: Runs,
    *,
    out: Out,
    method: Method = "greedy",
    metric: Metric = None,
    allow_different_folds: DifferentFolds = False,
    seed: Seed = 0,
    plugins: Plugins = None,
    features: Features = None,
) -> None:
    """Blend runs of the same rows and folds into a run of its own.

    The weights are fitted on held-out rows. Those of a fold's rows come from the other folds, so the score of the blend
    is as honest as those of the runs; what the weights score on the rows they were fitted on is printed beside it.
    """
    from trainer.inference.blend_run import blend_runs, show
    from trainer.report.terminal import terminal

    result = blend_runs(
        others,
        out,
        method=method,
        metric=metric,
        allow_different_folds=allow_different_folds,
        seed=seed,
        plugins=plugins or (),
        features=[name for name in (features or "").split(",") if name],
    )
    show(terminal(), result)
