"""``foldwise verify``: the held-out rows of a run predicted again from its files, and compared."""

from typing import Annotated

import typer

from trainer.cli.predict import Device, Folds, Plugins, Run, fold_numbers
from trainer.inference.fold_check import TOLERANCE
from trainer.system.paths import PathText

Data = Annotated[
    PathText | None, typer.Option(metavar="PATH", help="where the data it was trained on is now; default: where it was")
]
Images = Annotated[PathText | None, typer.Option(metavar="DIR|ZIP", help="where the images are now that a table names")]
Tolerance = Annotated[float, typer.Option(metavar="X", help="largest difference that is none")]


def verify(
    directory: Run,
    *,
    data: Data = None,
    images: Images = None,
    folds: Folds = None,
    device: Device = None,
    tolerance: Tolerance = TOLERANCE,
    plugins: Plugins = None,
) -> None:
    """Prove a run: each row predicted again by the fold that held it out is what oof.parquet says."""
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
        tolerance=tolerance,
        track=progress_on(console),
    )
    for check in checks:
        same = "all of them" if check.n_equal == check.n_rows else f"{check.n_equal} of them"
        print_line(f"fold {check.fold}: {check.n_rows} rows, {same} to the bit; largest difference {check.largest:.2g}")
    print_line(f"verified: {sum(check.n_rows for check in checks)} held-out predictions are those of {directory}")
