"""Train and evaluation modes as context managers: ``eval()`` is not ``no_grad()``, so both are set here, together.

No step function calls ``.train()`` or ``.eval()``; whatever happens inside, every sub-module's flag is restored.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


@contextmanager
def training(model: nn.Module) -> Iterator[None]:
    """Train mode with gradients, for the length of the block (also inside ``evaluating``)."""
    with _mode(model, train=True), torch.inference_mode(False), torch.enable_grad():
        yield


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Evaluation mode without autograd, for the length of the block."""
    with _mode(model, train=False), torch.inference_mode():
        yield


@contextmanager
def _mode(model: nn.Module, *, train: bool) -> Iterator[None]:
    flags = [(module, module.training) for module in model.modules()]
    model.train(train)
    try:
        yield
    finally:
        for module, flag in flags:
            module.training = flag
