"""The console script ``foldwise``: all that trains nothing, most of it on finished runs (``python -m trainer``).

One file per command beside this one. They import what they work with when they run, so that ``--help`` is quick.
"""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import typer
from typer.main import get_command

from trainer.cli.audit import EXAMPLES as AUDIT_EXAMPLES
from trainer.cli.audit import audit
from trainer.cli.convert import convert
from trainer.cli.merge import merge, report
from trainer.cli.split import EXAMPLES as SPLIT_EXAMPLES
from trainer.cli.split import split
from trainer.cli.tensorboard import tensorboard
from trainer.errors import guarded, no_exit

COMMANDS: tuple[tuple[Callable[..., None], str | None], ...] = (
    (merge, None),
    (report, None),
    (split, SPLIT_EXAMPLES),
    (audit, AUDIT_EXAMPLES),
    (convert, None),
    (tensorboard, None),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return the exit code."""
    try:
        get_command(application())(None if arguments is None else list(arguments), prog_name="foldwise")
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 1
    return 0


def application() -> typer.Typer:
    """Return the command line: plain text, whatever the terminal."""
    app = typer.Typer(
        help="Look at data, work on finished runs. To train: python train.py --help",
        add_completion=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    for command, epilog in COMMANDS:
        app.command(epilog=epilog)(_with_exit_code(command))
    return app


def _with_exit_code(command: Callable[..., None]) -> Callable[..., None]:
    """Let a command end as ``guarded`` says: a short message and the exit code of its kind, never as a plugin says."""

    @wraps(command)
    def run(**options: Any) -> None:
        raise typer.Exit(guarded(lambda: no_exit()(command)(**options)))

    return run
