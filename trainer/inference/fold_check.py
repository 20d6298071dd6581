"""What a proof finds of one fold."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the command line reads the constant, and starts without numpy
    import numpy as np
    from numpy.typing import NDArray

TOLERANCE = 1e-6  # the largest difference that is none


@dataclass(frozen=True)
class FoldCheck:
    """How the predictions of a fold's held-out rows compare with those that were kept.

    Attributes:
        fold: its number.
        n_rows: it held out.
        n_equal: of them, whose every number is the same to the bit.
        largest: difference of a probability; of numbers that are predicted, in standard deviations of the target.
        row: id of the row that has it; empty where no row was held out.
    """

    fold: int
    n_rows: int
    n_equal: int
    largest: float
    row: str


def compared(
    number: int, ids_V: "NDArray[np.str_]", now: "NDArray[Any]", before: "NDArray[Any]", unit: float
) -> FoldCheck:
    """Compare the predictions (V, C) of a fold with those that were kept.

    Args:
        number: of the fold.
        ids_V: of its held-out rows.
        now: what is predicted.
        before: what was.
        unit: in which differences are told.
    """
    import numpy as np

    if not len(ids_V):
        return FoldCheck(number, 0, 0, 0.0, "")
    apart_V = np.abs(now.astype(np.float64) - before.astype(np.float64)).max(axis=1) / unit
    equal_V = (now == before).all(axis=1)
    apart_V = np.where(np.isnan(apart_V), np.inf, apart_V)
    worst = int(apart_V.argmax())
    return FoldCheck(number, len(ids_V), int(equal_V.sum()), float(apart_V[worst]), str(ids_V[worst]))
