"""Folds that are given: a fold number per row, or pairs of row numbers."""

import re
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from trainer.errors import DataError
from trainer.folds.request import Pair, RowNumbers, SplitRequest
from trainer.system.part_words import HELD_OUT_WORDS, SHOWN_WORDS, TRAIN_WORDS, part_word
from trainer.wording.lists import first_few

GROUPS = "may"
SHUFFLE = "no"
N_SPLITS = False

Predefined = NDArray[np.int64] | Sequence[Pair]  # (N,) or (repeats, N) fold numbers, < 0 = never held out; or pairs
UNUSED = "out"  # in a column of fold numbers: a row that is used in no fold
CHANCE = 0.2  # share of the rows held out twice above which folds are drawn by chance (ShuffleSplit)


def split(request: SplitRequest) -> Iterator[Pair]:
    """Yield the given (training, held-out) row numbers of one repeat."""
    assert request.pairs is not None
    yield from request.pairs


def by_repeat(
    predefined: Predefined, n_rows: int, ids_N: NDArray[np.str_] | None = None, overlap: str = "refuse"
) -> list[tuple[Pair, ...]]:
    """Return the pairs of each repeat; a row is held out at most once in a repeat.

    Pairs that hold the same row out belong to different repeats, so scikit-learn's RepeatedKFold gives its repeats
    back and ShuffleSplit gives repeats of one fold.

    Args:
        predefined: the folds.
        n_rows: of the data.
        ids_N: named in messages; None = row numbers.
        overlap: ``refuse`` folds of which some hold out the same few rows, a slip of the pen; ``repeats`` takes each
            for a repeat of one fold.

    Raises:
        DataError: the folds do not fit the rows or each other.
    """
    if isinstance(predefined, np.ndarray):
        repeats = [_pairs_of_numbers(numbers_N, n_rows) for numbers_N in np.atleast_2d(predefined)]
        if len({len(pairs) for pairs in repeats}) > 1:
            raise DataError(f"given folds: the repeats have {[len(pairs) for pairs in repeats]} folds, not the same")
        return repeats
    if not predefined:
        raise DataError("given folds: there are none")
    for fold, pair in enumerate(predefined):
        _require_rows(pair, fold, n_rows)
    if overlap == "refuse":
        _require_partition(predefined, n_rows, np.arange(n_rows).astype(np.str_) if ids_N is None else ids_N)
    return _without_overlap(predefined, n_rows)


def renumbered(predefined: Predefined) -> Iterator[str]:
    """Yield a note where the numbers of given folds are not 0, 1, 2, ..."""
    if not isinstance(predefined, np.ndarray):
        return
    folds = np.unique(predefined[predefined >= 0]).tolist()
    if len(folds) and folds[-1] != len(folds) - 1:
        said, here = (first_few(one, rest=", ...") for one in (folds, range(len(folds))))
        yield f"given folds {said} are called {here} here"


def from_cells(cells: Sequence[str], source: str) -> Predefined:
    """Read a column that says the fold of each row.

    Args:
        cells: whole numbers, an empty cell or a negative number = never held out, ``out`` = used in no fold; or words:
            train, and one of test, val or dev for the rows held out. With a second such word (train, dev, test) its
            rows are left out: test is held out.
        source: named in messages, such as ``data.csv: column 'fold'``.

    Raises:
        DataError: a cell is neither.
    """
    words = list(map(part_word, cells))
    if any(word in TRAIN_WORDS for word in words):
        return _from_words(words, source)
    for row, word in enumerate(words):
        if word != UNUSED and not re.fullmatch(r"([+-]?\d{1,9}(\.0*)?)?", word):  # 3.0: a 3 of pandas
            raise DataError(
                f"{source}: '{cells[row][:40]}' in row {row + 1} is no fold: give whole numbers from 0 (empty or -1 = "
                "never held out), or the words train and test"
            )
    _refuse_unmatched(words, source)
    numbers_N = np.array([int(float(word or -1)) if word != UNUSED else -1 for word in words], dtype=np.int64)
    used_N = np.array([word != UNUSED for word in words])
    return numbers_N if used_N.all() else _pairs(numbers_N, used_N) or numbers_N


def _refuse_unmatched(words: Sequence[str], source: str) -> None:
    """Refuse empty cells among numbers such as 1.0, as a merge in pandas leaves them for rows that it did not find."""
    empty = [row for row, word in enumerate(words, start=1) if not word]
    filled = [word for word in words if word and word != UNUSED]
    if empty and filled and all("." in word for word in filled):
        raise DataError(
            f"{source}: {len(empty)} of {len(words)} rows have no fold (rows {first_few(empty, rest=', ...')}), as a "
            f"merge leaves them that did not find these rows\nrepair the merge, or write -1 where a row only trains, "
            f"and {UNUSED} where it is to be used in no fold"
        )


