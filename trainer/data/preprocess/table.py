"""From feature columns as read to model inputs; everything fitted on the fold's training rows only."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from trainer.data.loading.batches import DenseRows
from trainer.data.loading.mapped_rows import MappedRows
from trainer.data.preprocess.sparse import FittedSparse, SparsePreprocess
from trainer.data.samples import Inputs, SparseColumns, TableColumns
from trainer.errors import ConfigError, DataError
from trainer.system.mapped_arrays import Fill, filled, give_way

UNSEEN, MISSING, FIRST_CATEGORY = 0, 1, 2  # category indices
COLUMNS = 8  # fitted at a time: of fewer, NumPy adds up each one slower
FEWEST_COLUMNS = 2  # it adds up a single one in another order
FEW_CELLS = 1 << 17  # worked on at a time where that is more: they stay in a core's cache
MOST_CELLS = 1 << 25  # fitted at a time, unless two columns have more
NOT_A_TABLE = "data.preprocess: TablePreprocess is for feature columns; for texts use data/preprocess=vocabulary"


class TablePreprocess:
    """Median imputation with missing flags, standardisation, category indices.

    Args:
        standardize: whether numeric columns are scaled to mean 0 and standard deviation 1.
    """

    def __init__(self, standardize: bool = True) -> None:
        self.standardize = standardize

    def fit(self, inputs: Inputs, train_rows: NDArray[np.int64]) -> "FittedTable | FittedSparse":
        """Learn medians, means, scales and categories from the training rows; of sparse columns the largest values.

        Which columns get a missing flag follows from all rows, so that every fold has the same width.

        Raises:
            ConfigError: the inputs are no table.
        """
        if isinstance(inputs, SparseColumns):
            return SparsePreprocess("max_abs" if self.standardize else "none").fit(inputs, train_rows)
        if not isinstance(inputs, TableColumns):
            raise ConfigError(NOT_A_TABLE)
        medians_F, means_F, scales_F = _fit_numeric(inputs.numeric_NF, train_rows, self.standardize)
        return FittedTable(
            numeric=inputs.numeric,
            medians_F=medians_F,
            means_F=means_F,
            scales_F=scales_F,
            flagged=_with_missing(inputs.numeric_NF),
            categorical=inputs.categorical,
            categories=tuple(_words_of(inputs, place, train_rows) for place in range(len(inputs.categorical))),
        )


def _fit_numeric(
    numeric_NF: NDArray[np.float64], train_rows: NDArray[np.int64], standardize: bool
) -> tuple[NDArray[np.float64], ...]:
    """Return medians, means and scales (F,) of scikit-learn's imputer and scaler, fitted a few columns at a time."""
    n_features = numeric_NF.shape[1]
    medians_F, means_F, scales_F = np.zeros(n_features), np.zeros(n_features), np.ones(n_features)
    for columns in _column_blocks(n_features, len(train_rows)):
        train_NB = np.ascontiguousarray(numeric_NF[:, columns][train_rows])
        medians_F[columns] = _medians_filled_in(train_NB)
        if standardize:
            means_F[columns], scales_F[columns] = _scaling(train_NB)
        give_way()
    return medians_F, means_F, scales_F


