"""The console script ``foldwise`` (``python -m trainer`` is the same): training, data, finished runs.

One file per command beside this one. They import what they work with when they run, so that ``--help`` is quick.
"""

import io
import re
import sys
from collections.abc import Callable, Sequence
from functools import wraps
from inspect import signature
from typing import Annotated, Any

import typer
from typer.main import get_command

from trainer.cli.ablate import EXAMPLES as ABLATE_EXAMPLES
from trainer.cli.ablate import ablate
from trainer.cli.audit import EXAMPLES as AUDIT_EXAMPLES
from trainer.cli.audit import audit
from trainer.cli.blend import EXAMPLES as BLEND_EXAMPLES
from trainer.cli.blend import blend
from trainer.cli.compare import EXAMPLES as COMPARE_EXAMPLES
from trainer.cli.compare import compare
from trainer.cli.convert import convert
from trainer.cli.decide import EXAMPLES as DECIDE_EXAMPLES
from trainer.cli.decide import decide
from trainer.cli.explain import EXAMPLES as EXPLAIN_EXAMPLES
from trainer.cli.explain import explain
from trainer.cli.export import EXAMPLES as EXPORT_EXAMPLES
from trainer.cli.export import export
from trainer.cli.inspect import EXAMPLES as INSPECT_EXAMPLES
from trainer.cli.inspect import inspect
from trainer.cli.kubernetes import EXAMPLES as KUBERNETES_EXAMPLES
from trainer.cli.kubernetes import kubernetes
from trainer.cli.look import EXAMPLES as LOOK_EXAMPLES
from trainer.cli.look import look
from trainer.cli.merge import merge, report
from trainer.cli.predict import EXAMPLES as PREDICT_EXAMPLES
from trainer.cli.predict import predict
from trainer.cli.push import pull, push
from trainer.cli.runs import EXAMPLES as RUNS_EXAMPLES
from trainer.cli.runs import runs
from trainer.cli.search import EXAMPLES as SEARCH_EXAMPLES
from trainer.cli.search import search, search_main
from trainer.cli.serve import EXAMPLES as SERVE_EXAMPLES
from trainer.cli.serve import serve
from trainer.cli.split import EXAMPLES as SPLIT_EXAMPLES
from trainer.cli.split import split
from trainer.cli.status import status, stop
from trainer.cli.table import EXAMPLES as TABLE_EXAMPLES
from trainer.cli.table import table
from trainer.cli.tensorboard import tensorboard
from trainer.cli.train import train, train_main
from trainer.cli.verify import verify
from trainer.errors import ConfigError, code_of_output, guarded, no_exit, shown
from trainer.system.paths import at_home, is_path, path_problem
from trainer.wording.printable import let_print_anything, printable_message
from trainer.wording.streams import let_output_be_lost

