"""``foldwise tensorboard``: the curves of a run in a browser."""

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from trainer.errors import ConfigError
from trainer.store.own_files import require_no_links

Directory = Annotated[Path, typer.Argument(metavar="DIR", help="run directory, or the one that holds them")]


def tensorboard(directory: Directory, *, port: int = 6006) -> None:
    """Serve a run's (or all runs') curves on this machine only."""
    if not directory.is_dir():
        raise ConfigError(f"{directory} is not a directory: give a run directory, such as runs/a1")
    require_no_links(directory)
    command = ["-m", "tensorboard.main", "--logdir", str(directory), "--host", "localhost"]
    subprocess.run([sys.executable, *command, "--port", str(port)], check=False)
