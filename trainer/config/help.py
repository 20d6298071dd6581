"""The text of ``python train.py --help``: one line per choice, read from the first comment of its YAML file."""

import re
from collections.abc import Sequence
from pathlib import Path

from trainer.config.keys import CONF

REPOSITORY_DOOR = "python train.py"  # the command to train in a checkout; in an installed copy it is INSTALLED_DOOR
INSTALLED_DOOR = "foldwise train"
BLEND_DOOR = "foldwise blend"  # of runs that are made of others
PYTHON_DOOR = "trainer.cross_validate"  # of rows that were in memory: no command has them
USAGE = """\
Foldwise: k-fold training you can trust.

  python train.py                                  5-fold stratified CV on scikit-learn's digits
  python train.py loss=focal amp=O1                other choices from the groups below
  python train.py data=csv_text data.path=reviews.csv model=text_cnn
  python train.py -m loss=ce,focal amp=O0,O1       a sweep, with one leaderboard
  python train.py run=a1 cv.fold=2                 one fold as its own job
  python train.py run=a1                           resume a run that was interrupted
  python train.py --cfg job                        print the composed configuration and stop

KEY=VALUE sets any key of the configuration (see --cfg job); GROUP=CHOICE picks a file of conf/:
"""
ENDING = """
Without training: foldwise split | audit | merge | report | blend | decide | convert | tensorboard (foldwise --help).
Tab completion: eval "$(python train.py -sc install=bash)". Hydra's own flags: --hydra-help."""


def help_text(door: str = REPOSITORY_DOOR) -> str:
    """Return the whole help text; ``door`` is the command that trains, as it is typed."""
    groups = sorted({path.parent for path in CONF.rglob("*/[!_]*.yaml")})
    text = "\n".join([USAGE, *(_group(path) for path in groups), ENDING])
    return text.replace(REPOSITORY_DOOR, door)


def described_as(group: str, name: str) -> str:
    """Return the choice whose description begins with a name, such as ``CrossEntropyLoss`` of torch, or nothing."""
    words = [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)]
    words = words[:-1] if words[-1:] == [group] else words
    for path in sorted((CONF / group).glob("[!_]*.yaml")):
        if words and re.findall(r"\w+", first_comment(path).lower())[: len(words)] == words:
            return path.stem
    return ""


def answer(arguments: Sequence[str], door: str = REPOSITORY_DOOR) -> str:
    """Return what is printed in place of a run, help or version, where a command line asks for it, or nothing."""
    if {"--help", "-h"} & set(arguments):
        return help_text(door)
    if "--version" in arguments:  # Hydra's own flag would print Hydra's
        from trainer.system.version import NAME, __version__

        return f"{NAME} {__version__}"
    return ""


def _group(directory: Path) -> str:
    files = sorted(directory.glob("[!_]*.yaml"))
    width = max([20, *(len(path.stem) + 2 for path in files)])
    choices = [f"  {path.stem:<{width}}{first_comment(path)}" for path in files]
    return "\n".join([f"{directory.relative_to(CONF).as_posix()}=", *choices])


def first_comment(path: Path) -> str:
    """Return what a file of conf/ says of itself."""
    with path.open(encoding="utf-8") as file:
        comments = [line for line in file if line.startswith("# ") and not line.startswith("# @")]
    return comments[0].removeprefix("# ").strip() if comments else ""