NO_VALUE = re.compile(r"(--[a-z-]+=)?")
MAY_BE_EMPTY = "--missing-labels"  # its value is what a cell holds
UsageError: Any = typer.BadParameter.__base__  # click's, or that of the copy which typer brings along
COMMANDS_ELSEWHERE = {  # what other programs call it -> here
    **dict.fromkeys(("fit", "run", "start", "resume", "cv"), "train"),
    **dict.fromkeys(("infer", "inference", "test", "score"), "predict"),
    **dict.fromkeys(("eval", "evaluate", "results", "summary"), "report"),
    **dict.fromkeys(("info", "describe", "head", "show", "check", "validate"), "look"),
    **dict.fromkeys(("list", "ls", "leaderboard", "history"), "runs"),
    **dict.fromkeys(("tune", "optimize", "hpo", "sweep"), "search"),
    **dict.fromkeys(("ensemble", "stack"), "blend"),
}
COMMANDS: tuple[tuple[Callable[..., None], str | None], ...] = (
    (look, LOOK_EXAMPLES),
    (status, None),
    (stop, None),
    (kubernetes, KUBERNETES_EXAMPLES),
    (push, None),
    (pull, None),
    (merge, None),
    (report, None),
    (predict, PREDICT_EXAMPLES),
    (verify, None),
    (inspect, INSPECT_EXAMPLES),
    (explain, EXPLAIN_EXAMPLES),
    (blend, BLEND_EXAMPLES),
    (decide, DECIDE_EXAMPLES),
    (export, EXPORT_EXAMPLES),
    (serve, SERVE_EXAMPLES),
    (compare, COMPARE_EXAMPLES),
    (ablate, ABLATE_EXAMPLES),
    (table, TABLE_EXAMPLES),
    (runs, RUNS_EXAMPLES),
    (split, SPLIT_EXAMPLES),
    (audit, AUDIT_EXAMPLES),
    (convert, None),
    (tensorboard, None),
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from trainer.config.help import answer

        raise typer.Exit(guarded(lambda: print(answer(["--version"]), flush=True)))


Version = Annotated[
    bool, typer.Option("--version", callback=_print_version, is_eager=True, help="show the version and exit")
]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return the exit code."""
    typed = sys.argv[1:] if arguments is None else list(arguments)
    if typed[:1] == ["train"]:  # its words are Hydra's, -m and --cfg among them
        return train_main(typed[1:])
    if typed[:1] == ["search"]:
        return search_main(typed[1:])
    let_output_be_lost()
    before = ["", *typed]
    empty = [n for n, word in enumerate(typed, 1) if NO_VALUE.fullmatch(word) and before[n - 1] != MAY_BE_EMPTY]
    if empty:
        said = f"argument {empty[0]} is empty: leave it out (a variable of the shell that is not set?)"
        print(f"{ConfigError.kind}: {said}", file=sys.stderr)
        return ConfigError.exit_code
    try:
        code = get_command(application())(typed, prog_name="foldwise", standalone_mode=False)
    except UsageError as refused:
        written = io.StringIO()
        refused.show(written)
        let_print_anything()
        said = _with_near_command(written.getvalue().rstrip())
        print(printable_message(said), file=sys.stderr)  # it repeats what was typed
        return 2
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 1
    return code or code_of_output() if isinstance(code, int) else code_of_output()


def _with_near_command(said: str) -> str:
    """Return a message with the command that is likely meant, where there is none of the name typed."""
    found = re.search(r"No such command '([^']+)'", said)
    meant = COMMANDS_ELSEWHERE.get(found[1]) if found else None
    return f"{said[: found.end()]}: did you mean '{meant}'?" if found and meant else said


def application() -> typer.Typer:
    """Return the command line: plain text, whatever the terminal."""
    app = typer.Typer(
        add_completion=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_options)
    app.command()(train)
    app.command(epilog=SEARCH_EXAMPLES)(search)
    for command, epilog in COMMANDS:
        app.command(epilog=epilog)(_with_exit_code(command))
    return app


def _options(*, version: Version = False) -> None:
    """Look at data, train, work on finished runs."""


def _with_exit_code(command: Callable[..., None]) -> Callable[..., None]:
    """Let a command end as ``guarded`` says: a short message and the exit code of its kind, never as a plugin says.

    Its paths are handed to it with ``~`` written out, and its plugins imported.
    """
    paths = {name for name, parameter in signature(command).parameters.items() if is_path(parameter.annotation)}

    @wraps(command)
    def run(**options: Any) -> None:
        given = {name: at_home(value) if name in paths else value for name, value in options.items()}

        @no_exit()
        def checked() -> None:
            _require_paths([given[name] for name in paths])
            _require_plugins(given.get("plugins") or ())
            command(**given)

        raise typer.Exit(guarded(checked))

    return run


def _require_paths(given: Sequence[Any]) -> None:
    every = [path for value in given for path in (value if isinstance(value, list) else [value]) if path is not None]
    for path in map(str, every):
        if why := path_problem(path):
            raise ConfigError(f"{shown(path)}: {why}")


def _require_plugins(plugins: Sequence[str]) -> None:
    if not plugins:
        return
    from trainer.config.plugins import find_here, plugin_problems

    find_here(plugins)
    if problems := plugin_problems(plugins, "--plugins {}".format):
        raise ConfigError.from_problems(problems)
