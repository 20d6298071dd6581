"""Rows of a table that lies on the disk: what there is room for of them is in memory, as the kernel sees fit."""

from collections.abc import Generator, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainer.data.loading.batches import DenseRows


class MappedRows(DenseRows):
    """Rows that do not fit in memory: tensors that are mapped from files, of which batches alone go to a device."""

    def to(self, device: torch.device) -> DenseRows:
        """Return the rows, whose batches are made on ``device``."""
        return DenseRows(self.inputs) if device.type == "cpu" else BatchesOn(self.inputs, device)


class BatchesOn(DenseRows):
    """Dense rows on the CPU, batches on another device."""

    def __init__(self, inputs: Mapping[str, Tensor], device: torch.device) -> None:
        super().__init__(inputs)
        self.device = device

    def take(self, rows: Tensor) -> dict[str, Tensor]:
        """Gather the rows (B,) of every input."""
        return {name: value.to(self.device) for name, value in super().take(rows.cpu()).items()}

    def stream(
        self, order: Sequence[NDArray[np.int64]], key: tuple[int, ...] | None
    ) -> Generator[dict[str, Tensor], None, None]:
        """Yield the inputs of each batch of row numbers; the device is not waited for."""
        for rows in order:
            gathered = super().take(torch.from_numpy(rows))
            yield {name: value.pin_memory().to(self.device, non_blocking=True) for name, value in gathered.items()}