def _from_words(words: Sequence[str], source: str) -> Predefined:
    held_out = [word for word in HELD_OUT_WORDS if word in words]
    unknown = sorted(set(words) - set(TRAIN_WORDS) - set(held_out))
    if unknown or not held_out:
        what = f"unknown word '{unknown[0][:40]}'" if unknown else "train, and no test rows"
        raise DataError(f"{source}: {what}: have {', '.join(SHOWN_WORDS)}, or fold numbers")
    train_N, held_out_N = np.isin(words, TRAIN_WORDS), np.array(words) == held_out[0]
    return ((np.flatnonzero(train_N), np.flatnonzero(held_out_N)),)


def _pairs_of_numbers(numbers_N: NDArray[np.int64], n_rows: int) -> tuple[Pair, ...]:
    if len(numbers_N) != n_rows:
        raise DataError(f"given folds: {len(numbers_N)} fold numbers for {n_rows} rows: they are of other data")
    pairs = _pairs(numbers_N, np.ones(n_rows, dtype=bool))
    if not pairs:
        raise DataError("given folds: every row is -1 (never held out): number the folds from 0")
    return pairs


def _pairs(numbers_N: NDArray[np.int64], used_N: NDArray[np.bool_]) -> tuple[Pair, ...]:
    """Return the pair of each fold that is numbered, of the rows that are used."""
    folds = np.unique(numbers_N[numbers_N >= 0])
    return tuple((np.flatnonzero(used_N & (numbers_N != fold)), np.flatnonzero(numbers_N == fold)) for fold in folds)


def _require_rows(pair: Pair, fold: int, n_rows: int) -> None:
    for what, rows in zip(("train", "held-out"), pair, strict=True):
        if len(rows) and not (rows.min() >= 0 and rows.max() < n_rows):
            worst = rows.max() if rows.max() >= n_rows else rows.min()
            raise DataError(f"given fold {fold}: {what} row {worst}: the data has rows 0..{n_rows - 1}")
        if len(np.unique(rows)) < len(rows):
            raise DataError(f"given fold {fold}: a row is listed twice among its {what} rows")
    both = np.intersect1d(*pair)
    if len(both):
        raise DataError(
            f"given fold {fold}: both trained on and held out: {len(both)} of the rows, such as row {both[0]}"
        )


def _require_partition(pairs: Sequence[Pair], n_rows: int, ids_N: NDArray[np.str_]) -> None:
    """Refuse folds that would be a partition but for a few rows; the folds of whole repeats, or of chance, are none."""
    times_N = np.bincount(np.concatenate([held_out for _, held_out in pairs]), minlength=n_rows)
    usual = np.bincount(times_N[times_N > 0]).argmax() if times_N.any() else 0
    odd = np.flatnonzero((times_N > 0) & (times_N != usual))
    if not len(odd) or len(odd) > CHANCE * np.count_nonzero(times_N):
        return
    folds = [str(number) for number, (_, held_out) in enumerate(pairs) if odd[0] in held_out]
    listed = ", ".join(f"'{ids_N[row][:40]}'" for row in odd[:3]) + (", ..." if len(odd) > 3 else "")
    never = int((times_N == 0).sum())
    raise DataError(
        f"given folds: rows held out more or less often than the others: {len(odd)} ({listed}; "
        f"'{ids_N[odd[0]][:40]}' by folds {', '.join(folds[:5])}); rows never held out: {never}\n"
        "hold each row out once in each repeat, or set cv.overlap=repeats if each fold is a repeat of its own"
    )


def _without_overlap(pairs: Sequence[Pair], n_rows: int) -> list[tuple[Pair, ...]]:
    repeats: list[list[Pair]] = []
    taken_N: NDArray[np.bool_] = np.ones(n_rows, dtype=bool)
    for train, held_out in pairs:
        rows: Pair = (_sorted(train), _sorted(held_out))
        if not repeats or taken_N[rows[1]].any():
            repeats.append([])
            taken_N = np.zeros(n_rows, dtype=bool)
        repeats[-1].append(rows)
        taken_N[rows[1]] = True
    if len({len(repeat) for repeat in repeats}) > 1:
        return [(pair,) for repeat in repeats for pair in repeat]
    return [tuple(repeat) for repeat in repeats]


def _sorted(rows: RowNumbers) -> RowNumbers:
    return np.sort(np.asarray(rows, dtype=np.int64))