def _column_blocks(n_features: int, n_rows: int) -> Iterator[slice]:
    """Yield blocks of columns, none of a single one unless it is the only one."""
    at_a_time = max(FEWEST_COLUMNS, min(COLUMNS, MOST_CELLS // max(n_rows, 1)), FEW_CELLS // max(n_rows, 1))
    starts = [*range(0, max(n_features - 1, 1), at_a_time), n_features]
    return (slice(start, end) for start, end in pairwise(starts) if start < end)


def _row_blocks(n_rows: int, n_features: int) -> Iterator[slice]:
    """Yield blocks of rows that stay in a core's cache."""
    at_a_time = max(1, FEW_CELLS // max(1, n_features))
    return (slice(start, start + at_a_time) for start in range(0, n_rows, at_a_time))


def _with_missing(numeric_NF: NDArray[np.float64]) -> tuple[int, ...]:
    """Return the places of the columns with missing values."""
    missing_F = np.zeros(numeric_NF.shape[1], dtype=bool)
    for rows in _row_blocks(*numeric_NF.shape):
        missing_BF = np.isnan(numeric_NF[rows])
        if missing_BF.any():
            missing_F |= missing_BF.any(axis=0)
    return tuple(np.flatnonzero(missing_F).tolist())


def _medians_filled_in(train_NB: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the medians (B,) of the values that are not missing, put where one is."""
    missing_NB = np.isnan(train_NB)
    if len(train_NB) and not missing_NB.any():
        return _medians(np.array(train_NB.T, order="C"))
    medians_B = np.concatenate([_medians(values_N[None, ~np.isnan(values_N)]) for values_N in train_NB.T])
    np.copyto(train_NB, medians_B, where=missing_NB)
    return medians_B


def _medians(values_BN: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the medians (B,), 0 where there are no values; these are put in another order.

    NumPy's own puts three values of each row in their places one after the other, which takes three times as long.
    """
    n_values = values_BN.shape[1]
    if n_values == 0:
        return np.zeros(len(values_BN))
    values_BN.partition(n_values // 2, axis=1)
    upper_B = values_BN[:, n_values // 2].copy()
    return upper_B if n_values % 2 else np.asarray((values_BN[:, : n_values // 2].max(axis=1) + upper_B) / 2)


def _scaling(train_NB: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return means and scales (B,) of the values."""
    from sklearn.preprocessing import StandardScaler

    with np.errstate(over="ignore", invalid="ignore"):  # the cell is refused when it is scaled
        scaler = StandardScaler().fit(train_NB)
    return scaler.mean_, scaler.scale_


def _words_of(inputs: TableColumns, place: int, rows: NDArray[np.int64]) -> tuple[str, ...]:
    """Return the different words of a column in these rows."""
    if inputs.coded is not None:
        known = inputs.coded.words[place]
        counts = np.bincount(inputs.coded.codes_NK[rows, place] + 1, minlength=len(known) + 1)
        return tuple(sorted(known[code] for code in np.flatnonzero(counts[1:])))
    column_N = inputs.categorical_NK[rows, place]
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
        n_rows, n_words = len(inputs.numeric_NF), len(self.categorical)
        numeric = filled(
            (n_rows, self.model_arguments["n_features"]), np.float32, self._numeric(inputs), inputs.scratch
        )
        arrays: dict[str, NDArray[Any]] = {"numeric": numeric}
        if self.categorical:
            arrays["categorical"] = filled((n_rows, n_words), np.int64, self._categorical(inputs), inputs.scratch)
        give_way()
        return DenseRows(arrays) if inputs.scratch is None else MappedRows(arrays)

    def _numeric(self, inputs: TableColumns) -> Fill:
        def fill(start: int, out_BW: NDArray[np.float32]) -> None:
            self._scale(inputs.numeric_NF[start : start + len(out_BW)], out_BW, start)

        return fill

    def _scale(self, numeric_BF: NDArray[np.float64], out_BW: NDArray[np.float32], first_row: int) -> None:
        for rows in _row_blocks(*numeric_BF.shape):
            too_large_F = self._scale_few(numeric_BF[rows], out_BW[rows])
            if too_large_F.any():
                raise self._too_large(numeric_BF, int(too_large_F.argmax()), first_row)

    def _scale_few(self, numeric_BF: NDArray[np.float64], out_BW: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Scale rows; return (F,) which columns are too large for that."""
        missing_BF = np.isnan(numeric_BF)
        filled_BF = np.where(missing_BF, self.medians_F, numeric_BF) if missing_BF.any() else numeric_BF
        scaled_BF = filled_BF - self.means_F
        scaled_BF /= self.scales_F
        too_large_F = ~(np.maximum(scaled_BF.max(axis=0), -scaled_BF.min(axis=0)) <= np.finfo(np.float32).max)
        if not too_large_F.any():
            out_BW[:, : len(self.numeric)] = scaled_BF
            out_BW[:, len(self.numeric) :] = missing_BF[:, list(self.flagged)]
        return np.asarray(too_large_F)

    def _too_large(self, numeric_BF: NDArray[np.float64], place: int, first_row: int) -> DataError:
        from_median_B = np.nan_to_num(np.abs(numeric_BF[:, place] - self.medians_F[place]), nan=0, posinf=np.inf)
        row = int(from_median_B.argmax())  # the mean, from which all are far then, is that of this cell
        return DataError(
            f"column '{self.numeric[place]}' row {first_row + row + 1}: {numeric_BF[row, place]:g} is too large "
            "to train on in float32: repair the cell, or rescale the column"
        )

    def _categorical(self, inputs: TableColumns) -> Fill:
        coded, known = inputs.coded, [pa.array(words, pa.string()) for words in self.categories]
        index_of = [
            np.append(_category_indices(np.array(words, dtype=object), of_column), MISSING)  # of the code -1
            for words, of_column in zip(coded.words if coded else (), known, strict=coded is not None)
        ]

        def fill(start: int, out_BK: NDArray[np.int64]) -> None:
            rows = slice(start, start + len(out_BK))
            for place, of_column in enumerate(known):
                if coded is not None:
                    out_BK[:, place] = index_of[place][coded.codes_NK[rows, place]]
                else:
                    out_BK[:, place] = _category_indices(inputs.categorical_NK[rows, place], of_column)

        return fill

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
    def from_json(cls, saved: Mapping[str, Any]) -> "FittedTable | FittedSparse":
        """Rebuild the transform from ``to_json``, of whatever ``TablePreprocess`` was fitted on."""
        if "first" in saved:
            return FittedSparse.from_json(saved)
        return cls(
            numeric=tuple(saved["numeric"]),
            medians_F=np.array(saved["medians"], dtype=np.float64),
            means_F=np.array(saved["means"], dtype=np.float64),
            scales_F=np.array(saved["scales"], dtype=np.float64),
            flagged=tuple(saved["flagged"]),
            categorical=tuple(saved["categorical"]),
            categories=tuple(tuple(words) for words in saved["categories"]),
        )


def _category_indices(words_B: NDArray[np.object_], known: Any) -> NDArray[np.int64]:
    cells = pa.array(words_B, pa.string())
    found: Any = pc.index_in(cells, known)
    index_B = pc.fill_null(found, UNSEEN - FIRST_CATEGORY).to_numpy(zero_copy_only=False) + FIRST_CATEGORY
    return np.where(cells.is_null().to_numpy(zero_copy_only=False), MISSING, index_B)


def _other_columns(have: Sequence[str], fitted: Sequence[str]) -> str:
    lacking = [name for name in fitted if name not in have]
    extra = [name for name in have if name not in fitted]
    return (
        f"the feature columns are not those of the training data: missing {lacking[:5]}, unknown {extra[:5]}"
        if lacking or extra
        else "the feature columns have another order or kind than in the training data"
    )
