"""Parameter groups of one optimizer: the head's learning rate, rates that fall from layer to layer, weight decay."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import nn
from torch.optim import Optimizer

from trainer.config.schema import FitConfig
from trainer.engine.freezing import head_of, layers_of
from trainer.engine.optimizer import make_optimizer
from trainer.errors import ConfigError

NORMS = (nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)  # may have weights of more than one dimension


@dataclass
class Group:
    """Parameters with one learning rate.

    Attributes:
        head: whether they are the head's.
        depth: layers between them and the head, and one; 0 = no layer counts.
        decays: whether the optimizer's weight decay applies.
        parameters: what the optimizer steps.
    """

    head: bool
    depth: int
    decays: bool
    parameters: list[nn.Parameter] = field(default_factory=list)

    def rate(self, lr: float, fit: FitConfig) -> float:
        """Return the learning rate, of the optimizer's own ``lr``.

        As in BEiT (Bao et al. 2022, ``optim_factory.py``; after ELECTRA, Clark et al. 2020) the head keeps ``lr`` and
        the k-th layer below it has ``lr * layer_decay**k``, the top one ``lr * layer_decay``.
        """
        if self.head and fit.head_lr is not None:
            return fit.head_lr
        return lr if fit.layer_decay is None else lr * fit.layer_decay**self.depth


def grouped_optimizer(
    section: Mapping[str, Any],
    model: nn.Module,
    parameters: Sequence[nn.Parameter],
    fit: FitConfig,
    plugins: Sequence[str] = (),
) -> Optimizer:
    """Build the optimizer of a section: one group, or as many as ``fit`` tells apart.

    Args:
        section: of the optimizer.
        model: whose trainable parameters are stepped.
        parameters: what the optimizer steps for each of them, in their order (float32 masters or themselves).
        fit: ``head_lr``, ``layer_decay`` and ``decay_norms``.
        plugins: packages of the user's.

    Raises:
        ConfigError: torch refused the arguments, or model or optimizer lack what the groups need.
    """
    section = _for_thawed_parameters(section, fit)
    if fit.head_lr is None and fit.layer_decay is None and fit.decay_norms:
        return make_optimizer(section, parameters, plugins)
    groups = parameter_groups(model, parameters, fit)
    optimizer = make_optimizer(section, [{"params": group.parameters} for group in groups], plugins)
    if not fit.decay_norms and "weight_decay" not in optimizer.defaults:
        raise ConfigError(f"fit.decay_norms=false has no effect: {section['_target_']} has no weight_decay")
    for made, group in zip(optimizer.param_groups, groups, strict=True):
        made["lr"] = group.rate(optimizer.defaults["lr"], fit)
        if not group.decays:
            made["weight_decay"] = 0.0
    return optimizer


def _for_thawed_parameters(section: Mapping[str, Any], fit: FitConfig) -> dict[str, Any]:
    """Return the section without ``fused`` where torch's fused SGD fails: thawed parameters have no momentum yet."""
    thaws = isinstance(fit.freeze_epochs, int) and fit.freeze_epochs > 0
    fails = thaws and section.get("_target_") == "torch.optim.SGD" and section.get("momentum") and section.get("fused")
    return {**section, "fused": False} if fails else dict(section)


def parameter_groups(model: nn.Module, parameters: Sequence[nn.Parameter], fit: FitConfig) -> list[Group]:
    """Sort the parameters into groups; the first one's rate is the optimizer's own, or the backbone's highest.

    Raises:
        ConfigError: the model lacks the head or the layers that ``fit`` speaks of.
    """
    found: dict[tuple[bool, int, bool], Group] = {}
    head = set() if fit.head_lr is None else {id(p) for p in head_of(model, "fit.head_lr").parameters()}
    depth = _depths(model, fit)
    undecayed = set() if fit.decay_norms else _undecayed(model)
    own = [parameter for parameter in model.parameters() if parameter.requires_grad]
    for parameter, stepped in zip(own, parameters, strict=True):
        key = id(parameter) in head, depth(parameter), id(parameter) not in undecayed
        found.setdefault(key, Group(*key)).parameters.append(stepped)
    return [found[key] for key in sorted(found, key=lambda key: (key[0], key[1], not key[2]))]


def _depths(model: nn.Module, fit: FitConfig) -> Callable[[nn.Parameter], int]:
    """Return how many layers down from the head a parameter is; the backbone's outside of layers are lowest."""
    if fit.layer_decay is None:
        return lambda parameter: 0
    layers = layers_of(model, "fit.layer_decay")
    depths = {id(parameter): 0 for parameter in head_of(model, "fit.layer_decay").parameters()}
    for depth, layer in enumerate(reversed(layers), start=1):
        for parameter in layer.parameters():
            depths.setdefault(id(parameter), depth)
    return lambda parameter: depths.get(id(parameter), len(layers))


def _undecayed(model: nn.Module) -> set[int]:
    """Return the ids of biases and of weights of normalisation layers: all of one dimension, as timm has it."""
    norms = {id(p) for module in model.modules() if isinstance(module, NORMS) for p in module.parameters(recurse=False)}
    return norms | {id(parameter) for parameter in model.parameters() if parameter.ndim <= 1}
