"""What every source returns: the rows as they are in the file, and what they mean."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.data.table_columns import TableColumns as TableColumns
from trainer.tasks import Target, Task


@dataclass(frozen=True)
class Texts:
    """One text per row (several text columns are joined by a space).

    Attributes:
        texts: N texts.
        pairs: the second text of each row where rows are pairs (a question and its answer), or None.
    """

    texts: tuple[str, ...]
    pairs: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Images:
    """One image file per row; the pixels are read by ``trainer.data.images.image_files``.

    Attributes:
        root: a directory or a zip file.
        names: where each of the N files is below it.
        sha256: of the bytes of each file.
    """

    root: str
    names: tuple[str, ...]
    sha256: tuple[str, ...]

    def content_sha256(self) -> str:
        """Return the sha256 of all files together: wherever they lie and whatever they are called."""
        return hashlib.sha256("".join(self.sha256).encode()).hexdigest()


@dataclass(frozen=True)
class Arrays:
    """Numbers in whatever shape, by the name of the model's input; a row is what each array has at one place.

    Attributes:
        arrays: each (N, ...).
    """

    arrays: Mapping[str, NDArray[Any]]

    def row_sha256(self) -> tuple[str, ...]:
        """Return the sha256 of each row."""
        n_rows = len(next(iter(self.arrays.values())))
        return tuple(rows_sha256([values[row] for values in self.arrays.values()]) for row in range(n_rows))


@dataclass(frozen=True)
class Items:
    """A data set that is read row by row, whenever a batch needs it.

    Attributes:
        reader: a ``trainer.data.loading.streamed.RowDataset``.
        sha256: of each row, as it was read first.
    """

    reader: Any
    sha256: tuple[str, ...]

    def content_sha256(self) -> str:
        """Return the sha256 of all rows together."""
        return hashlib.sha256("".join(self.sha256).encode()).hexdigest()


def rows_sha256(values: Sequence[NDArray[Any]]) -> str:
    """Return the sha256 of one row's arrays: their types, shapes and bytes."""
    digest = hashlib.sha256()
    for value in values:
        digest.update(f"{value.dtype} {value.shape}".encode())
        digest.update(np.ascontiguousarray(value).tobytes())
    return digest.hexdigest()


