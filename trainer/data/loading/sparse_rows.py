"""Rows that are mostly zero: kept sparse, and written out for each batch alone."""

from collections.abc import Generator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class SparseRows:
    """Rows of F numbers of which only some are kept, row after row.

    Args:
        values_P: float32, what is not zero.
        columns_P: the column of each.
        offsets: (N + 1,) where each row starts.
        n_columns: F.
        name: the model's argument.
    """

    def __init__(
        self,
        values_P: NDArray[np.float32] | Tensor,
        columns_P: NDArray[np.integer] | Tensor,
        offsets: NDArray[np.integer] | Tensor,
        n_columns: int,
        name: str = "numeric",
    ) -> None:
        self.values_P = torch.as_tensor(values_P)
        self.columns_P = torch.as_tensor(columns_P)
        self.offsets = torch.as_tensor(offsets)
        self.n_columns = n_columns
        self.name = name
        self._counts_N = torch.diff(self.offsets).cpu()

    def __len__(self) -> int:
        return len(self._counts_N)

    def take(self, rows: Tensor) -> dict[str, Tensor]:
        """Return the rows (B, F), zeros and all."""
        return self._written_out(rows, int(self._counts_N[rows.cpu()].sum()))

    def stream(
        self, order: Sequence[NDArray[np.int64]], key: tuple[int, ...] | None
    ) -> Generator[dict[str, Tensor], None, None]:
        """Yield the inputs of each batch of row numbers; the device is never waited for."""
        for rows in order:
            n_values = int(self._counts_N[torch.from_numpy(rows)].sum())
            yield self._written_out(torch.from_numpy(rows).to(self.values_P.device, non_blocking=True), n_values)

    def _written_out(self, rows_B: Tensor, n_values: int) -> dict[str, Tensor]:
        starts_B = self.offsets[rows_B].long()
        counts_B = self.offsets[rows_B + 1].long() - starts_B
        places_B = torch.arange(len(rows_B), device=rows_B.device)
        of_row_V = torch.repeat_interleave(places_B, counts_B, output_size=n_values)
        before_B = counts_B.cumsum(0) - counts_B
        source_V = torch.arange(n_values, device=rows_B.device) + (starts_B - before_B)[of_row_V]
        dense_BF = torch.zeros(len(rows_B), self.n_columns, dtype=torch.float32, device=self.values_P.device)
        dense_BF[of_row_V, self.columns_P[source_V].long()] = self.values_P[source_V]
        return {self.name: dense_BF}

    def lengths(self) -> None:
        """Return None: written out, all rows have one length."""

    def to(self, device: torch.device) -> "SparseRows":
        """Return the rows on ``device``."""
        values_P, columns_P, offsets = (part.to(device) for part in (self.values_P, self.columns_P, self.offsets))
        return SparseRows(values_P, columns_P, offsets, self.n_columns, self.name)
