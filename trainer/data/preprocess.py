"""From feature columns as read to model inputs; everything fitted on the fold's training rows only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from trainer.config.errors import ConfigError, DataError
from trainer.data.batches import DenseRows
from trainer.data.samples import Inputs, TableColumns

UNSEEN, MISSING, FIRST_CATEGORY = 0, 1, 2  # category indices
NOT_A_TABLE = (
    "data.preprocess: TablePreprocess is for feature columns; for texts use trainer.data.vocabulary.TextVocabulary"
)


class TablePreprocess:
    """Median imputation with missing flags, standardisation, category indices.

    Args:
        standardize: whether numeric columns are scaled to mean 0 and standard deviation 1.
    """

    def __init__(self, standardize: bool = True) -> None:
        self.standardize = standardize

    def fit(self, inputs: Inputs, train_rows: NDArray[np.int64]) -> "FittedTable":
        """Learn medians, means, scales and categories from the training rows.

        Which columns get a missing flag follows from all rows, so that every fold has the same width.

        Raises:
            ConfigError: the inputs are no table.
        """
        if not isinstance(inputs, TableColumns):
            raise ConfigError(NOT_A_TABLE)
        train_NF = inputs.numeric_NF[train_rows]
        medians_F, means_F, scales_F = _fit_numeric(train_NF, self.standardize)
        return FittedTable(
            numeric=inputs.numeric,
            medians_F=medians_F,
            means_F=means_F,
            scales_F=scales_F,
            flagged=tuple(np.flatnonzero(np.isnan(inputs.numeric_NF).any(axis=0)).tolist()),
            categorical=inputs.categorical,
            categories=tuple(_sorted_words(column) for column in inputs.categorical_NK[train_rows].T),
        )


def _fit_numeric(train_NF: NDArray[np.float64], standardize: bool) -> tuple[NDArray[np.float64], ...]:
    """Return medians, means and scales (F,) of scikit-learn's imputer and scaler."""
    from sklearn.impute import SimpleImputer
    from sklearn.preprocessing import StandardScaler

    n_features = train_NF.shape[1]
    if not n_features:
        return np.empty(0), np.empty(0), np.empty(0)
    imputer = SimpleImputer(strategy="median", keep_empty_features=True).fit(train_NF)
    if not standardize:
        return imputer.statistics_, np.zeros(n_features), np.ones(n_features)
    scaler = StandardScaler().fit(imputer.transform(train_NF))
    return imputer.statistics_, scaler.mean_, scaler.scale_


def _sorted_words(column_N: NDArray[np.object_]) -> tuple[str, ...]:
    words = pc.unique(pa.array(column_N, pa.string())).to_pylist()
    return tuple(sorted(word for word in words if word is not None))


@dataclass(frozen=True)
class FittedTable:
    """A table transform as one fold learnt it.

    Attributes:
        numeric: the F numeric columns.
        medians_F: filled in where a value is missing.
        means_F: subtracted after that.
        scales_F: divided by after that.
        flagged: numeric columns (by place) followed by a 0/1 column "was missing".
        categorical: the K categorical columns.
        categories: known words per categorical column; their indices start at 2 (0 = unseen, 1 = missing).
        notes: what a person should know.
    """

    numeric: tuple[str, ...]
    medians_F: NDArray[np.float64]
    means_F: NDArray[np.float64]
    scales_F: NDArray[np.float64]
    flagged: tuple[int, ...]
    categorical: tuple[str, ...]
    categories: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()

    @property
    def model_arguments(self) -> dict[str, Any]:
        """The input sizes a model is built with."""
        cardinalities = tuple(FIRST_CATEGORY + len(words) for words in self.categories)
        return {"n_features": len(self.numeric) + len(self.flagged), "cardinalities": cardinalities}

    def transform(self, inputs: Inputs) -> DenseRows:
        """Return ``numeric`` (N, F + flags) float32 and, where there are any, ``categorical`` (N, K) int64.

        Raises:
            DataError: other columns than those fitted, or a value beyond float32.
        """
        if not isinstance(inputs, TableColumns):
            raise ConfigError(NOT_A_TABLE)
        have = (*inputs.numeric, *inputs.categorical)
        if have != (*self.numeric, *self.categorical):
            raise DataError(_other_columns(have, (*self.numeric, *self.categorical)))
        arrays: dict[str, NDArray[Any]] = {"numeric": self._numeric(inputs.numeric_NF)}
        if self.categorical:
            arrays["categorical"] = self._categorical(inputs.categorical_NK)
        return DenseRows(arrays)

    def _numeric(self, numeric_NF: NDArray[np.float64]) -> NDArray[np.float32]:
        missing_NF = np.isnan(numeric_NF)
        scaled_NF = (np.where(missing_NF, self.medians_F, numeric_NF) - self.means_F) / self.scales_F
        too_large_NF = ~(np.abs(scaled_NF) <= np.finfo(np.float32).max)
        if too_large_NF.any():
            row, place = np.argwhere(too_large_NF)[0]
            raise DataError(
                f"column '{self.numeric[place]}' row {row + 1}: {numeric_NF[row, place]:g} is too large "
                "to train on in float32: repair the cell, or rescale the column"
            )
        return np.concatenate([scaled_NF, missing_NF[:, list(self.flagged)]], axis=1).astype(np.float32)

    def _categorical(self, categorical_NK: NDArray[np.object_]) -> NDArray[np.int64]:
        indices_NK = np.empty(categorical_NK.shape, dtype=np.int64)
        for place, words in enumerate(self.categories):
            cells = pa.array(categorical_NK[:, place], pa.string())
            found: Any = pc.index_in(cells, pa.array(words, pa.string()))
            known = pc.fill_null(found, UNSEEN - FIRST_CATEGORY)
            index_N = known.to_numpy(zero_copy_only=False) + FIRST_CATEGORY
            missing_N = cells.is_null().to_numpy(zero_copy_only=False)
            indices_NK[:, place] = np.where(missing_N, MISSING, index_N)
        return indices_NK

    def to_json(self) -> dict[str, Any]:
        """Return plain values that ``from_json`` turns into the same transform."""
        return {
            "numeric": list(self.numeric),
            "medians": self.medians_F.tolist(),
            "means": self.means_F.tolist(),
            "scales": self.scales_F.tolist(),
            "flagged": list(self.flagged),
            "categorical": list(self.categorical),
            "categories": [list(words) for words in self.categories],
        }

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> "FittedTable":
        """Rebuild the transform from ``to_json``."""
        return cls(
            numeric=tuple(saved["numeric"]),
            medians_F=np.array(saved["medians"], dtype=np.float64),
            means_F=np.array(saved["means"], dtype=np.float64),
            scales_F=np.array(saved["scales"], dtype=np.float64),
            flagged=tuple(saved["flagged"]),
            categorical=tuple(saved["categorical"]),
            categories=tuple(tuple(words) for words in saved["categories"]),
        )


def _other_columns(have: Sequence[str], fitted: Sequence[str]) -> str:
    lacking = [name for name in fitted if name not in have]
    extra = [name for name in have if name not in fitted]
    return (
        f"the feature columns are not those of the training data: missing {lacking[:5]}, unknown {extra[:5]}"
        if lacking or extra
        else "the feature columns have another order or kind than in the training data"
    )
