"""A model in the form of transformers, run by it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray

from trainer.inference.export.steps.deciding import Runs
from trainer.inference.export.steps.graphs import PROBA


def open_model(folder: Path, facts: Mapping[str, Any]) -> Runs:
    """Return what maps inputs of B rows to what the model says of them (1, B, C).

    Args:
        folder: that ``from_pretrained`` takes.
        facts: of model.json.
    """
    from transformers import AutoModelForSequenceClassification
    from transformers.utils import logging as their_logging

    logging: Any = their_logging  # without types
    bars = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        model = AutoModelForSequenceClassification.from_pretrained(folder, local_files_only=True).eval()
    finally:
        if bars:
            logging.enable_progress_bar()
    to_proba = PROBA[facts["fitted"][0]["proba"]]

    def run(inputs: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
        with torch.inference_mode():
            logits = model(**{name: torch.from_numpy(rows) for name, rows in inputs.items()}).logits
            found: NDArray[Any] = to_proba(logits)[None].numpy()
        return found

    return run
