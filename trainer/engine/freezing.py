"""Which part of a model is trained in which epoch: head and backbone of a model that says what they are.

Gradual unfreezing: Howard & Ruder 2018, Universal Language Model Fine-tuning for Text Classification.
"""

from collections.abc import Sequence
from typing import Protocol

from torch import nn

from trainer.config.schema import FitConfig
from trainer.errors import ConfigError

ALL = "all"


class Schedule(Protocol):
    """The part of ``FitConfig`` and of ``FitSettings`` that says what is frozen when."""

    @property
    def freeze_epochs(self) -> int | str:
        """Epochs in which only the head is trained, or ``all``."""
        ...

    @property
    def unfreeze_layers(self) -> int | None:
        """Layers thawed per epoch after that; None = all at once."""
        ...


def require_parts(model: nn.Module, fit: FitConfig) -> None:
    """Refuse a model without the head or the layers that ``fit`` speaks of.

    Raises:
        ConfigError: says what it lacks.
    """
    if fit.freeze_epochs != 0:
        head_of(model, "fit.freeze_epochs")
    for option in ("head_lr", "layer_decay"):
        if getattr(fit, option) is not None:
            head_of(model, f"fit.{option}")
    for option in ("layer_decay", "unfreeze_layers"):
        if getattr(fit, option) is not None:
            layers_of(model, f"fit.{option}")


def freeze_for_good(model: nn.Module, schedule: Schedule) -> None:
    """Freeze what no epoch trains, before optimizer and master weights are made: the backbone, under ``all``."""
    if schedule.freeze_epochs == ALL:
        for parameter in body_parameters(model):
            parameter.requires_grad_(False)


def freeze_for_epoch(model: nn.Module, trainable: Sequence[nn.Parameter], schedule: Schedule, epoch: int) -> None:
    """Freeze and thaw the backbone as epoch ``epoch`` (from 1) wants it: a pure function of the epoch.

    Args:
        model: changed in place.
        trainable: its parameters that some epoch trains; the others stay as they are.
        schedule: what is frozen when.
        epoch: about to be trained, or resumed.
    """
    if schedule.freeze_epochs in (0, ALL):
        return
    frozen = {id(parameter) for parameter in frozen_parameters(model, schedule, epoch)}
    for parameter in trainable:
        parameter.requires_grad_(id(parameter) not in frozen)


def frozen_parameters(model: nn.Module, schedule: Schedule, epoch: int) -> list[nn.Parameter]:
    """Return the parameters of the backbone that epoch ``epoch`` leaves alone.

    What the backbone has outside of its layers is thawed with the lowest of them.
    """
    assert isinstance(schedule.freeze_epochs, int)
    since = epoch - schedule.freeze_epochs
    if since <= 0:
        return body_parameters(model)
    if schedule.unfreeze_layers is None:
        return []
    layers = layers_of(model, "fit.unfreeze_layers")
    thawed = layers[max(0, len(layers) - since * schedule.unfreeze_layers) :]
    if len(thawed) == len(layers):
        return []
    ids = {id(parameter) for layer in thawed for parameter in layer.parameters()}
    return [parameter for parameter in body_parameters(model) if id(parameter) not in ids]


def body_parameters(model: nn.Module) -> list[nn.Parameter]:
    """Return all parameters outside the head."""
    head = {id(parameter) for parameter in head_of(model, "fit.freeze_epochs").parameters()}
    return [parameter for parameter in model.parameters() if id(parameter) not in head]


def head_of(model: nn.Module, option: str) -> nn.Module:
    """Return the model's head.

    Raises:
        ConfigError: it has none; names the option that speaks of it.
    """
    head = getattr(model, "head", None)
    if not isinstance(head, nn.Module) or next(head.parameters(), None) is None:
        raise ConfigError(
            f"{option} needs a model with a head, and {type(model).__name__} has no sub-module 'head' with parameters\n"
            f"name its last layer self.head, or leave {option} out"
        )
    return head


def layers_of(model: nn.Module, option: str) -> list[nn.Module]:
    """Return the backbone's layers from input to output.

    Raises:
        ConfigError: it does not list them; names the option that speaks of them.
    """
    listed = getattr(model, "layers", None)
    layers = list(listed()) if callable(listed) and not isinstance(listed, nn.Module) else []
    if not layers or not all(isinstance(layer, nn.Module) for layer in layers):
        raise ConfigError(
            f"{option} needs a model that lists its layers, and {type(model).__name__} has no method layers()\n"
            f"leave {option} out, or write layers(self): a list of modules from input to output"
        )
    return layers
