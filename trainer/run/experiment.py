"""What is decided before the first step: the rows, how they are split, and how each fold is trained on them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import torch

from trainer.config.cv import CvConfig
from trainer.config.schema import FitConfig
from trainer.data.samples import DataSpec, Inputs, Samples
from trainer.engine.precision.opt_levels import OptLevel
from trainer.engine.settings import FitSettings
from trainer.folds.plan import FoldPlan
from trainer.run.pseudo_labels import PseudoLabels
from trainer.store.own_files import ALL
from trainer.weights.weight_files import WeightFile

Found = TypeVar("Found")


@dataclass(frozen=True)
class StartingWeights:
    """Weights every fold starts from.

    Attributes:
        file: as read.
        min_match: least share of the body's parameters that must fit.
        prefix: of the names to take, or None.
    """

    file: WeightFile
    min_match: float
    prefix: str | None = None


@dataclass(frozen=True)
class Recipe:
    """How a fold's model is built and trained; the inner folds of nested cross validation choose among several.

    Attributes:
        sections: data, model, loss, optimizer and scheduler: each names its class with ``_target_``.
        plugins: packages of the user's those classes may come from.
        fit: what one optimizer step does.
        settings: of the loop.
        level: precision in force.
        device: training device.
        start: weights to start from; None = fresh ones.
        compile: whether the model is called through torch.compile.
        tricks: sections by name, each with ``_target_``.
        correct_prior: whether probabilities are put back to the shares of the classes before rows were drawn.
    """

    sections: Mapping[str, Mapping[str, Any]]
    plugins: Sequence[str]
    fit: FitConfig
    settings: FitSettings
    level: OptLevel
    device: torch.device
    start: StartingWeights | None = None
    compile: bool = False
    tricks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    correct_prior: bool = False

    def with_settings(self, **changes: Any) -> "Recipe":
        """Return the recipe with other settings of the loop."""
        return replace(self, settings=replace(self.settings, **changes))


@dataclass(frozen=True)
class Candidate:
    """One combination of the grid that inner folds choose from.

    Attributes:
        number: from 0, the last key of the grid changing fastest.
        values: by dotted key; empty where only the epoch is chosen.
        recipe: with them.
    """

    number: int
    values: dict[str, Any]
    recipe: Recipe


@dataclass(frozen=True)
class Loaders:
    """Who reads rows that are not held in memory.

    Attributes:
        number: of processes; 0 = this one.
        timeout_seconds: silence after which one of them ends the run.
    """

    number: int
    timeout_seconds: float


@dataclass(frozen=True)
class Experiment:
    """Everything that is decided before the first step.

    Attributes:
        samples: all rows.
        spec: what they mean.
        plan: which row is held out when.
        cv: how the rows were to be split, and what picks the epoch.
        recipe: how each fold is trained.
        candidates: what inner folds choose from; empty where nothing is nested.
        loaders: of rows that are not held in memory.
        cache: directory of what is computed once from the data, for later runs too.
        shared: what is computed once and used by all folds, by what it was computed from.
        pseudo: unlabelled rows that folds train on too, or None.
    """

    samples: Samples
    spec: DataSpec
    plan: FoldPlan
    cv: CvConfig
    recipe: Recipe
    candidates: tuple[Candidate, ...]
    loaders: Loaders
    cache: Path
    shared: dict[str, Any] = field(default_factory=dict)
    pseudo: PseudoLabels | None = None

    @property
    def inputs(self) -> Inputs:
        """The features of all rows, those that are unlabelled behind the others."""
        return self.samples.inputs if self.pseudo is None else self.pseudo.inputs

    def once(self, name: str, compute: Callable[[], Found]) -> Found:
        """Return what is computed once for all folds, and for all trials of a search."""
        if name not in self.shared:
            self.shared[name] = compute()
        found: Found = self.shared[name]
        return found

    def for_fold(self, name: int | str) -> "Experiment":
        """Return the experiment under the seed of a fold; where there is one seed, and for ``all``, as it is."""
        plan = self.plan
        if not plan.seeds or name == ALL:
            return self
        seed = plan.seeds[int(name) // plan.n_splits // plan.n_different]
        return replace(self, recipe=self.recipe.with_settings(seed=seed))
