"""Re-initialised top layers: the last layers of a pretrained backbone start afresh, as the head does.

Zhang et al. 2021, "Revisiting Few-sample BERT Fine-tuning", section 5: matrices of the top ``layers`` are drawn from
``N(0, s^2)`` with the ``initializer_range`` s of the backbone's own configuration, biases become 0 and the scales of
normalisation 1. Layers of a backbone without such a configuration draw their weights as torch does for a new layer.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from trainer.errors import ConfigError
from trainer.tricks.contract import Setting


class Reinit:
    """Draws the last layers of the backbone anew before the first step.

    Args:
        layers: how many of ``model.layers()``, from the output down.
    """

    def __init__(self, *, layers: int = 1) -> None:
        if layers < 1:
            raise ConfigError(f"tricks.reinit.layers={layers} is not at least 1")
        self.layers = layers
        self.drawn: list[nn.Parameter] = []
        self.before: list[Tensor] = []

    def attach(self, setting: Setting) -> None:
        """Draw the layers anew.

        Raises:
            ConfigError: there are no such layers, they are fresh, frozen, or cannot be drawn.
        """
        top = _top_layers(setting, self.layers)
        self.drawn = [parameter for layer in top for parameter in layer.parameters()]
        if not all(parameter.requires_grad for parameter in self.drawn):
            raise ConfigError(
                "tricks=reinit draws layers anew that are frozen: they would stay as drawn\n"
                "leave reinit out, or train them: fit.freeze_epochs, fit.unfreeze_layers"
            )
        self.before = [parameter.detach().clone() for parameter in self.drawn]
        spread = _initializer_range(setting.model)
        for layer in top:
            draw(layer, spread)

    def at_start(self) -> tuple[Sequence[Tensor], Sequence[Tensor]]:
        """Return the weights that were drawn, and what they were before."""
        before, self.before = self.before, []
        return self.drawn, before


@torch.no_grad()
def draw(layer: nn.Module, spread: float | None) -> None:
    """Draw the weights of a layer anew.

    Args:
        layer: changed in place.
        spread: standard deviation of its matrices; None = as torch draws a new layer's.

    Raises:
        ConfigError: a part of it does not say how it is drawn.
    """
    for module in layer.modules():
        own = dict(module.named_parameters(recurse=False))
        if not own:
            continue
        known = spread is not None and all(p.ndim > 1 or name in ("weight", "bias") for name, p in own.items())
        if known and spread is not None:
            for name, parameter in own.items():
                if parameter.ndim > 1:
                    parameter.normal_(0.0, spread)
                else:
                    parameter.fill_(float(name == "weight"))
        elif callable(getattr(module, "reset_parameters", None)):
            module.reset_parameters()  # type: ignore[operator]
        else:
            raise ConfigError(
                f"tricks=reinit cannot draw {type(module).__name__} anew ({', '.join(own)}): it has no method "
                "reset_parameters()\nset tricks.reinit.layers lower, or leave reinit out"
            )


def _top_layers(setting: Setting, wanted: int) -> list[nn.Module]:
    kind = type(setting.model).__name__
    layers = getattr(setting.model, "layers", None)
    if not callable(layers) or not hasattr(setting.model, "head"):
        raise ConfigError(
            f"tricks=reinit draws the top layers anew, and {kind} has no method layers() with a head above them\n"
            "write layers(self), input first (trainer/models/contract.py), or leave reinit out"
        )
    if not setting.pretrained:
        raise ConfigError(
            f"tricks=reinit draws pretrained layers anew, and those of {kind} are fresh: nothing would change\n"
            "set init.path or model.pretrained, or leave reinit out"
        )
    found = [layer for layer in layers() if any(True for _ in layer.parameters())]
    if wanted >= len(found):
        raise ConfigError(
            f"tricks.reinit.layers={wanted}: {kind} has {len(found)} layers, and the first is to keep its weights\n"
            f"set it to at most {len(found) - 1}"
        )
    return found[-wanted:]


def _initializer_range(model: nn.Module) -> float | None:
    """Return the standard deviation that the backbone's configuration states, if it does."""
    for module in model.modules():
        stated = getattr(getattr(module, "config", None), "initializer_range", None)
        if isinstance(stated, float):
            return stated
    return None
