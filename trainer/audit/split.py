"""A split as the checks need it: for every fold, which rows are trained on and which are held out."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NEVER_HELD_OUT = -1
MOST_NAMED = 2  # folds in a message
TrainRows = Callable[[int, int], NDArray[np.int64]]


@dataclass(frozen=True)
class Side:
    """One fold of one repeat.

    Attributes:
        name: shown in messages.
        train_N: whether the row is trained on.
        held_N: whether the row is held out.
    """

    name: str
    train_N: NDArray[np.bool_]
    held_N: NDArray[np.bool_]


@dataclass(frozen=True)
class Split:
    """All folds.

    Attributes:
        fold_of_row: (R, N) the fold that holds the row out in each repeat, -1 = never held out.
        train_rows: training rows of (repeat, fold); None = every row the fold does not hold out.
        names: of the folds 0, 1, ...; None = their numbers.
        given: whether a column or a file says the folds, so that another ``cv`` makes new ones.
    """

    fold_of_row: NDArray[np.int64]
    train_rows: TrainRows | None = None
    names: Sequence[str] | None = None
    given: bool = False

    @property
    def n_held_out(self) -> int:
        """How many rows are held out at least once."""
        return int((self.fold_of_row != NEVER_HELD_OUT).any(axis=0).sum())

    def sides(self, repeats: int | None = None) -> Iterator[Side]:
        """Yield the folds of all (or the first) repeats."""
        for repeat, fold_N in enumerate(self.fold_of_row[:repeats]):
            for fold in np.unique(fold_N[fold_N != NEVER_HELD_OUT]).tolist():
                held_N = fold_N == fold
                yield Side(self._name(repeat, fold), self._train(repeat, fold, held_N), held_N)

    def _train(self, repeat: int, fold: int, held_N: NDArray[np.bool_]) -> NDArray[np.bool_]:
        if self.train_rows is None:
            return ~held_N
        train_N = np.zeros(len(held_N), dtype=bool)
        train_N[self.train_rows(repeat, fold)] = True
        return train_N

    def _name(self, repeat: int, fold: int) -> str:
        name = self.names[fold] if self.names is not None else str(fold)
        return name if len(self.fold_of_row) == 1 else f"r{repeat} f{name}"


@dataclass(frozen=True)
class Crossing:
    """What lies on both sides of a split.

    Attributes:
        rows: held-out rows whose code also occurs among their training rows, ascending.
        folds: where, with how many such rows of how many held out.
        pair: the first such row, and a training row with the same code.
    """

    rows: NDArray[np.int64]
    folds: dict[str, tuple[int, int]]
    pair: tuple[int, int] | None


def crossing(
    sides: Iterable[Side], codes_N: NDArray[np.int64], relevant_N: NDArray[np.bool_] | None = None
) -> Crossing:
    """Find the held-out rows that have a row with the same code in training.

    Args:
        sides: the folds.
        codes_N: (N,) from 0; rows with one number belong together.
        relevant_N: (N,) held-out rows to look at; None = all.
    """
    crossed_N = np.zeros(len(codes_N), dtype=bool)
    folds: dict[str, tuple[int, int]] = {}
    pair = None
    for side in sides:
        trained = np.zeros(int(codes_N.max()) + 1, dtype=bool)
        trained[codes_N[side.train_N]] = True
        bad_N = side.held_N & ~side.train_N & trained[codes_N]
        if relevant_N is not None:
            bad_N &= relevant_N
        if bad_N.any():
            crossed_N |= bad_N
            folds[side.name] = (int(bad_N.sum()), int(side.held_N.sum()))
            row = int(bad_N.argmax())
            pair = pair or (row, int((side.train_N & (codes_N == codes_N[row])).argmax()))
    return Crossing(np.flatnonzero(crossed_N), folds, pair)


def folds_said(folds: dict[str, tuple[int, int]]) -> str:
    """Write where it happens: ``fold test: 335 of 1,200``, or ``5 folds, most in fold 3: 95 of 400``."""
    parts = {name: f"fold {name}: {n:,} of {n_held_out:,}" for name, (n, n_held_out) in folds.items()}
    if len(parts) <= MOST_NAMED:
        return ", ".join(parts.values())
    return f"{len(parts)} folds, most in {parts[max(folds, key=lambda name: folds[name][0])]}"
