"""What the training of one fold is given: its rows and its settings."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RowNumbers = NDArray[np.int64]


@dataclass(frozen=True)
class FitSettings:
    """How each fold is trained.

    Attributes:
        max_epochs: epochs unless the fold stops early.
        batch_size: rows per batch.
        accumulate_steps: batches per optimizer step.
        clip_norm: largest L2 norm of the gradients, or None.
        patience_epochs: epochs without a better monitored score before the fold stops, or None.
        metrics: names; the first picks the epoch.
        seed: of the run.
    """

    max_epochs: int
    batch_size: int
    accumulate_steps: int
    clip_norm: float | None
    patience_epochs: int | None
    metrics: tuple[str, ...]
    seed: int

    def steps_per_epoch(self, n_rows: int) -> int:
        """Return the optimizer steps of one epoch over ``n_rows`` rows."""
        return math.ceil(math.ceil(n_rows / self.batch_size) / self.accumulate_steps)


@dataclass(frozen=True)
class FoldRows:
    """The rows of one fold, as ascending row numbers.

    Attributes:
        repeat: from 0.
        fold: from 0.
        train: trained on.
        held_out: scored at the end.
        monitor: scored after each epoch to pick one; None keeps the last epoch.
        name: what the fold is called: repeat x n_splits + fold, or ``all``.
    """

    repeat: int
    fold: int
    train: RowNumbers
    held_out: RowNumbers
    monitor: RowNumbers | None = None
    name: int | str = 0
