"""Checks shared by the losses: options from the configuration, and the width of what the model returned."""

import torch
from torch import Tensor

from trainer.config.checked import checked_number as checked_number
from trainer.errors import ConfigError


def full_precision(logits: Tensor, n_outputs: int) -> Tensor:
    """Upcast half precision to float32 (float64 stays) after checking the shape (B, n_outputs).

    A wrong width is refused here because torch would broadcast or drop columns silently.

    Raises:
        ConfigError: the model returns another shape than the loss needs.
    """
    if logits.dim() != 2 or logits.shape[1] != n_outputs:
        found = ", ".join(["B", *map(str, logits.shape[1:])])
        raise ConfigError(
            f"the model returns ({found}) but the loss needs (B, {n_outputs})\n"
            f"let the model's last layer have {n_outputs} output{'s' if n_outputs != 1 else ''}"
        )
    return logits if logits.dtype == torch.float64 else logits.float()
