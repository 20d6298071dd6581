"""``foldwise merge`` and ``foldwise report``: the folds of a run joined, its result shown, its report written."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

Run = Annotated[Path, typer.Argument(metavar="RUN", help="run directory, such as runs/a1")]
Copies = Annotated[list[Path] | None, typer.Argument(metavar="COPY", help="copies of it with other folds finished")]
Plugins = Annotated[
    list[str] | None,
    typer.Option(metavar="PACKAGE", help="package that the metrics are from; repeat for several"),
]
Force = Annotated[bool, typer.Option("--force", help="join folds of other options or software all the same")]


def merge(directory: Run, others: Copies = None, *, force: Force = False, plugins: Plugins = None) -> None:
    """Join the folds of a run: cv.json, oof.parquet and the report."""
    _merge(directory, others or [], force=force, plugins=plugins or [])


def report(directory: Run, *, plugins: Plugins = None) -> None:
    """Show a run's result and write its report again."""
    _merge(directory, [], force=False, plugins=plugins or [])


def _merge(directory: Path, others: Sequence[Path], *, force: bool, plugins: list[str]) -> None:
    from trainer.report.terminal import terminal
    from trainer.run.merge import merge, show

    show(terminal(), merge(directory, others, force=force, plugins=plugins))
