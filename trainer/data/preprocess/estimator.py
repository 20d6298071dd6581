"""A scikit-learn transformer or pipeline as preprocessing: a copy is fitted on the training rows of each fold.

It is kept by skops, which names every type in a file before anything of it is built; never by pickle.
"""

import base64
import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.data.loading.batches import DenseRows
from trainer.data.samples import Arrays, Inputs, SparseColumns, TableColumns, Texts
from trainer.errors import ConfigError, DataError, as_foldwise_error, shown

SCHEMA = "schema.json"  # of a skops file: what is built, each object with the address it had as its id
HARMLESS = ("numpy.dtype",)  # the type of an array's values, which skops asks about too
LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the files in a skops file would have the time of day


class Estimator:
    """Fits a transformer of scikit-learn's form, ``fit(X)`` and ``transform(X)``.

    X is (N, F) of numbers; (N, F + K) of objects where there are categorical columns, these last; or (N,) texts.

    Args:
        saved: the unfitted transformer, as ``saved_text`` wrote it.
    """

    def __init__(self, saved: str) -> None:
        self.saved = saved

    def fit(self, inputs: Inputs, train_rows: NDArray[np.int64]) -> "FittedEstimator":
        """Fit a copy on the training rows.

        Raises:
            DataError: it does not take them.
        """
        estimator, rows = loaded(self.saved), as_matrix(inputs)
        try:
            estimator.fit(rows[train_rows])
            width = _transformed(estimator, rows[train_rows[:1]]).shape[1]
        except DataError:
            raise
        except Exception as error:  # a transformer of the user's may raise anything
            said = f"data.preprocess: {type(estimator).__name__}: {as_foldwise_error(error)}"
            raise DataError(f"{said}\n{columns}" if (columns := _by_number(inputs, error)) else said) from error
        return FittedEstimator(saved_text(estimator), width)


@dataclass(frozen=True)
class FittedEstimator:
    """A transformer as one fold fitted it.

    Attributes:
        saved: it, as ``saved_text`` wrote it.
        width: features that it makes.
        notes: none.
    """

    saved: str
    width: int
    notes: tuple[str, ...] = ()

    @property
    def model_arguments(self) -> dict[str, Any]:
        """The number of features."""
        return {"n_features": self.width, "cardinalities": ()}

    @cached_property
    def estimator(self) -> Any:
        """The transformer."""
        return loaded(self.saved)

    def transform(self, inputs: Inputs) -> DenseRows:
        """Return ``numeric`` (N, width) float32.

        Raises:
            DataError: a value is not finite.
        """
        values_NW = _transformed(self.estimator, as_matrix(inputs))
        broken = np.flatnonzero(~np.isfinite(values_NW).all(axis=1))
        if len(broken):
            raise DataError(f"data.preprocess makes values of row {broken[0] + 1} that are not finite: add an imputer")
        return DenseRows({"numeric": values_NW})

    def to_json(self) -> dict[str, Any]:
        """Return plain values that ``from_json`` turns into the same transform."""
        return {"saved": self.saved, "width": self.width}

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> "FittedEstimator":
        """Rebuild the transform from ``to_json``."""
        return cls(saved["saved"], saved["width"])


def as_matrix(inputs: Inputs) -> Any:
    """Return what a transformer is given, a row each."""
    if isinstance(inputs, TableColumns):
        if not inputs.categorical:
            return inputs.numeric_NF
        return np.concatenate([inputs.numeric_NF.astype(object), inputs.categorical_NK], axis=1)
    if isinstance(inputs, SparseColumns):
        return inputs.matrix()
    if isinstance(inputs, Texts) and inputs.pairs is None:
        return np.array(inputs.texts, dtype=object)
    if isinstance(inputs, Arrays) and len(inputs.arrays) == 1:
        [values] = inputs.arrays.values()
        return values
    raise ConfigError(
        "data.preprocess: a scikit-learn transformer is for tables, texts and one array, not for this data"
    )


def _by_number(inputs: Inputs, error: Exception) -> str:
    """Return the numbers of columns where a transformer asked for their names, else nothing."""
    if not isinstance(inputs, TableColumns) or "using strings" not in str(error):
        return ""
    named = ", ".join(f"{place} {name}" for place, name in enumerate((*inputs.numeric, *inputs.categorical)))
    return f"name columns by their number: {shown(named, 200)}"


def _transformed(estimator: Any, rows: NDArray[Any]) -> NDArray[np.float32]:
    found = estimator.transform(rows)
    found = found.toarray() if hasattr(found, "toarray") else np.asarray(found)
    if found.ndim != 2:
        raise DataError(f"data.preprocess makes an array of shape {found.shape}: one row of features each is needed")
    return np.ascontiguousarray(found, dtype=np.float32)


def saved_text(estimator: Any) -> str:
    """Return a transformer as text; the same one gives the same text.

    Raises:
        ConfigError: skops is not installed, or a part of it is of a type that is not built unasked.
    """
    data = _skops().dumps(estimator)
    _require_known(data, type(estimator).__name__)
    return base64.b64encode(_same_bytes(data)).decode()


def loaded(saved: str) -> Any:
    """Return the transformer that ``saved_text`` wrote.

    Raises:
        ConfigError: skops is not installed, or it holds a type that is not built unasked.
    """
    try:
        data = base64.b64decode(saved, validate=True)
        _require_known(data, "the saved transformer")
        return _skops().loads(data, trusted=list(HARMLESS))
    except (ValueError, KeyError, zipfile.BadZipFile) as error:
        raise ConfigError(f"data.preprocess.saved is damaged: {error}") from error


def _skops() -> Any:
    try:
        import skops.io
    except ImportError as error:
        raise ConfigError(
            "preprocess: a scikit-learn transformer is kept by skops, which is not installed: pip install skops"
        ) from error
    return skops.io


def _require_known(data: bytes, what: str) -> None:
    unknown = [name for name in _skops().get_untrusted_types(data=data) if name not in HARMLESS]
    if unknown:
        raise ConfigError(
            f"preprocess: {what} holds {', '.join(unknown)}, which may run any code when it is read back: "
            "use a transformer that skops knows, or a data.preprocess class of your own"
        )


def _same_bytes(data: bytes) -> bytes:
    """Return a skops file without the addresses and the time of day that are in it."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    text = files.pop(SCHEMA).decode()
    ids = dict.fromkeys(_ids(json.loads(text)))
    numbers = {str(address): str(place) for place, address in enumerate(ids, start=1)}
    schema = json.loads(text, object_hook=lambda node: _renumbered(node, numbers))
    named = {
        numbers.get(name.partition(".")[0], name.partition(".")[0]) + name[name.index(".") :]: name for name in files
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo(SCHEMA, LONG_AGO), json.dumps(schema))
        for name in sorted(named):
            archive.writestr(zipfile.ZipInfo(name, LONG_AGO), files[named[name]])
    return buffer.getvalue()


def _ids(node: Any) -> Iterator[int]:
    """Yield the ids of all objects in a schema, in its order."""
    if isinstance(node, dict):
        yield from [node["__id__"]] if "__id__" in node else []
        for value in node.values():
            yield from _ids(value)
    elif isinstance(node, list):
        for value in node:
            yield from _ids(value)


def _renumbered(node: dict[str, Any], numbers: Mapping[str, str]) -> dict[str, Any]:
    if "__id__" in node:
        node["__id__"] = int(numbers[str(node["__id__"])])
    if isinstance(node.get("file"), str):
        stem, dot, ending = node["file"].partition(".")
        node["file"] = numbers.get(stem, stem) + dot + ending
    return node
