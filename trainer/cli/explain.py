"""``foldwise explain``: which columns a run's predictions hang on."""

from pathlib import Path
from typing import Annotated

import typer

from trainer.cli.predict import Device, Folds, Plugins, Run, fold_numbers
from trainer.cli.verify import Data, Images

EXAMPLES = """\b
Examples:
  foldwise explain runs/a1
  foldwise explain runs/a1 --metric roc_auc --draws 20 -o importance.csv -o importance.html"""

Metric = Annotated[str | None, typer.Option(metavar="METRIC", help="that gets worse; default: the first of the run")]
Draws = Annotated[int, typer.Option(metavar="N", help="how often each column is permuted")]
Sample = Annotated[int, typer.Option(metavar="N", help="held-out rows of a fold, drawn at random; 0 = all")]
Alike = Annotated[float, typer.Option(metavar="R", help="absolute rank correlation to permute columns together from")]
Minutes = Annotated[float, typer.Option(metavar="M", help="after these no further column is begun")]
Seed = Annotated[int, typer.Option(metavar="N", min=0, help="of the drawing")]
Output = Annotated[
    list[Path] | None,
    typer.Option("-o", "--output", metavar="FILE", help=".csv, .tsv, .parquet, .json or .html; repeat for several"),
]


def explain(
    directory: Run,
    *,
    metric: Metric = None,
    draws: Draws = 5,
    sample: Sample = 5_000,
    alike: Alike = 0.9,
    minutes: Minutes = 10.0,
    seed: Seed = 0,
    output: Output = None,
    data: Data = None,
    images: Images = None,
    folds: Folds = None,
    device: Device = None,
    plugins: Plugins = None,
) -> None:
    """Show which columns the predictions of a run hang on, on rows that its folds held out.

    Each fold's own model predicts its held-out rows again with a column permuted among them; what the metric loses is
    the column's importance, with an interval over folds and repeats.
    """
    from trainer.inference.explain_files import require_files, write_files
    from trainer.inference.importance import Wanted, importance
    from trainer.inference.show_importance import show_importance
    from trainer.report.terminal import terminal
    from trainer.trackers.console import progress_on

    files = output or []
    require_files(files)
    console = terminal()
    given = {"path": data, "images": images}
    found = importance(
        directory,
        Wanted(metric, draws=draws, rows=sample, alike=alike, minutes=minutes, seed=seed),
        places={name: place for name, place in given.items() if place is not None},
        folds=fold_numbers(folds),
        device=device,
        plugins=plugins or [],
        track=progress_on(console),
    )
    show_importance(console, found)
    write_files(files, found)
    for path in files:
        print(f"{path}")
