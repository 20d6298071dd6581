"""What in a row speaks for a class, by one fold's model: integrated gradients and Grad-CAM, by captum.

Integrated gradients (Sundararajan et al., ICML 2017) follow the log odds from a row that says nothing to the row: their
sum is the difference, which is checked. Grad-CAM (Selvaraju et al., ICCV 2017) weighs the maps of a convolution by how
much the log odds grow with them.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from trainer.engine.modes import evaluating_with_gradients
from trainer.errors import ConfigError
from trainer.inference.fold_model import FoldModel
from trainer.tasks import Task

Floats = NDArray[np.float64]
Explained = Callable[[Tensor], Tensor]

STEPS = (32, 128, 512)  # of the path; more are taken where the sum misses the difference by more than MISSED
MISSED = 0.01  # of all attributions, whichever way they point: what they sum to may be nothing
AT_A_TIME = 32  # points of the path in one forward pass
PATCHES = 14  # on the longer side of an image
TYPES, MASK = "token_type_ids", "attention_mask"


@dataclass(frozen=True)
class Attribution:
    """What one model says of one row.

    Attributes:
        weights: (T,) of its tokens, or (h, w) of parts of its image.
        change: what they should sum to; NaN where they sum to nothing.
        missed: by what share of all weights their sum misses it.
    """

    weights: Floats
    change: float
    missed: float


def require_captum() -> None:
    """Refuse to explain rows where captum is not installed.

    Raises:
        ConfigError: it is not.
    """
    try:
        import captum.attr  # noqa: F401
    except ImportError as error:
        raise ConfigError(
            "rows are explained by captum, which is not installed: pip install 'foldwise[explain]'"
        ) from error


def log_odds(model: FoldModel, task: Task, place: int) -> Explained:
    """Return what makes of logits (B, K) the log odds (B,) of a class or label; of numbers the number in its unit.

    Args:
        model: of a fold.
        task: what it predicts.
        place: of the class or label.
    """
    unit = 1.0 if model.scale is None else model.scale.sd

    def explained(logits: Tensor) -> Tensor:
        if not task.has_classes:
            return logits[:, 0] * unit
        if task.by_sigmoid(logits.shape[1]):
            return logits[:, place] if task.several_labels else logits[:, 0] * (1 if place else -1)
        others = [one for one in range(logits.shape[1]) if one != place]
        return logits[:, place] - logits[:, others].logsumexp(dim=1)

    return explained


def of_tokens(
    model: FoldModel, inputs: Mapping[str, Tensor], explained: Explained, *, name: str, pad_id: int, kept: set[int]
) -> Attribution:
    """Return integrated gradients of a text's tokens, from padding in place of all but special tokens.

    Args:
        model: of a fold.
        inputs: of one row.
        explained: makes of logits what is explained.
        name: of the tokens among the inputs.
        pad_id: padding.
        kept: ids of the special tokens.

    Raises:
        ConfigError: the model has no embedding of tokens.
    """
    from captum.attr import LayerIntegratedGradients

    tokens_1T = inputs[name]
    special_1T = torch.isin(tokens_1T, torch.tensor(sorted(kept), dtype=tokens_1T.dtype, device=tokens_1T.device))
    baseline_1T = torch.where(special_1T, tokens_1T, torch.full_like(tokens_1T, pad_id))
    others = {key: value for key, value in inputs.items() if key != name}
    with _ready(model):
        layer, start = _embedding(model, inputs, tokens_1T)
        called = _called(model, explained, (name, *others))
        method = LayerIntegratedGradients(called, layer)

        def measure(steps: int) -> Tensor:
            weights_1LE: Tensor = method.attribute(
                tokens_1T,
                baseline_1T,
                additional_forward_args=tuple(others.values()) or None,
                n_steps=steps,
                internal_batch_size=AT_A_TIME,
            )
            return weights_1LE[0].double().sum(dim=-1)[start : start + tokens_1T.shape[1]]

        def told(tokens: Tensor) -> float:
            with torch.no_grad():
                return called(tokens, *others.values()).double().item()

        whole, nothing_1LE = told(tokens_1T), _output(layer, lambda: told(baseline_1T))
        hook = layer.register_forward_hook(lambda *_: nothing_1LE)  # a model may ask the tokens how many there are
        try:
            change = whole - told(tokens_1T)
        finally:
            hook.remove()
        return _complete(measure, change)


def _output(layer: nn.Module, run: Callable[[], object]) -> Tensor:
    """Return what a module gives when the model is run."""
    caught = list[Tensor]()
    hook = layer.register_forward_hook(lambda _module, _inputs, output: caught.append(output))
    try:
        run()
    finally:
        hook.remove()
    return caught[0]


def of_pixels(model: FoldModel, images_1CHW: Tensor, explained: Explained) -> Attribution:
    """Return Grad-CAM of the last maps of a convolutional network, of others integrated gradients by patch."""
    with _ready(model):
        layer = last_maps(model, images_1CHW)
        return _patches(model, images_1CHW, explained) if layer is None else _cam(model, images_1CHW, explained, layer)


def last_maps(model: FoldModel, images_1CHW: Tensor) -> nn.Module | None:
    """Return the module that makes the last maps of an image; None where what comes last are vectors of patches."""
    height, width = images_1CHW.shape[-2:]
    made = list[tuple[nn.Module, tuple[int, ...]]]()

    def seen(module: nn.Module, _: Any, output: Any) -> None:
        if isinstance(output, Tensor):
            made.append((module, tuple(output.shape)))

    hooks = [module.register_forward_hook(seen) for module in model.model.modules() if module is not model.model]
    try:
        with torch.no_grad():
            model.precision.forward(model.call, {"images": images_1CHW})
    finally:
        for hook in hooks:
            hook.remove()
    last = None
    for module, shape in made:
        if _is_maps(shape, height, width):
            last = module
        elif (len(shape) == 3 and shape[1] > 1) or (len(shape) == 4 and shape[1] > 1 and shape[2] > 1):
            last = None  # patches in a row, or with the channels last: no maps
    return last


def _is_maps(shape: tuple[int, ...], height: int, width: int) -> bool:
    """Return whether an output has the form (B, C, h, w) of an image, and more than one pixel."""
    if len(shape) != 4 or shape[2] * shape[3] == 1:
        return False
    return abs(shape[2] * width - shape[3] * height) <= max(height, width)


def _cam(model: FoldModel, images_1CHW: Tensor, explained: Explained, layer: nn.Module) -> Attribution:
    from captum.attr import LayerGradCam

    method = LayerGradCam(_called(model, explained, ("images",)), layer)
    found: Tensor = method.attribute(images_1CHW, relu_attributions=True)
    return Attribution(found[0, 0].detach().double().cpu().numpy(), float("nan"), float("nan"))


def _patches(model: FoldModel, images_1CHW: Tensor, explained: Explained) -> Attribution:
    from captum.attr import IntegratedGradients

    called = _called(model, explained, ("images",))
    method = IntegratedGradients(called)

    def measure(steps: int) -> Tensor:
        weights_1CHW: Tensor = method.attribute(images_1CHW, n_steps=steps, internal_batch_size=AT_A_TIME)
        weights_HW = weights_1CHW[0].double().sum(dim=0)
        side = -(-max(weights_HW.shape) // PATCHES)
        height, width = (-(-length // side) for length in weights_HW.shape)
        missing = (0, width * side - weights_HW.shape[1], 0, height * side - weights_HW.shape[0])
        padded_HW = nn.functional.pad(weights_HW, missing)
        return padded_HW.reshape(height, side, width, side).sum(dim=(1, 3))

    with torch.no_grad():
        whole, nothing = (called(images).double().item() for images in (images_1CHW, torch.zeros_like(images_1CHW)))
    return _complete(measure, whole - nothing)


def _complete(measure: Callable[[int], Tensor], change: float) -> Attribution:
    """Return attributions in as many steps as it takes for their sum to be what it should be."""
    for steps in STEPS:
        weights = measure(steps)
        missed = abs(float(weights.sum()) - change) / max(float(weights.abs().sum()), 1e-12)
        if missed <= MISSED:
            break
    return Attribution(weights.detach().cpu().numpy(), change, missed)


def _called(model: FoldModel, explained: Explained, names: tuple[str, ...]) -> Callable[..., Tensor]:
    """Return what captum calls: inputs in the order of their names to what is explained."""
    return lambda *values: explained(model.precision.forward(model.call, dict(zip(names, values, strict=True))))


@contextmanager
def _ready(model: FoldModel) -> Iterator[None]:
    """Have the model predict as it does, and gradients flow to its inputs, those of its weights left out."""
    trained = [parameter for parameter in model.model.parameters() if parameter.requires_grad]
    with evaluating_with_gradients(model.model):
        try:
            yield
        finally:
            for parameter in trained:
                parameter.grad = None


def _embedding(model: FoldModel, inputs: Mapping[str, Tensor], tokens_1T: Tensor) -> tuple[nn.Module, int]:
    """Return the embedding that is given the tokens, and where they begin in what it is given: a model may pad them."""
    n_tokens, found = tokens_1T.shape[1], list[tuple[nn.Module, int]]()

    def seen(module: nn.Module, given: tuple[Any, ...]) -> None:
        ids = given[0]
        if not isinstance(ids, Tensor) or ids.ndim != 2 or ids.shape[1] < n_tokens:
            return
        windows = ids[0].unfold(0, n_tokens, 1)
        starts = (windows == tokens_1T[0]).all(dim=1).nonzero()
        if len(starts):
            found.append((module, int(starts[0, 0])))

    embeddings = [module for module in model.model.modules() if isinstance(module, nn.Embedding)]
    hooks = [module.register_forward_pre_hook(seen) for module in embeddings]
    try:
        with torch.no_grad():
            model.precision.forward(model.call, dict(inputs))
    finally:
        for hook in hooks:
            hook.remove()
    if not found:
        raise ConfigError("the model embeds no tokens (nn.Embedding): its rows cannot be explained by their tokens")
    return found[0]
