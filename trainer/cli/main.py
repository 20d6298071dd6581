"""The console script ``foldwise``: all that trains nothing, most of it on finished runs (``python -m trainer``)."""

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from trainer.cli.audit import add_audit
from trainer.cli.split import add_split
from trainer.errors import ConfigError, guarded
from trainer.store.own_files import require_no_links


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a subcommand and return the exit code."""
    parsed = _parser().parse_args(arguments)
    return guarded(lambda: parsed.run(parsed))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="foldwise", description="Look at data, work on finished runs. To train: python train.py --help"
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    merge = commands.add_parser("merge", help="join the folds of a run into cv.json, oof.parquet and the report")
    merge.add_argument("directory", type=Path, metavar="RUN", help="run directory, such as runs/a1")
    merge.add_argument("others", type=Path, nargs="*", metavar="COPY", help="copies of it with other folds finished")
    merge.add_argument("--force", action="store_true", help="join folds of other options or software all the same")
    merge.add_argument("--plugins", nargs="+", default=[], metavar="PACKAGE", help="packages the metrics are from")
    merge.set_defaults(run=_merge)
    report = commands.add_parser("report", help="show a run's result and write its report again")
    report.add_argument("directory", type=Path, metavar="RUN", help="run directory, such as runs/a1")
    report.add_argument("--plugins", nargs="+", default=[], metavar="PACKAGE", help="packages the metrics are from")
    report.set_defaults(run=_merge, others=[], force=False)
    add_split(commands)
    add_audit(commands)
    convert = commands.add_parser("convert", help="write a file of weights in another format, proved to be the same")
    convert.add_argument("source", type=Path, metavar="IN", help=".pt .pth .bin .ckpt or .safetensors, any format")
    convert.add_argument("target", type=Path, metavar="OUT")
    convert.add_argument("--format", choices=("zip", "legacy", "safetensors"), default="zip", help="default: zip")
    convert.set_defaults(run=_convert)
    board = commands.add_parser("tensorboard", help="serve a run's (or all runs') curves on this machine only")
    board.add_argument("directory", type=Path, metavar="DIR", help="run directory, or the one that holds them")
    board.add_argument("--port", type=int, default=6006)
    board.set_defaults(run=_tensorboard)
    return parser


def _merge(parsed: argparse.Namespace) -> None:
    from trainer.report.terminal import terminal
    from trainer.run.merge import merge, show

    show(terminal(), merge(parsed.directory, parsed.others, force=parsed.force, plugins=parsed.plugins))


def _convert(parsed: argparse.Namespace) -> None:
    from trainer.weights.file_formats import convert

    print("\n".join(convert(parsed.source, parsed.target, parsed.format)))


def _tensorboard(parsed: argparse.Namespace) -> None:
    if not parsed.directory.is_dir():
        raise ConfigError(f"{parsed.directory} is not a directory: give a run directory, such as runs/a1")
    require_no_links(parsed.directory)
    command = ["-m", "tensorboard.main", "--logdir", str(parsed.directory), "--host", "localhost"]
    subprocess.run([sys.executable, *command, "--port", str(parsed.port)], check=False)
