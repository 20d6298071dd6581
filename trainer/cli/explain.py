"""``foldwise explain``: which columns a run's predictions hang on, and what in single texts and images."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trainer.cli.predict import Device, Folds, Plugins, Run, fold_numbers
from trainer.cli.verify import Data, Images
from trainer.errors import ConfigError

if TYPE_CHECKING:
    from rich.console import Console

EXAMPLES = """\b
Examples:
  foldwise explain runs/a1
  foldwise explain runs/a1 --metric roc_auc --draws 20 -o importance.csv -o importance.html
  foldwise explain runs/texts --worst 20 -o worst.html
  foldwise explain runs/texts --rows 46,707 --of label"""

USUAL_WORST = 10
Metric = Annotated[str | None, typer.Option(metavar="METRIC", help="that gets worse; default: the first of the run")]
Draws = Annotated[int, typer.Option(metavar="N", help="how often each column is permuted")]
Sample = Annotated[int, typer.Option(metavar="N", help="held-out rows of a fold, drawn at random; 0 = all")]
Alike = Annotated[float, typer.Option(metavar="R", help="absolute rank correlation to permute columns together from")]
Minutes = Annotated[float, typer.Option(metavar="M", help="after these no further column is begun")]
Seed = Annotated[int, typer.Option(metavar="N", min=0, help="of the drawing")]
Rows = Annotated[str | None, typer.Option(metavar="ID,ID", help="texts or images to explain")]
Worst = Annotated[
    int | None, typer.Option(metavar="N", min=1, help="explain the texts or images predicted worst; default: 10")
]
Of = Annotated[str, typer.Option(metavar="CLASS", help="what is explained of them: predicted, label, or a class")]
Output = Annotated[
    list[Path] | None,
    typer.Option("-o", "--output", metavar="FILE", help=".csv, .tsv, .parquet, .json or .html; repeat for several"),
]


def explain(
    directory: Run,
    *,
    rows: Rows = None,
    worst: Worst = None,
    of: Of = "predicted",
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
    """Show what the predictions of a run hang on, on rows that its folds held out.

    Columns of a table: each fold's own model predicts its held-out rows again with a column permuted among them; what
    the metric loses is the column's importance. Texts and images: what in single rows speaks for a class, by the
    models that were not trained on the row.
    """
    from trainer.inference.attributed_rows import explained_by_rows
    from trainer.inference.explain_files import require_files
    from trainer.report.terminal import terminal

    files = output or []
    require_files(files)
    places = {name: place for name, place in {"path": data, "images": images}.items() if place is not None}
    given: dict[str, Any] = {"places": places, "device": device, "plugins": plugins or []}
    console = terminal()
    if rows is not None or worst is not None or explained_by_rows(directory):
        _rows(console, directory, (rows, worst, of), files, given)
        return
    from trainer.inference.explain_files import of_importances, write_files
    from trainer.inference.importance import Wanted, importance
    from trainer.inference.show_importance import show_importance
    from trainer.trackers.console import progress_on

    wanted = Wanted(metric, draws=draws, rows=sample, alike=alike, minutes=minutes, seed=seed)
    found = importance(directory, wanted, folds=fold_numbers(folds), track=progress_on(console), **given)
    show_importance(console, found)
    write_files(files, of_importances(found))
    _name(files)


def _rows(
    console: "Console",
    directory: Path,
    asked: tuple[str | None, int | None, str],
    files: list[Path],
    given: dict[str, Any],
) -> None:
    """Explain the rows that are asked for by id, or those predicted worst."""
    from trainer.inference.attributed_rows import attributed_rows
    from trainer.inference.explain_files import of_rows, write_files
    from trainer.inference.show_attributions import show_attributions
    from trainer.trackers.console import progress_on

    ids, worst, explained = asked
    if ids is not None and worst is not None:
        raise ConfigError("--rows and --worst: give one of them")
    found = attributed_rows(
        directory,
        rows=[] if ids is None else [name for name in ids.split(",") if name],
        n_worst=worst or USUAL_WORST,
        explained=explained,
        track=progress_on(console),
        **given,
    )
    show_attributions(console, found)
    write_files(files, of_rows(directory.name, found))
    _name(files)


def _name(files: list[Path]) -> None:
    for path in files:
        print(path)
