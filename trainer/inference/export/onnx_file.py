"""The network as an ONNX graph: any number of rows, one file."""

import logging
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from trainer.errors import ConfigError, first_line_of, shown
from trainer.inference.export.kinds import INSTEAD
from trainer.inference.export.networks import Raw
from trainer.inference.export.steps.onnx_model import FILE

OUTPUTS = ("proba", "proba_by_fold")  # the mean (B, C), and what each fold says (K, B, C)
EXAMPLE_ROWS = 2
NO_OPERATION = re.compile(r"No ONNX function found for <OpOverload\(op='([^']+)'")
PLACE = re.compile(r"in forward, code: (.+)")
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
    with _quiet():
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
            raise ConfigError(f"{_why_not(error)}\n{INSTEAD}") from error


def _why_not(error: Exception) -> str:
    """Say why torch cannot make a graph of a model: the operation, or the line."""
    cause = error
    while isinstance(cause.__cause__, Exception):
        cause = cause.__cause__
    missing = NO_OPERATION.search(str(cause))
    if missing:
        return f"the model has the operation {missing[1]}, which ONNX does not have: write it in others"
    if type(cause).__name__.startswith("GuardOnDataDependent"):
        line = PLACE.search(str(cause))
        where = f" ({shown(line[1], 120)})" if line else ""
        return f"what the model does next depends on the values in a batch{where}, which a graph cannot hold"
    return f"torch cannot make an ONNX graph of this model: {shown(first_line_of(cause), 200)}"


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep torch (2.14) from printing its progress, warning of itself, and logging the graphs that it gives up."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with redirect_stdout(StringIO()), redirect_stderr(StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


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
