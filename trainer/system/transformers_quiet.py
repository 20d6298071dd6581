"""What the tokenizer and the model both want of the library transformers: silence, and how much a model reads."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from logging import CRITICAL
from typing import Any

from torch import nn


@contextmanager
def quiet() -> Iterator[None]:
    """Keep transformers from writing into the output of a run."""
    from transformers.utils import logging as their_logging

    logging: Any = their_logging  # without types
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity(CRITICAL)
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def max_positions(body: nn.Module, config: Any) -> int | None:
    """Return the most tokens of a text; RoBERTa's positions start behind the number of its padding token.

    Args:
        body: of the model; its parameters may be on the device ``meta``.
        config: transformers' own.
    """
    most = getattr(config, "max_position_embeddings", None)
    if not isinstance(most, int) or most < 1:
        return None
    tables = [module for name, module in body.named_modules() if name.endswith("position_embeddings")]
    offsets = [table.padding_idx + 1 for table in tables if isinstance(getattr(table, "padding_idx", None), int)]
    return most - max(offsets, default=0)
