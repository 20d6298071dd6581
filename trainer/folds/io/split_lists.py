"""Folds as lists of ids: ``fold_0.txt``, ``fold_1.txt``, ... have the rows that one fold holds out, a line each."""

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainer.errors import ConfigError, DataError
from trainer.folds.io.matching import RowFinder
from trainer.folds.plan import FoldPlan
from trainer.store.own_files import given_text, write_given
from trainer.wording.lists import first_few
from trainer.wording.translations import N_

USUAL = "*fold*.txt"
NUMBERED = re.compile(r"(\d+)\D*$")


def is_lists(path: Path) -> bool:
    """Return whether a path names such lists: a pattern of .txt files, or a folder."""
    return ("*" in path.name and path.suffix.lower() == ".txt") or path.is_dir()


def list_files(path: Path) -> list[Path]:
    """Return the lists that are there."""
    return sorted(path.glob(USUAL) if path.is_dir() else path.parent.glob(path.name))


def read_lists(path: Path, finder: RowFinder) -> NDArray[np.int64]:
    """Return (N,) the fold of each row; rows in no list are never held out.

    Args:
        path: a pattern such as ``folds/fold_*.txt``, or the folder with files whose names hold ``fold`` and a number.
        finder: of the rows of the data.

    Raises:
        DataError: there are no such files, or a row is unknown or in two of them.
    """
    files = list_files(path)
    number_of = {file: int(match[1]) for file in files if (match := NUMBERED.search(file.stem))}
    if not number_of or len(set(number_of.values())) < len(files):
        have = ", ".join(file.name for file in files[:5]) or "none"
        raise DataError(f"{path}: wants a file for each fold, with a number of its own: fold_0.txt, ...; has {have}")
    fold_N = np.full(len(finder), -1, dtype=np.int64)
    for file, number in number_of.items():
        ids = [line.strip() for line in given_text(file).splitlines() if line.strip()]
        rows = finder.rows([finder.plain(one) for one in ids], file.name)
        twice = rows[fold_N[rows] >= 0]
        if len(twice):
            other = next(name.name for name, one in number_of.items() if one == fold_N[twice[0]])
            raise DataError(f"{path}: {len(twice)} rows of {file.name} are in {other} too, such as row {twice[0] + 1}")
        fold_N[rows] = number
    return fold_N


def write_lists(path: Path, plan: FoldPlan, ids: list[str]) -> None:
    """Write a file for each fold: the number takes the place of ``*`` in the name.

    Raises:
        DataError: an id holds a line break.
        ConfigError: lists of more folds are there, which would stay.
    """
    broken = next((one for one in ids if one != one.strip() or len(one.splitlines()) != 1), None)
    if broken is not None:
        raise DataError(f"{path}: id {broken!r} cannot stand in a line of its own: use folds.json")
    folder, pattern = (path.parent, path.name) if "*" in path.name else (path, "fold_*.txt")
    files = [folder / pattern.replace("*", str(fold)) for fold in range(plan.n_splits)]
    others = [file.name for file in list_files(path) if file not in files]
    if others:
        raise ConfigError(f"{path}: {first_few(others)} would stay beside the {len(files)} lists: move them away")
    for fold, file in enumerate(files):
        held_out = [ids[row] for row in plan.rows(0, fold)[1].tolist()]
        write_given(file, "".join(f"{one}\n" for one in held_out).encode(), N_("fold file"))
