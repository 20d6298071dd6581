"""Rows to predict that a program has in memory: arrays and texts; files and frames are those of ``new_rows``."""

import os
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from trainer.data.columns.reading import ARRAYS, TABLE, TEXT
from trainer.data.readers.frames import is_frame
from trainer.data.samples import Arrays, TableColumns
from trainer.data.sources.in_memory import as_inputs
from trainer.errors import DataError
from trainer.inference.new_rows import Asked, Block, NewRows, open_new_rows
from trainer.inference.predictor import Predictor

GIVEN = "the rows to predict"


def open_rows(predictor: Predictor, data: Any, asked: Asked) -> NewRows:
    """Look at rows of whatever form.

    Raises:
        DataError: they do not fit the run.
        ConfigError: an option does not fit.
    """
    reading = predictor.run.spec.reading
    kind = reading.get("kind")
    if isinstance(data, str | os.PathLike) or is_frame(data):
        return open_new_rows(predictor, data, asked)
    if kind == TEXT and isinstance(data, list | tuple) and len(reading["text"]) == 1 and not reading["pair"]:
        texts = pa.table({reading["text"][0]: pa.array(list(data), pa.string())})
        return open_new_rows(predictor, texts, Asked(id="none"))
    if kind not in (TABLE, ARRAYS):
        raise DataError(f"{GIVEN} are a {type(data).__name__}, the run's were of another form ({kind}): give such ones")
    inputs, n_rows = as_inputs(data, GIVEN)
    if isinstance(inputs, TableColumns):
        inputs = _as_columns(inputs, list(reading.get("numeric", [])), list(reading.get("categorical", [])))
    elif isinstance(inputs, Arrays):
        _require_names(predictor, inputs)

    def blocks() -> Iterator[Block]:
        yield Block(np.arange(n_rows), inputs, np.ones(n_rows, dtype=bool))

    return NewRows(n_rows, 1, blocks, list)


def _as_columns(inputs: TableColumns, numeric: list[str], categorical: list[str]) -> TableColumns:
    """Return an array's columns under the run's names: they are told by their place.

    Raises:
        DataError: there are more or fewer, or some are no numbers.
    """
    width = inputs.numeric_NF.shape[1]
    if categorical or width != len(numeric):
        wanted = f"{len(numeric)} columns of numbers" + (
            f" and {len(categorical)} of categories" if categorical else ""
        )
        raise DataError(f"{GIVEN} have {width} columns, the run was trained on {wanted}: give a frame with their names")
    return TableColumns(inputs.numeric_NF, inputs.categorical_NK, tuple(numeric))


def _require_names(predictor: Predictor, inputs: Mapping[str, Any] | Arrays) -> None:
    shapes = getattr(predictor.models[0].fitted, "shapes", None)
    given = inputs.arrays if isinstance(inputs, Arrays) else inputs
    if shapes is not None and given.keys() != shapes.keys():
        raise DataError(f"{GIVEN} are called {', '.join(given)}, the run's {', '.join(shapes)}: give them these names")
