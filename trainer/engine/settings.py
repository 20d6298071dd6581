"""What the training of one fold is given: its rows and its settings."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.config.schema import FitConfig

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
        freeze_epochs: epochs in which only the head is trained, or ``all``.
        unfreeze_layers: layers of the backbone thawed per epoch after that, from the top; None = all at once.
        mixup_alpha: of MixUp's Beta distribution; 0 = off.
        cutmix_alpha: of CutMix's.
        sampler_power: that rows are drawn by (``trainer.data.loading.samplers``); None = each once.
    """

    max_epochs: int
    batch_size: int
    accumulate_steps: int
    clip_norm: float | None
    patience_epochs: int | None
    metrics: tuple[str, ...]
    seed: int
    freeze_epochs: int | str = 0
    unfreeze_layers: int | None = None
    mixup_alpha: float = 0.0
    cutmix_alpha: float = 0.0
    sampler_power: float | None = None

    def steps_per_epoch(self, n_rows: int) -> int:
        """Return the optimizer steps of one epoch over ``n_rows`` rows."""
        return math.ceil(math.ceil(n_rows / self.batch_size) / self.accumulate_steps)

    def total_steps(self, n_rows: int) -> int:
        """Return the optimizer steps of all epochs."""
        return self.max_epochs * self.steps_per_epoch(n_rows)


def fit_values(fit: FitConfig) -> dict[str, Any]:
    """Return what the ``fit`` section says that a candidate of nested cross validation may change."""
    names = ("accumulate_steps", "clip_norm", "freeze_epochs", "unfreeze_layers", "mixup_alpha", "cutmix_alpha")
    return {name: getattr(fit, name) for name in names}


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
        split: which of the different splits it has, where repeats differ in the seed too; None = ``repeat``.
    """

    repeat: int
    fold: int
    train: RowNumbers
    held_out: RowNumbers
    monitor: RowNumbers | None = None
    name: int | str = 0
    split: int | None = None

    @property
    def key(self) -> tuple[int, int]:
        """What random numbers go by, beside the seed: split and fold, the same under every seed."""
        return self.repeat if self.split is None else self.split, self.fold
