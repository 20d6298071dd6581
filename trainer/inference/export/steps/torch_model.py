"""Weights in model.pth or model.safetensors, run by torch."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from trainer.inference.export.steps.deciding import Runs
from trainer.inference.export.steps.graphs import INPUTS, PROBA, Ensemble, Fold

SAFETENSORS, PICKLED = "model.safetensors", "model.pth"


def open_model(folder: Path, facts: Mapping[str, Any]) -> Runs:
    """Return what maps inputs of B rows to what each fold says of them (K, B, C).

    Args:
        folder: with the weights.
        facts: of model.json.
    """
    network = load_network(folder, facts)

    def run(inputs: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
        with torch.inference_mode():
            found: NDArray[Any] = network(**{name: torch.from_numpy(rows) for name, rows in inputs.items()})[1].numpy()
        return found

    return run


def load_network(folder: Path, facts: Mapping[str, Any]) -> Ensemble:
    """Return the folds as one network from raw inputs to probabilities."""
    folds = [
        Fold(
            INPUTS[facts["kind"]](fitted),
            model_class(fitted["model"]["class"])(**fitted["model"]["arguments"]),
            to_proba=PROBA[fitted["proba"]],
            scale=fitted["scale"],
            views=fitted.get("views", ()),
        )
        for fitted in facts["fitted"]
    ]
    network = Ensemble(folds)
    network.load_state_dict(_weights(folder))
    return network.eval()


def model_class(name: str) -> Callable[..., nn.Module]:
    """Return the class of a model."""
    if name == "MLP":
        from trainer.models.mlp import MLP

        return MLP
    if name == "TextCNN":
        from trainer.models.text_cnn import TextCNN

        return TextCNN
    if name == "ImageCNN":
        from trainer.models.image_cnn import ImageCNN

        return ImageCNN
    from trainer.models.rnn import RNN

    return RNN


def _weights(folder: Path) -> dict[str, Tensor]:
    if (folder / SAFETENSORS).is_file():
        from safetensors.torch import load_file

        return load_file(folder / SAFETENSORS)
    weights: dict[str, Tensor] = torch.load(folder / PICKLED, weights_only=True)
    return weights
