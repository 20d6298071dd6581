"""The network as an ONNX graph: any number of rows, one file."""

import warnings
from collections.abc import Mapping
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from trainer.errors import ConfigError, first_line_of, shown
from trainer.inference.export.networks import Raw
from trainer.inference.export.steps.onnx_model import FILE

OUTPUTS = ("proba", "proba_by_fold")  # the mean (B, C), and what each fold says (K, B, C)
EXAMPLE_ROWS = 2
OF_TEXTS = ("tokens", "input_ids", "attention_mask", "token_type_ids")  # inputs whose second size is a length


def write_onnx(network: nn.Module, raw: Raw, folder: Path) -> None:
    """Write model.onnx.

    Args:
        network: from raw inputs to ``OUTPUTS``.
        raw: rows, of which the first are traced.
        folder: to write into.

    Raises:
        ConfigError: torch cannot make a graph of it.
    """
    keep_forks_able()
    example = {name: torch.from_numpy(values[:EXAMPLE_ROWS].copy()) for name, values in raw.items()}
    with redirect_stdout(StringIO()), warnings.catch_warnings():  # torch 2.14 prints its progress, and warns of itself
        warnings.simplefilter("ignore")
        try:
            torch.onnx.export(
                network,
                kwargs=example,
                f=folder / FILE,
                dynamo=True,
                external_data=False,  # else the weights go into a second file
                input_names=list(example),
                output_names=list(OUTPUTS),
                dynamic_shapes={"raw": _dynamic(example)},
            )
        except torch.onnx.errors.OnnxExporterError as error:
            raise ConfigError(
                f"torch cannot make an ONNX graph of this model: {shown(first_line_of(error))}"
            ) from error


def keep_forks_able() -> None:
    """Let autograd look for devices now, while there is but the CPU.

    It looks once, at the first backward pass. ``torch.export`` (2.14) leaves a device behind that it would start a
    thread for, after which no forked process of this one can compute a gradient: folds are trained in such processes.
    """
    with torch.enable_grad():
        torch.autograd.backward(torch.zeros((), requires_grad=True))


def _dynamic(example: Mapping[str, Tensor]) -> dict[str, Any]:
    """Return which sizes may differ from the example's: rows, and the lengths of texts."""
    rows, length = torch.export.Dim("rows"), torch.export.Dim("length")
    return {name: {0: rows, 1: length} if name in OF_TEXTS else {0: rows} for name in example}
