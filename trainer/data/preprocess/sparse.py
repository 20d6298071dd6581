"""Sparse columns: each divided by its largest absolute value in the training rows, so that zero stays zero."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.data.loading.sparse_rows import SparseRows
from trainer.data.samples import Inputs, SparseColumns
from trainer.errors import ConfigError, DataError

SCALES = ("max_abs", "none")
NOTE = "sparse columns are divided by their largest absolute value, not standardised: zeros stay zeros"


class SparsePreprocess:
    """Scaling of sparse columns that keeps them sparse.

    Args:
        scale: ``max_abs`` divides a column by its largest absolute value, ``none`` leaves the numbers.
    """

    def __init__(self, scale: str = "max_abs") -> None:
        if scale not in SCALES:
            raise ConfigError(f"data.preprocess.scale={scale}: give one of {', '.join(SCALES)}")
        self.scale = scale

    def fit(self, inputs: Inputs, train_rows: NDArray[np.int64]) -> "FittedSparse":
        """Learn the scales from the training rows; a column that is zero in all of them is left as it is.

        Raises:
            ConfigError: the inputs are not sparse.
        """
        if not isinstance(inputs, SparseColumns):
            raise ConfigError("data/preprocess=sparse is for sparse columns; for others use data/preprocess=table")
        scales_F = np.ones(inputs.n_columns)
        if self.scale == "max_abs":
            from sklearn.preprocessing import MaxAbsScaler

            scales_F = MaxAbsScaler().fit(inputs.matrix()[train_rows]).scale_
        return FittedSparse(inputs.first, scales_F, (NOTE,) if self.scale == "max_abs" else ())


@dataclass(frozen=True)
class FittedSparse:
    """A scaling of sparse columns as one fold learnt it.

    Attributes:
        first: number of the first column in the file.
        scales_F: what each is divided by.
        notes: what a person should know.
    """

    first: int
    scales_F: NDArray[np.float64]
    notes: tuple[str, ...] = ()

    @property
    def model_arguments(self) -> dict[str, Any]:
        """The input sizes a model is built with."""
        return {"n_features": len(self.scales_F), "cardinalities": ()}

    def transform(self, inputs: Inputs) -> SparseRows:
        """Return ``numeric`` (N, F) float32, sparse.

        Raises:
            DataError: columns that were not there in training, or a value beyond float32.
        """
        if not isinstance(inputs, SparseColumns):
            raise DataError("the feature columns are not sparse, those of the training data are")
        columns_P = inputs.columns_P + (inputs.first - self.first)
        unknown_P = (columns_P < 0) | (columns_P >= len(self.scales_F))
        if unknown_P.any():
            self._refuse_column(inputs, int(unknown_P.argmax()))
        scaled_P = inputs.values_P / self.scales_F[columns_P]
        too_large_P = ~(np.abs(scaled_P) <= np.finfo(np.float32).max)
        if too_large_P.any():
            at = int(too_large_P.argmax())
            raise DataError(
                f"column '{inputs.name(int(inputs.columns_P[at]))}' row {inputs.row_of(at) + 1}: "
                f"{inputs.values_P[at]:g} is too large to train on in float32: repair the cell, or rescale the column"
            )
        return SparseRows(scaled_P.astype(np.float32), columns_P, inputs.offsets, len(self.scales_F))

    def _refuse_column(self, inputs: SparseColumns, at: int) -> None:
        last = self.first + len(self.scales_F) - 1
        said = (
            f"row {inputs.row_of(at) + 1} has column '{inputs.name(int(inputs.columns_P[at]))}', the training data had "
            f"f{self.first} to f{last}: "
        )
        if inputs.first == self.first:
            raise DataError(f"{said}leave it out, or train with it")
        raise DataError(f"{said}indices count from {inputs.first} here and from {self.first} there: make them the same")

    def to_json(self) -> dict[str, Any]:
        """Return plain values that ``from_json`` turns into the same transform."""
        return {"first": self.first, "scales": self.scales_F.tolist()}

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> "FittedSparse":
        """Rebuild the transform from ``to_json``."""
        return cls(saved["first"], np.array(saved["scales"], dtype=np.float64))
