"""The inputs of a large batch, gathered when they are asked for: into a tensor of their own, or one of the caller's."""

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor

Sizes = tuple[tuple[str, tuple[int, ...], torch.dtype], ...]


class Gathered(Mapping[str, Tensor]):
    """Rows of tables, by the names of these.

    Args:
        tables: (N, ...) by name.
        rows_B: row numbers.
    """

    def __init__(self, tables: Mapping[str, Tensor], rows_B: Tensor) -> None:
        self.tables, self.rows_B = tables, rows_B
        self._made: dict[str, Tensor] = {}

    def __getitem__(self, name: str) -> Tensor:
        if name not in self._made:
            self._made[name] = self.tables[name].index_select(0, self.rows_B)
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.tables)

    def __len__(self) -> int:
        return len(self.tables)


def sizes_of(inputs: Mapping[str, Tensor], n_rows: int) -> Sizes:
    """Return name, shape and type of each input, of as many rows."""
    return tuple((name, (n_rows, *value.shape[1:]), value.dtype) for name, value in inputs.items())


def gather_into(out_KB: Tensor, batches: Sequence[Mapping[str, Tensor]], name: str) -> None:
    """Put an input of several batches of as many rows beside each other.

    Args:
        out_KB: (K, B, ...), of the input's type.
        batches: K of them.
        name: of the input.
    """
    for inputs, out_B in zip(batches, out_KB.unbind(0), strict=True):
        if isinstance(inputs, Gathered):
            torch.index_select(inputs.tables[name], 0, inputs.rows_B, out=out_B)
        else:
            out_B.copy_(inputs[name])
