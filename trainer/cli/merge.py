"""``foldwise merge`` and ``foldwise report``: the folds of a run joined, its result shown, its report written."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trainer.cli.verify import Data, Images

if TYPE_CHECKING:
    from trainer.run.page_facts import PageRequest

LANGUAGES = ("auto", "en", "zh")

Run = Annotated[Path, typer.Argument(metavar="RUN", help="run directory, such as runs/a1")]
Copies = Annotated[list[Path] | None, typer.Argument(metavar="COPY", help="copies of it with other folds finished")]
Plugins = Annotated[
    list[str] | None,
    typer.Option(metavar="PACKAGE", help="package that the metrics are from; repeat for several"),
]
Language = Annotated[
    str | None, typer.Option(metavar="LANGUAGE", help="of report.html: auto, en or zh; default: as the run was told")
]
Force = Annotated[bool, typer.Option("--force", help="join folds of other options or software all the same")]


def merge(directory: Run, others: Copies = None, *, force: Force = False, plugins: Plugins = None) -> None:
    """Join the folds of a run: cv.json, oof.parquet and the report."""
    _merge(directory, others or [], force=force, plugins=plugins or [])


def report(
    directory: Run,
    *,
    language: Language = None,
    data: Data = None,
    images: Images = None,
    plugins: Plugins = None,
) -> None:
    """Show a run's result and write its report again: report.md, and report.html with what the rows hold.

    Where the data is at hand, the page compares its slices and shows what the worst rows hold.
    """
    from trainer.errors import ConfigError
    from trainer.inference.report_page import page_request

    if language not in (None, *LANGUAGES):
        raise ConfigError(f"--language {language}: give one of {', '.join(LANGUAGES)}")
    given = {"path": data, "images": images}
    places = {name: place for name, place in given.items() if place is not None}
    _merge(directory, [], plugins=plugins or [], page=page_request(directory, language, places, plugins or []))


def _merge(
    directory: Path,
    others: Sequence[Path],
    *,
    force: bool = False,
    plugins: list[str],
    page: "PageRequest | None" = None,
) -> None:
    from trainer.report.terminal import terminal
    from trainer.run.merge import merge
    from trainer.run.show_merged import show

    show(terminal(), merge(directory, others, force=force, plugins=plugins, page=page))
