"""The parameters that tricks work on, found through the model's contract (``trainer/models/contract.py``)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from trainer.errors import ConfigError
from trainer.tricks.contract import Window


def input_embeddings(model: nn.Module, trick: str) -> list[nn.Parameter]:
    """Return the tables of the model's input embeddings that are trained.

    Raises:
        ConfigError: there is none; says what was looked for.
    """
    return _trained_tables(embedding_modules(model, trick), type(model).__name__, trick)


def embedding_modules(model: nn.Module, trick: str) -> list[nn.Module]:
    """Return the modules that embed the model's inputs.

    Raises:
        ConfigError: the model does not say which they are.
    """
    kind = type(model).__name__
    getter = getattr(model, "get_input_embeddings", None)
    if not callable(getter):
        tables = [name for name, module in model.named_modules() if isinstance(module, nn.Embedding)]
        seen = f"; it holds nn.Embedding: {', '.join(tables[:3])}" if tables else ""
        raise ConfigError(
            f"tricks={trick} moves the input embeddings, and {kind} has no method get_input_embeddings(){seen}\n"
            "write get_input_embeddings(self), which returns the nn.Embedding or a list, or use tricks=awp or sam"
        )
    found = getter()
    return [found] if isinstance(found, nn.Module) and not isinstance(found, nn.ModuleList) else list(found or ())


def _trained_tables(modules: Sequence[nn.Module], kind: str, trick: str) -> list[nn.Parameter]:
    tables_P = [parameter for module in modules for parameter in module.parameters()]
    if not tables_P:
        raise ConfigError(
            f"tricks={trick} moves the input embeddings, and {kind} has none for these inputs "
            "(get_input_embeddings() is empty)\nnumbers and pixels have none: use tricks=awp or sam"
        )
    trained = [parameter for parameter in tables_P if parameter.requires_grad]
    if not trained:
        raise ConfigError(
            f"tricks={trick} moves the input embeddings along their gradient, and those of {kind} are frozen\n"
            f"leave {trick} out, or thaw the backbone: fit.freeze_epochs"
        )
    return trained


def matrices(model: nn.Module, trick: str) -> list[nn.Parameter]:
    """Return the trained weights of more than one dimension.

    Raises:
        ConfigError: there is none.
    """
    found = [parameter for parameter in trained_parameters(model, trick) if parameter.ndim > 1]
    if not found:
        raise ConfigError(
            f"tricks={trick} moves weights of more than one dimension, and {type(model).__name__} trains none"
        )
    return found


def trained_parameters(model: nn.Module, trick: str) -> list[nn.Parameter]:
    """Return the parameters that are trained.

    Raises:
        ConfigError: there is none.
    """
    found = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if not found:
        raise ConfigError(f"tricks={trick} moves trained weights, and {type(model).__name__} trains none")
    return found


def with_gradients(window: Window, parameters: Sequence[nn.Parameter]) -> tuple[list[nn.Parameter], list[Tensor]]:
    """Return the parameters that have a gradient in this step, and their gradients."""
    pairs = [(parameter, g) for parameter in parameters if (g := window.gradient(parameter)) is not None]
    return [parameter for parameter, _ in pairs], [g for _, g in pairs]


def norms(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Return the L2 norm of each tensor, 1 where it is 0: what a direction is divided by.

    In float16 the squares of a scaled gradient would overflow.
    """
    return [norm + (norm == 0) for norm in _each(tensors)]


def joint_norm(tensors: Sequence[Tensor]) -> Tensor:
    """Return the L2 norm of all tensors together, 1 where it is 0."""
    norm: Tensor = torch.linalg.vector_norm(torch.stack(_each(tensors)))
    return norm + (norm == 0)


def _each(tensors: Sequence[Tensor]) -> list[Tensor]:
    return [torch.linalg.vector_norm(tensor, dtype=_wide(tensor)) for tensor in tensors]


def _wide(tensor: Tensor) -> torch.dtype:
    return torch.float64 if tensor.dtype is torch.float64 else torch.float32
