"""Models of other libraries called as Foldwise calls its own: inputs by name, logits back."""

import inspect
from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn


def adapt_calls(model: nn.Module) -> None:
    """Let a single input go to the model's first argument, and take the ``logits`` of what it returns.

    Hooks do it, so the model's weights keep their names. A Hugging Face model returns a record with ``logits``; a
    network written as ``forward(self, x)`` takes a table's one input, whatever that is called here.
    """
    model.register_forward_pre_hook(_give_by_name, with_kwargs=True)
    model.register_forward_hook(_take_logits)


def renamed(model: nn.Module, given: Sequence[str]) -> list[str]:
    """Return the names under which a model is given these inputs."""
    parameters = inspect.signature(model.forward).parameters.values()
    if len(given) != 1 or any(p.name == given[0] or p.kind is p.VAR_KEYWORD for p in parameters):
        return list(given)
    named = [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    return named[:1] or list(given)


def is_adapted(model: nn.Module) -> bool:
    """Return whether ``adapt_calls`` was called with the model."""
    return _give_by_name in model._forward_pre_hooks.values()


def _give_by_name(model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    names = renamed(model, list(kwargs))
    return args, dict(zip(names, kwargs.values(), strict=True))


def _take_logits(model: nn.Module, args: tuple[Any, ...], output: Any) -> Any:
    logits = getattr(output, "logits", None)
    return logits if isinstance(logits, Tensor) else output
