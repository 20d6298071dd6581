"""Train and evaluation modes as context managers: ``eval()`` is not ``no_grad()``, so both are set here, together.

No step function calls ``.train()`` or ``.eval()``; whatever happens inside, every sub-module's flag is restored.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


@contextmanager
def training(model: nn.Module) -> Iterator[None]:
    """Train mode with gradients, for the length of the block (also inside ``evaluating``).

    A module whose parameters are all frozen stays in evaluation mode with everything in it: no dropout, and BatchNorm
    keeps its statistics.
    """
    with _mode(model, train=True), torch.inference_mode(False), torch.enable_grad():
        yield


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Evaluation mode without autograd, for the length of the block."""
    with _mode(model, train=False), torch.inference_mode():
        yield


@contextmanager
def evaluating_with_gradients(model: nn.Module) -> Iterator[None]:
    """Evaluation mode with autograd, for the length of the block: how a prediction changes with its inputs."""
    with _mode(model, train=False), torch.inference_mode(False), torch.enable_grad():
        yield


@contextmanager
def _mode(model: nn.Module, *, train: bool) -> Iterator[None]:
    flags = [(module, module.training) for module in model.modules()]
    model.train(train)
    if train:
        _rest_frozen(model)
    try:
        yield
    finally:
        for module, flag in flags:
            module.training = flag


def _rest_frozen(model: nn.Module) -> None:
    if all(parameter.requires_grad for parameter in model.parameters()):
        return
    for module in model.modules():
        parameters = list(module.parameters())
        if parameters and not any(parameter.requires_grad for parameter in parameters):
            module.train(False)
