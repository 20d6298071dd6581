"""What a proof finds of one fold."""

from dataclasses import dataclass


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
