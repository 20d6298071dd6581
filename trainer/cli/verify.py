"""``foldwise verify``: the held-out rows of a run predicted again from its files, and compared."""

from pathlib import Path
from typing import Annotated

import typer

from trainer.cli.predict import Device, Folds, Plugins, Run, fold_numbers
from trainer.errors import ConfigError
from trainer.inference.fold_check import TOLERANCE
from trainer.system.paths import PathText

Data = Annotated[
    PathText | None, typer.Option(metavar="PATH", help="where the data it was trained on is now; default: where it was")
]
Images = Annotated[PathText | None, typer.Option(metavar="DIR|ZIP", help="where the images are now that a table names")]
Tolerance = Annotated[
    float | None,
    typer.Option(metavar="X", help="largest difference that is none; default: 1e-06, of an exported folder 1e-4"),
]
Export = Annotated[
    Path | None, typer.Option(metavar="DIR", help="a folder of foldwise export: its model predicts the held-out rows")
]


def verify(
    directory: Run,
    *,
    data: Data = None,
    images: Images = None,
    folds: Folds = None,
    device: Device = None,
    tolerance: Tolerance = None,
    export: Export = None,
    plugins: Plugins = None,
) -> None:
    """Prove a run: each row predicted again by the fold that held it out is what oof.parquet says.

    With --export, the same of a folder that was exported from it.
    """
    if export is not None:
        _verify_export(directory, export, data, images, folds=folds, tolerance=tolerance, plugins=plugins)
        return
    from trainer.inference.verify import verify as verify_run
    from trainer.report.terminal import line_printer, terminal
    from trainer.trackers.console import progress_on

    console = terminal()
    print_line = line_printer(console)
    given = {"path": data, "images": images}
    checks = verify_run(
        directory,
        places={name: place for name, place in given.items() if place is not None},
        folds=fold_numbers(folds),
        device=device,
        plugins=plugins or [],
        tolerance=TOLERANCE if tolerance is None else tolerance,
        track=progress_on(console),
    )
    for check in checks:
        same = "all of them" if check.n_equal == check.n_rows else f"{check.n_equal} of them"
        print_line(f"fold {check.fold}: {check.n_rows} rows, {same} to the bit; largest difference {check.largest:.2g}")
    print_line(f"verified: {sum(check.n_rows for check in checks)} held-out predictions are those of {directory}")


def _verify_export(
    directory: Path,
    folder: Path,
    data: str | None,
    images: str | None,
    *,
    folds: str | None,
    tolerance: float | None,
    plugins: list[str] | None,
) -> None:
    from trainer.inference.verify_export import verify_export
    from trainer.report.terminal import line_printer, terminal

    if folds is not None:
        raise ConfigError("--folds is of the run itself: of an exported folder all that are in it are compared")
    print_line = line_printer(terminal())
    given = {"path": data, "images": images}
    places = {name: place for name, place in given.items() if place is not None}
    found = verify_export(directory, folder, places=places, plugins=plugins or [], tolerance=tolerance)
    for check in found.folds:
        print_line(f"fold {check.fold}: {check.n_rows} rows; largest difference {check.largest:.2g}")
    for note in found.notes:
        print_line(f"note: {note}")
    n_rows = sum(check.n_rows for check in found.folds)
    by = f"{n_rows} held-out predictions of {folder} are" if n_rows else f"what {folder} predicts is"
    print_line(f"verified: {by} what {directory} says")
