"""What is decided before the first step, and the rows and the data of each fold."""

from dataclasses import dataclass, field
from typing import Any

import torch

from trainer.config.schema import RunConfig
from trainer.data.samples import DataSpec, Samples
from trainer.engine.precision.opt_levels import OptLevel
from trainer.engine.settings import FitSettings
from trainer.folds.plan import FoldPlan
from trainer.store.fold_files import ALL
from trainer.weights.weight_files import WeightFile


@dataclass(frozen=True)
class Experiment:
    """Everything that is decided before the first step.

    Attributes:
        config: as composed and checked.
        samples: all rows.
        spec: what they mean.
        plan: which row is held out when.
        settings: how each fold is trained.
        level: precision in force.
        device: training device.
        init: weights every fold starts from; None = fresh ones.
        shared: what is computed once and used by all folds, by what it was computed from.
    """

    config: RunConfig
    samples: Samples
    spec: DataSpec
    plan: FoldPlan
    settings: FitSettings
    level: OptLevel
    device: torch.device
    init: WeightFile | None = None
    shared: dict[str, Any] = field(default_factory=dict)

    @property
    def n_folds(self) -> int:
        """Folds of all repeats together; as a number it is the fold that holds out nothing."""
        return self.plan.n_folds

    def fold_name(self, number: int) -> int | str:
        """Return how fold ``number`` is called: its number, or ``all``."""
        return ALL if number == self.n_folds else number

    def fold_number(self, name: int | str) -> int:
        """Return the number of the fold called ``name``; ``all`` comes after the others."""
        return self.n_folds if name == ALL else int(name)