@dataclass(frozen=True)
class SparseColumns:
    """Feature columns of numbers that are mostly zero: only the others are kept, row after row.

    Attributes:
        values_P: float64, finite.
        columns_P: int32, the column of each, from 0; they rise in a row.
        offsets: (N + 1,) int64, where each row starts; the last entry is P.
        n_columns: F.
        first: the number in the file of the first column; columns are called f<number>.
    """

    values_P: NDArray[np.float64]
    columns_P: NDArray[np.int32]
    offsets: NDArray[np.int64]
    n_columns: int
    first: int = 0

    def name(self, place: int) -> str:
        """Return what the column at ``place`` is called."""
        return f"f{self.first + place}"

    def row_of(self, place: int) -> int:
        """Return the row of the value at ``place``."""
        return int(np.searchsorted(self.offsets, place, side="right")) - 1

    def matrix(self) -> Any:
        """Return a ``scipy.sparse.csr_array`` (N, F) of the same values in memory."""
        from scipy.sparse import csr_array

        narrow = np.int32 if len(self.values_P) <= np.iinfo(np.int32).max else np.int64  # scikit-learn wants the former
        parts = self.values_P, self.columns_P.astype(narrow, copy=False), self.offsets.astype(narrow)
        return csr_array(parts, (len(self.offsets) - 1, self.n_columns))

    def only(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> "SparseColumns":
        """Return these rows: row numbers, or (N,) whether each is kept."""
        kept = self.matrix()[rows]
        arrays = kept.data, kept.indices.astype(np.int32), kept.indptr.astype(np.int64)
        return SparseColumns(*arrays, self.n_columns, self.first)


Inputs = TableColumns | SparseColumns | Texts | Images | Arrays | Items


def count_rows(inputs: Inputs) -> int:
    """Return how many rows there are."""
    if isinstance(inputs, TableColumns):
        return len(inputs.numeric_NF)
    if isinstance(inputs, SparseColumns):
        return len(inputs.offsets) - 1
    if isinstance(inputs, Texts):
        return len(inputs.texts)
    if isinstance(inputs, Arrays):
        return len(next(iter(inputs.arrays.values())))
    return len(inputs.sha256)


@dataclass(frozen=True)
class Samples:
    """All rows of a data set, in file order.

    Attributes:
        ids_N: text, unique.
        inputs: the features.
        target: (N,) int64 class index, or (N, L) int64 of 0/1 for multi-label.
        weights_N: float64 sample weights, or None.
        votes_NC: float64, the share of each class in what people said of a row: what is trained on; None = the target.
        groups_N: text, or None.
        times_N: when each row happened, in any unit that grows, or None.
        split_N: text, the fold of each row as the file has it, or None.
        beside: columns of the file that are not read and may be a group or a split, for the audit, or None.
    """

    ids_N: NDArray[np.str_]
    inputs: Inputs
    target: Target
    weights_N: NDArray[np.float64] | None = None
    groups_N: NDArray[np.str_] | None = None
    times_N: NDArray[np.float64] | NDArray[np.int64] | None = None
    split_N: NDArray[np.str_] | None = None
    beside: TableColumns | None = None
    votes_NC: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.ids_N)

    def only(self, kept_N: NDArray[np.bool_]) -> "Samples":
        """Return the rows (N,) that are kept, with the ids they have."""
        if kept_N.all():
            return self
        names = [name for name in self.__dataclass_fields__ if name.endswith(("_N", "_NC"))]
        rows: dict[str, Any] = {name: getattr(self, name) for name in names}
        kept: dict[str, Any] = {name: None if value is None else value[kept_N] for name, value in rows.items()}
        beside = None if self.beside is None else self.beside.only(kept_N)
        return Samples(inputs=_only(self.inputs, kept_N), target=self.target[kept_N], beside=beside, **kept)


def _only(inputs: Inputs, kept_N: NDArray[np.bool_]) -> Inputs:
    if isinstance(inputs, TableColumns | SparseColumns):
        return inputs.only(kept_N)
    if isinstance(inputs, Texts):
        pairs = None if inputs.pairs is None else tuple(compress(inputs.pairs, kept_N))
        return Texts(tuple(compress(inputs.texts, kept_N)), pairs)
    if isinstance(inputs, Arrays):
        return Arrays({name: values[kept_N] for name, values in inputs.arrays.items()})
    if isinstance(inputs, Items):
        return Items(inputs.reader.only(np.flatnonzero(kept_N)), tuple(compress(inputs.sha256, kept_N)))
    return Images(inputs.root, tuple(compress(inputs.names, kept_N)), tuple(compress(inputs.sha256, kept_N)))


@dataclass(frozen=True)
class DataSpec:
    """What the rows mean.

    Attributes:
        name: shown in reports and in the default run name.
        task: what there is to predict.
        classes: the label text of each class index (multi-label: the label names).
        notes: what a person should know about how the data was read, printed at start.
        positive_because: why the second of two classes is the positive one, printed at start.
        reading: how the rows were read, for new ones (``trainer.data.columns.reading``); empty = nothing is known.
    """

    name: str
    task: Task
    classes: tuple[str, ...]
    notes: tuple[str, ...] = ()
    positive_because: str = ""
    reading: Mapping[str, Any] = field(default_factory=dict)

    @property
    def positive(self) -> str | None:
        """The positive class; None where the task has none."""
        return self.task.positive_class(self.classes)

    def describe_positive(self) -> str | None:
        """Return the positive class and why it is the positive one; None where the task has none."""
        because = f" ({self.positive_because})" if self.positive_because else ""
        return None if self.positive is None else f"{self.positive}{because}"
