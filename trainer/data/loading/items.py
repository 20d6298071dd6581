"""Map-style data sets of torch's form, read item by item."""

import random as python_random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainer.data.samples import Items, rows_sha256
from trainer.errors import DataError, first_line_of, shown
from trainer.system.seeds import seed_cpu, seed_of


@dataclass(frozen=True)
class ItemReader:
    """Reads the inputs of a data set's items (a ``RowDataset``).

    What an item draws at random is seeded by the row, and in training by fold and epoch too, so that a run is resumed
    to the same bits whoever reads.

    Attributes:
        dataset: has ``__len__`` and ``__getitem__``.
        names: of the inputs in an item; empty where an item is the input alone, or a mapping.
        label: whether the last of an item is its label; in a mapping, its key; None = items have none.
        rows: places in ``dataset``.
    """

    dataset: Any
    names: tuple[str, ...]
    label: bool | str | None
    rows: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.rows)

    def only(self, rows: NDArray[np.int64]) -> "ItemReader":
        """Return a reader of these rows."""
        return replace(self, rows=self.rows[rows])

    def read(self, row: int, random: np.random.Generator | None) -> dict[str, Tensor]:
        """Return the inputs of a row by name."""
        return self.split(self.item(row, random))[0]

    def item(self, row: int, random: np.random.Generator | None = None) -> Any:
        """Return an item as the data set has it."""
        with seeded(seed_of(row) if random is None else int(random.integers(2**32))):
            return self.dataset[int(self.rows[row])]

    def split(self, item: Any) -> tuple[dict[str, Tensor], Any]:
        """Return the inputs by name, and the label or None.

        Raises:
            DataError: it is not of the form that was said.
        """
        if isinstance(item, Mapping):
            label = item[self.label] if isinstance(self.label, str) else None
            return {str(key): _tensor(value, str(key)) for key, value in item.items() if key != self.label}, label
        if self.label is True and not isinstance(item, tuple | list):
            raise DataError(f"an item is a {type(item).__name__} without a label: give (X, y), or items (input, label)")
        values = list(item) if isinstance(item, tuple | list) else [item]
        label = values.pop() if self.label is True else None
        if len(values) != len(self.names):
            raise DataError(f"an item holds {len(values)} inputs, not {len(self.names)}: name them by inputs=[...]")
        return {name: _tensor(value, name) for name, value in zip(self.names, values, strict=True)}, label


def read_item(reader: ItemReader, row: int, name: str) -> Any:
    """Return an item as the data set has it.

    Raises:
        DataError: it cannot be read; names its row.
    """
    try:
        return reader.item(row)
    except Exception as error:  # whatever the data set raises
        said = f"{type(error).__name__}: {shown(first_line_of(error), 300)}"
        raise DataError(f"{name}: row {row + 1} cannot be read: {said}") from error


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed what an item may draw from: torch, NumPy and Python, which are as before after the block."""
    before_numpy, before_python = np.random.get_state(), python_random.getstate()  # noqa: NPY002 (a data set's own)
    with torch.random.fork_rng(devices=[]):
        seed_cpu(seed)  # all that fork_rng puts back: a model on a GPU draws as if no item had been read
        np.random.seed(seed % 2**32)  # noqa: NPY002
        python_random.seed(seed)
        try:
            yield
        finally:
            np.random.set_state(before_numpy)  # noqa: NPY002
            python_random.setstate(before_python)


def _tensor(value: Any, name: str) -> Tensor:
    """Return an input as a tensor of float32, int64 or bool.

    Raises:
        DataError: it is none.
    """
    try:
        tensor = torch.as_tensor(value)
    except (TypeError, ValueError, RuntimeError) as error:
        advice = "add transforms.ToTensor() to the data set, or whatever makes numbers of it"
        raise DataError(f"input '{name}' is a {type(value).__name__}, not a tensor or numbers: {advice}") from error
    if tensor.is_floating_point() or tensor.dtype == torch.uint8:
        return tensor.float()
    return tensor if tensor.dtype == torch.bool else tensor.long()


def open_items(
    dataset: Any, n_rows: int, name: str, *, inputs: tuple[str, ...], label: str, labelled: bool
) -> tuple[Items, list[Any]]:
    """Read all items once; return them with the sha256 of each, and their labels.

    Args:
        dataset: has ``__getitem__``.
        n_rows: items there are.
        name: in messages.
        inputs: names of an item's inputs.
        label: key of the label, where an item is a mapping.
        labelled: whether items have a label.

    Raises:
        DataError: an item cannot be read.
    """
    rows = np.arange(n_rows)
    first = read_item(ItemReader(dataset, inputs, labelled, rows), 0, name)
    key: bool | str | None = (label if isinstance(first, Mapping) else True) if labelled else None
    reader = ItemReader(dataset, inputs, key, rows)
    hashes, labels = [], []
    for row in range(n_rows):
        try:
            values, of_row = reader.split(read_item(reader, row, name))
        except DataError as error:
            raise DataError(str(error).replace("an item", f"{name}: row {row + 1}", 1)) from error.__cause__
        hashes.append(rows_sha256([value.numpy() for value in values.values()]))
        labels.append(of_row.tolist() if callable(getattr(of_row, "tolist", None)) else of_row)
    return Items(reader, tuple(hashes)), labels
