"""Numbers as they are: nothing is learnt from the training rows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.data.loading.batches import DenseRows, Rows
from trainer.data.loading.streamed import StreamedRows
from trainer.data.samples import Arrays, Inputs, Items, SparseColumns, TableColumns
from trainer.errors import ConfigError, DataError


class RawNumbers:
    """Gives a model arrays, items of a data set, or numeric columns as they are."""

    def fit(self, inputs: Inputs, train_rows: NDArray[np.int64]) -> "FittedRaw":
        """Note the shape of a row.

        Raises:
            ConfigError: the inputs are no numbers.
        """
        if isinstance(inputs, SparseColumns):
            raise ConfigError("data/preprocess=raw writes all cells out: for sparse columns use data/preprocess=sparse")
        if isinstance(inputs, Items):
            shapes = {name: tuple(value.shape) for name, value in inputs.reader.read(0, None).items()}
        else:
            shapes = {name: values.shape[1:] for name, values in _arrays(inputs).items()}
        return FittedRaw(shapes)


@dataclass(frozen=True)
class FittedRaw:
    """Numbers of known shapes.

    Attributes:
        shapes: of a row, by input.
        notes: none.
        names_are_free: a single input goes to the model's first argument, whatever that is called.
    """

    shapes: Mapping[str, tuple[int, ...]]
    notes: tuple[str, ...] = ()
    names_are_free: bool = field(default=True, repr=False)

    @property
    def model_arguments(self) -> dict[str, Any]:
        """The number of features of a single input (F,), channels and size of (C, H, W); else nothing is known."""
        if len(self.shapes) != 1:
            return {}
        [shape] = self.shapes.values()
        if len(shape) == 1:
            return {"n_features": shape[0], "cardinalities": ()}
        return {"in_channels": shape[0], "image_size": shape[1:]} if len(shape) == 3 else {}

    def transform(self, inputs: Inputs) -> Rows:
        """Return all rows.

        Raises:
            DataError: they have another shape than those that were trained on.
        """
        if isinstance(inputs, Items):
            return StreamedRows(inputs.reader)
        arrays = _arrays(inputs)
        shapes = {name: values.shape[1:] for name, values in arrays.items()}
        if shapes != self.shapes:
            raise DataError(f"the rows have the shapes {shapes}, those that were trained on {dict(self.shapes)}")
        return DenseRows(arrays)

    def to_json(self) -> dict[str, Any]:
        """Return plain values that ``from_json`` turns into the same transform."""
        return {"shapes": {name: list(shape) for name, shape in self.shapes.items()}}

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> "FittedRaw":
        """Rebuild the transform from ``to_json``."""
        return cls({name: tuple(shape) for name, shape in saved["shapes"].items()})


def _arrays(inputs: Inputs) -> Mapping[str, NDArray[Any]]:
    if isinstance(inputs, Arrays):
        return inputs.arrays
    if not isinstance(inputs, TableColumns) or inputs.categorical:
        raise ConfigError("data/preprocess=raw is for numbers; for other columns use data/preprocess=table")
    if np.isnan(inputs.numeric_NF).any():
        raise ConfigError("data/preprocess=raw fills no missing value in: use data/preprocess=table, or fill them in")
    return {"numeric": inputs.numeric_NF.astype(np.float32)}
