"""Optimizer and scheduler of one fold, from torch by YAML alone."""

import inspect
import math
from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LinearLR, LRScheduler, ReduceLROnPlateau, SequentialLR

from trainer.config.build import construct, with_step_counts
from trainer.config.schema import FitConfig
from trainer.errors import ConfigError

PEAKS = ("max_lr", "base_lr")  # what OneCycleLR and CyclicLR set, whatever the optimizer's own learning rate


def make_optimizer(
    section: Mapping[str, Any],
    parameters: Sequence[nn.Parameter] | Sequence[Mapping[str, Any]],
    plugins: Sequence[str] = (),
) -> Optimizer:
    """Build the optimizer of a section over ``parameters``, or groups of them.

    Raises:
        ConfigError: torch refused the arguments.
    """
    optimizer = construct("optimizer", section, plugins, params=parameters)
    if not isinstance(optimizer, Optimizer):
        raise ConfigError(f"optimizer._target_: {section['_target_']} is not a torch optimizer")
    closure = inspect.signature(type(optimizer).step).parameters.get("closure")
    if closure is not None and closure.default is closure.empty:
        raise ConfigError(f"optimizer._target_: {section['_target_']} wants a closure, which one step per batch lacks")
    if not all("lr" in group for group in (optimizer.defaults, *optimizer.param_groups)):
        raise ConfigError(f"optimizer._target_: {section['_target_']} has no learning rate 'lr' for schedules to set")
    return optimizer


def make_scheduler(
    section: Mapping[str, Any],
    optimizer: Optimizer,
    *,
    warmup_steps: int,
    total_steps: int,
    steps_per_epoch: int,
    plugins: Sequence[str] = (),
) -> LRScheduler:
    """Build the scheduler of a section; it is stepped once per optimizer step.

    Args:
        section: its values may say ``total_steps`` and ``steps_per_epoch`` for this fold's numbers.
        optimizer: whose learning rates it sets, each group's in its ratio to the optimizer's own.
        warmup_steps: steps of linear warm-up before the schedule; the schedule gets the steps that are left.
        total_steps: optimizer steps of the whole fold.
        steps_per_epoch: optimizer steps of one epoch.
        plugins: packages of the user's.

    Raises:
        ConfigError: torch refused the arguments, or the scheduler needs a metric.
    """
    if 0 < total_steps <= warmup_steps:
        raise ConfigError(f"fit.warmup_steps={warmup_steps} leaves no step of the fold's {total_steps}")
    counts = {"total_steps": total_steps - warmup_steps, "steps_per_epoch": steps_per_epoch}
    section = per_group(with_step_counts(section, counts), optimizer)
    scheduler = construct("scheduler", section, plugins, optimizer=optimizer)
    if isinstance(scheduler, ReduceLROnPlateau) or not isinstance(scheduler, LRScheduler):
        raise ConfigError(f"scheduler._target_: {section['_target_']} is not a scheduler stepped per optimizer step")
    if not warmup_steps:
        return scheduler
    warmup = LinearLR(optimizer, start_factor=1 / (warmup_steps + 1), total_iters=warmup_steps)
    return SequentialLR(optimizer, [warmup, scheduler], milestones=[warmup_steps])


def per_group(section: Mapping[str, Any], optimizer: Optimizer) -> dict[str, Any]:
    """Return the section with its absolute learning rates in the ratio of the optimizer's groups.

    Raises:
        ConfigError: the rate that the schedule ends at is above a group's own.
    """
    lr, rates = optimizer.defaults["lr"], [group["lr"] for group in optimizer.param_groups]
    if all(rate == lr for rate in rates):
        return dict(section)
    lowest = section.get("eta_min")
    if isinstance(lowest, (int, float)) and lowest > min(rates):
        raise ConfigError(
            f"scheduler.eta_min={lowest:g} is above the learning rate {min(rates):g} of a part of the model "
            "(fit.head_lr, fit.layer_decay): lower it"
        )
    peaks = {key: section[key] for key in PEAKS if isinstance(section.get(key), (int, float))}
    return {**section, **{key: [value * rate / lr for rate in rates] for key, value in peaks.items()}}


def warmup_steps(fit: FitConfig, total_steps: int) -> int:
    """Return the steps of warm-up of a fold; a share is rounded up, as in transformers, and leaves a step."""
    if not fit.warmup_ratio:
        return fit.warmup_steps
    return max(0, min(math.ceil(fit.warmup_ratio * total_steps), total_steps - 1))
