"""Arrays ``train_0``, ``test_0``, ``train_1``, ... of row numbers in an .npz file."""

import io
import re
import zipfile
import zlib
from pathlib import Path

import numpy as np
from numpy.lib.npyio import NpzFile
from numpy.typing import NDArray

from trainer.errors import DataError
from trainer.folds.io.matching import RowFinder
from trainer.folds.plan import FoldPlan
from trainer.folds.request import Pair
from trainer.store.own_files import read_given


def read_npz(file: Path, finder: RowFinder) -> tuple[Pair, ...]:
    """Read the row numbers that scikit-learn's splitters yield.

    Raises:
        DataError: it cannot be read, has other arrays, or is of other data.
    """
    try:
        arrays = np.load(io.BytesIO(read_given(file)), allow_pickle=False)
        if not isinstance(arrays, NpzFile):
            raise ValueError("it is a single array, an .npy")
        held = {name: one for name in arrays.files if isinstance(one := arrays[name], np.ndarray)}
    except (OSError, ValueError, EOFError, RuntimeError, zlib.error, zipfile.BadZipFile) as error:
        raise DataError(f"{file}: is no .npz of plain arrays: {error}") from error
    named = {int(match[1]) for name in held if (match := re.fullmatch(r"train_(\d+)", name))}
    missing = [name for fold in named for name in (f"test_{fold}",) if name not in held]
    if not named or named != set(range(len(named))) or missing:
        have = ", ".join(sorted(held)[:6]) or "none"
        raise DataError(f"{file}: wants arrays train_0, test_0, train_1, test_1, ... without a gap; has {have}")
    ids = [str(one) for one in held["ids"].ravel().tolist()] if "ids" in held else None
    row_of = np.arange(len(finder)) if ids is None else finder.rows(ids, "ids", everything=True)
    return tuple(
        (_numbers(file, f"train_{fold}", held, row_of), _numbers(file, f"test_{fold}", held, row_of))
        for fold in range(len(named))
    )


def _numbers(file: Path, name: str, held: dict[str, NDArray[np.int64]], row_of: NDArray[np.int64]) -> NDArray[np.int64]:
    rows = held[name]
    if rows.ndim != 1 or (rows.dtype.kind not in "iu" and len(rows)):
        raise DataError(f"{file}: {name} is {rows.dtype} {rows.shape}: wants a list of row numbers")
    if len(rows) and (rows.min() < 0 or rows.max() >= len(row_of)):
        worst = rows.min() if rows.min() < 0 else rows.max()
        raise DataError(f"{file}: {name} has row {worst}: the data has rows 0..{len(row_of) - 1}")
    return row_of[rows.astype(np.int64)]


def npz_bytes(plan: FoldPlan, ids_N: NDArray[np.str_]) -> bytes:
    """Return a file with the row numbers of each fold, and the ids."""
    arrays = {}
    for number in range(plan.n_folds):
        arrays[f"train_{number}"], arrays[f"test_{number}"] = plan.rows(*divmod(number, plan.n_splits))
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, ids=ids_N, **arrays)
    return buffer.getvalue()
