"""What tokenizer and model both want of the library transformers: silence, a configuration, how much a model reads."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from logging import CRITICAL
from typing import Any

from torch import nn

from trainer.system.model_files import ModelConfig


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


def transformers_config(config: ModelConfig) -> Any:
    """Return transformers' own record of a configuration that was read."""
    from transformers import AutoConfig

    if config.completed:
        return AutoConfig.for_model(**config.values)
    return AutoConfig.from_pretrained(config.path, local_files_only=True, trust_remote_code=False)


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
