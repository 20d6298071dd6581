"""The target of a regression in units that a fresh network predicts: standardised on a fold's training rows."""

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class TargetScale:
    """What was taken off and divided by, to be put back for everything that people see.

    Attributes:
        mean: of the fold's training rows.
        sd: their standard deviation; 1 where all are the same.
    """

    mean: float
    sd: float

    @classmethod
    def fit(cls, values_M: NDArray[np.float64]) -> "TargetScale":
        """Return the scale of the training rows."""
        sd = float(values_M.std())
        return cls(float(values_M.mean()), sd if sd > 0 else 1.0)

    def standardised(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what the model is to predict."""
        return (values - self.mean) / self.sd

    def restored(self, values: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return values in the unit of the target again."""
        return values.astype(np.float64) * self.sd + self.mean

    def to_json(self) -> dict[str, float]:
        """Return plain values, kept with the fold's fitted preprocessing."""
        return asdict(self)
