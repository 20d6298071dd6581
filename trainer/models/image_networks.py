"""What the image networks of torchvision and timm have in common: grey images, and the layers of their backbones."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

STACKS = (nn.Sequential, nn.ModuleList)  # themselves, not their subclasses: those are blocks of one kind
MOST_OF_A_BODY = 0.5


def stem_channels(in_channels: int) -> int:
    """Return the channels the first convolution is built for: 3 for grey images, so that weights of others fit."""
    return 3 if in_channels == 1 else in_channels


def network_input(images_BCHW: Tensor, *, repeats: bool) -> Tensor:
    """Return what a network is given: on CUDA with the channels last in memory, which its convolutions are made for.

    On a CPU the layout stays: a step of ResNet-18 takes as long in either (500 and 503 ms).

    Args:
        images_BCHW: of the data.
        repeats: whether to repeat the one channel of grey images: with three, pretrained weights see what they know.
    """
    images = images_BCHW.expand(-1, 3, -1, -1) if repeats else images_BCHW
    return images.contiguous(memory_format=torch.channels_last) if images.is_cuda else images


def body_layers(network: nn.Module, head: nn.Module) -> list[nn.Module]:
    """Return the layers below ``head`` from input to output; together they hold all parameters outside of it.

    Stacks of blocks count block by block. Norms, and what has no weight of two or more dimensions, belong to the layer
    before them; parameters of no layer's own (a class token, an embedding of positions) to the first.
    """
    of_head = {id(parameter) for parameter in head.parameters()}
    size = sum(parameter.numel() for parameter in network.parameters() if id(parameter) not in of_head)
    layers: list[list[nn.Module]] = []
    loose = nn.ParameterList()
    for part in _parts(network, of_head, MOST_OF_A_BODY * size):
        if isinstance(part, nn.Parameter):
            loose.append(part)
        elif layers and all(parameter.ndim <= 1 for parameter in part.parameters()):
            layers[-1].append(part)
        else:
            layers.append([part])
    if len(loose):
        layers[0].insert(0, loose)
    return [layer[0] if len(layer) == 1 else nn.ModuleList(layer) for layer in layers]


def _parts(module: nn.Module, of_head: set[int], much: float) -> Iterator[nn.Module | nn.Parameter]:
    """Yield a module's own parameters and its sub-modules with any, going into stacks and whatever holds ``much``.

    Args:
        module: to take apart.
        of_head: ids of the head's parameters, which are left out.
        much: parameters that are too many for one layer.
    """
    yield from (parameter for parameter in module.parameters(recurse=False) if id(parameter) not in of_head)
    for child in module.children():
        parameters = list(child.parameters())
        own = [parameter for parameter in parameters if id(parameter) not in of_head]
        if not own:
            continue
        opened = type(child) in STACKS or sum(parameter.numel() for parameter in own) > much
        if len(own) < len(parameters) or (opened and next(child.children(), None) is not None):
            yield from _parts(child, of_head, much)
        else:
            yield child
