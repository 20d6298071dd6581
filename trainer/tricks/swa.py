"""Stochastic weight averaging (SWA).

Izmailov et al. 2018, "Averaging Weights Leads to Wider Optima and Better Generalization", algorithm 1. From the share
``start`` of the steps on, every ``every_steps`` steps, the weights enter an equal average, which is what is scored and
saved: ``average += (weights - average) / (n + 1)``. The statistics of BatchNorm are averaged alike, as torch's
``AveragedModel(use_buffers=True)`` does, in place of the paper's further pass over the data. The paper's constant or
cyclical learning rate is ``scheduler``'s business.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from trainer.config.checked import checked_number
from trainer.errors import ConfigError
from trainer.tricks.contract import Setting


class EqualAverage:
    """The mean of the weights at some steps.

    Args:
        parameters: what the optimizer steps.
        buffers: of the model, averaged too.
        first: step from which on they count.
        every: steps between two of them, counted from 0.
    """

    def __init__(self, parameters: Sequence[Tensor], buffers: Sequence[Tensor], *, first: int, every: int) -> None:
        self.parameters, self.buffers = list(parameters), list(buffers)
        self.average = [tensor.detach().clone() for tensor in (*self.parameters, *self.buffers)]
        self.first, self.every = first, every
        self.seen = self.updates = 0

    @torch.no_grad()
    def update(self) -> None:
        """Count a step, and take in its weights where it is one of those that count."""
        self.seen += 1
        if self.seen < self.first or self.seen % self.every:
            return
        own = [tensor.detach() for tensor in (*self.parameters, *self.buffers)]
        for mean, tensor in zip(self.average, own, strict=True):
            mean.add_(tensor - mean, alpha=1 / (self.updates + 1))
        self.updates += 1

    @contextmanager
    def applied(self, model_parameters: Sequence[Tensor]) -> Iterator[None]:
        """Put the average into the model for the length of the block, then put the weights back."""
        own = [*model_parameters, *self.buffers]
        kept = [tensor.detach().clone() for tensor in own]
        try:
            _copy(own, self.average)
            yield
        finally:
            _copy(own, kept)


class SWA:
    """Scores and saves the mean of the weights of the last steps.

    Args:
        start: share of the fold's steps after which averaging begins.
        every_steps: steps between two sets of weights; null = once an epoch.
    """

    def __init__(self, *, start: float = 0.75, every_steps: int | None = None) -> None:
        self.start = checked_number("tricks.swa.start", start, low=0, below=1)
        if every_steps is not None and every_steps < 1:
            raise ConfigError(f"tricks.swa.every_steps={every_steps} is not at least 1, or null")
        self.every_steps = every_steps
        self.first = self.every = 1
        self.model: nn.Module | None = None
        self.kept: EqualAverage | None = None

    def attach(self, setting: Setting) -> None:
        """Count the sets of weights.

        Raises:
            ConfigError: fewer than two would be averaged.
        """
        self.every = self.every_steps or setting.steps_per_epoch
        self.first = max(1, round(self.start * setting.total_steps))
        sets = setting.total_steps // self.every - (self.first - 1) // self.every
        if sets < 2:
            raise ConfigError(
                f"tricks=swa averages the weights of every {self.every} steps from step {self.first} of "
                f"{setting.total_steps} on: that is {sets} set of weights, and nothing to average\n"
                "set tricks.swa.every_steps or tricks.swa.start lower, or more max_epochs"
            )
        self.model = setting.model

    def averaged(self, parameters: Sequence[nn.Parameter]) -> EqualAverage:
        """Return the average of the parameters, and of BatchNorm's statistics: of its buffers as they are once cast."""
        assert self.model is not None
        norms = [module for module in self.model.modules() if isinstance(module, _BatchNorm)]
        buffers = [b for norm in norms for b in norm.buffers(recurse=False) if b.is_floating_point()]
        self.kept = EqualAverage(parameters, buffers, first=self.first, every=self.every)
        return self.kept

    def state_dict(self) -> dict[str, Any]:
        """Return the steps that were counted; the average itself is saved with the fold's weights."""
        return {"seen": 0 if self.kept is None else self.kept.seen}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on counting."""
        assert self.kept is not None
        self.kept.seen = int(state["seen"])


@torch.no_grad()
def _copy(targets: Sequence[Tensor], sources: Sequence[Tensor]) -> None:
    for target, source in zip(targets, sources, strict=True):
        target.copy_(source)
