"""The held-out predictions of all folds, put together."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.errors import CheckpointError
from trainer.results import FoldResult, OutOfFold
from trainer.system.mapped_arrays import MANY_ROWS, filled
from trainer.tasks import Target
from trainer.wording.lists import first_few


def pool_out_of_fold(
    folds: Sequence[FoldResult],
    ids_N: NDArray[np.str_],
    target: Target,
    repeats: int = 1,
    *,
    fold_of_row: NDArray[np.int64] | None = None,
    group_N: NDArray[np.int64] | None = None,
    scratch: Path | None = None,
) -> OutOfFold:
    """Assemble the held-out predictions of all folds in the order of the input rows, repeat after repeat.

    Args:
        folds: every fold of every repeat, in any order.
        ids_N: text per input row.
        target: (N,) or (N, L).
        repeats: how often the rows were split.
        fold_of_row: (repeats, N) the fold that is to hold each row out, -1 = none; None = some fold holds each out.
        group_N: number of the group of each input row, or None.
        scratch: folder that may be written to: predictions of very many rows are mapped from files there.

    Returns:
        Each row that is held out, exactly once per repeat.

    Raises:
        CheckpointError: a row is predicted by another number of folds, or another fold, than holds it out.
        StorageError: the disk is full.
    """
    held_out_RN = np.ones((repeats, len(ids_N)), dtype=bool) if fold_of_row is None else fold_of_row >= 0
    _require_once(folds, ids_N, held_out_RN)
    if fold_of_row is not None:
        _require_folds(folds, fold_of_row, ids_N)
    rows_R = [np.flatnonzero(held_out_N) for held_out_N in held_out_RN]  # of each repeat, those that are held out
    entries = _Entries(folds, rows_R, scratch if sum(map(len, rows_R)) > MANY_ROWS else None)
    whole = repeats == 1 and len(rows_R[0]) == len(ids_N)  # then nothing of the rows is copied
    return OutOfFold(
        ids=ids_N if whole else entries.of_rows(ids_N),
        fold=entries.of_folds(lambda part: np.broadcast_to(np.int64(part.fold), len(part.rows))),
        repeat=np.broadcast_to(np.int64(0), len(ids_N)) if whole else entries.repeats(),
        target=target if whole else entries.of_rows(target),
        proba=entries.of_folds(lambda part: part.proba),
        logits=entries.of_folds(lambda part: part.logits),
        loss=entries.of_folds(lambda part: part.loss),
        group=group_N if group_N is None or whole else entries.of_rows(group_N),
    )


class _Entries:
    """Fills arrays (M, ...) with an entry for each held-out row, repeat after repeat, some entries at a time.

    Args:
        folds: of all repeats.
        rows_R: of each repeat, the rows that are held out, ascending.
        scratch: folder for the files of arrays that are mapped; None = they are in memory.
    """

    def __init__(self, folds: Sequence[FoldResult], rows_R: Sequence[NDArray[np.int64]], scratch: Path | None) -> None:
        self.folds, self.rows_R, self.scratch = folds, rows_R, scratch
        self.starts = [0, *np.cumsum([len(rows) for rows in rows_R]).tolist()]

    def of_folds(self, values_of: Callable[[FoldResult], NDArray[Any]]) -> NDArray[Any]:
        """Return what each fold has (V, ...) for the rows that it holds out."""

        def fill(repeat: int, rows: NDArray[np.int64], out: NDArray[Any]) -> None:
            for part in self.folds:
                if part.repeat == repeat:
                    first, end = np.searchsorted(part.rows, [rows[0], rows[-1] + 1])
                    out[np.searchsorted(rows, part.rows[first:end])] = values_of(part)[first:end]

        one = values_of(self.folds[0])
        return self._filled(one.shape[1:], one.dtype, fill)

    def of_rows(self, values_N: NDArray[Any]) -> NDArray[Any]:
        """Return what each row has."""

        def fill(_: int, rows: NDArray[np.int64], out: NDArray[Any]) -> None:
            out[:] = values_N[rows]

        return self._filled(values_N.shape[1:], values_N.dtype, fill)

    def repeats(self) -> NDArray[np.int64]:
        """Return the number of the repeat."""

        def fill(repeat: int, _: NDArray[np.int64], out: NDArray[Any]) -> None:
            out[:] = repeat

        return self._filled((), np.dtype(np.int64), fill)

    def _filled(
        self, shape: tuple[int, ...], dtype: Any, fill: Callable[[int, NDArray[np.int64], NDArray[Any]], None]
    ) -> NDArray[Any]:
        def fill_entries(start: int, out: NDArray[Any]) -> None:
            for repeat, (first, end) in enumerate(pairwise(self.starts)):
                low, high = max(start, first), min(start + len(out), end)
                if low < high:
                    fill(repeat, self.rows_R[repeat][low - first : high - first], out[low - start : high - start])

        return filled((self.starts[-1], *shape), dtype, fill_entries, self.scratch)


def _require_folds(folds: Sequence[FoldResult], planned_RN: NDArray[np.int64], ids_N: NDArray[np.str_]) -> None:
    for repeat, planned_N in enumerate(planned_RN):
        wrong = {
            int(row): part.fold
            for part in folds
            if part.repeat == repeat
            for row in part.rows[planned_N[part.rows] != part.fold]
        }
        if wrong:
            first = min(wrong)
            what = f"predicted by fold {wrong[first]}, which fold {planned_N[first]} holds out,"
            raise CheckpointError(_rows_message(what, repeat, np.array(sorted(wrong)), ids_N))


def _require_once(folds: Sequence[FoldResult], ids_N: NDArray[np.str_], held_out_RN: NDArray[np.bool_]) -> None:
    for repeat, held_out_N in enumerate(held_out_RN):
        rows = np.concatenate([np.zeros(0, dtype=np.int64), *(f.rows for f in folds if f.repeat == repeat)])
        times_N = np.bincount(rows, minlength=len(ids_N))
        wrong = {
            "predicted more than once": times_N > 1,
            "not predicted": (times_N == 0) & held_out_N,
            "predicted that are never held out": (times_N > 0) & ~held_out_N,
        }
        for what, wrong_N in wrong.items():
            if wrong_N.any():
                raise CheckpointError(_rows_message(what, repeat, np.flatnonzero(wrong_N), ids_N))


def _rows_message(what: str, repeat: int, rows: NDArray[np.int64], ids_N: NDArray[np.str_]) -> str:
    shown = first_few([f"{row} (id '{ids_N[row]}')" for row in rows], 3)
    return f"{len(rows)} of {len(ids_N)} rows {what} in repeat {repeat}: row {shown}"
