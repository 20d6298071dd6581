"""The folds of a run as one network from raw inputs to predictions, in float32."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from trainer.config.schema import AmpConfig
from trainer.data.images.decoding import brought_to
from trainer.data.images.image_files import read_image
from trainer.data.samples import Images, Inputs, TableColumns, Texts
from trainer.engine.precision.opt_levels import resolve_opt_level
from trainer.engine.precision.precision import Precision
from trainer.inference.export.steps.cells import FIRST_CATEGORY, MISSING, UNSEEN
from trainer.inference.export.steps.graphs import INPUTS, PROBA, Ensemble, Fold
from trainer.inference.export.steps.masked_rnn import MaskedRNN
from trainer.inference.export.steps.texts import open_texts
from trainer.inference.export.wanted import ONNX
from trainer.inference.fold_model import FoldModel
from trainer.inference.predictor import Predictor
from trainer.models.contract import Encoder
from trainer.models.rnn import RNN
from trainer.models.text_cnn import TextCNN

Raw = dict[str, NDArray[Any]]


def network_of(predictor: Predictor, facts: Mapping[str, Any]) -> Ensemble:
    """Return all folds, on the CPU and ready to predict; for a graph without what graphs cannot hold."""
    folds = []
    for fold, fitted in zip(predictor.models, facts["fitted"], strict=True):
        model = float32_model(fold)
        model = _for_graph(model) if facts["format"] == ONNX else model
        inputs = INPUTS[facts["kind"]](fitted)
        views = fitted.get("views", ())
        folds.append(Fold(inputs, model, to_proba=PROBA[fitted["proba"]], scale=fitted["scale"], views=views))
    return Ensemble(folds, one_backbone=_one_backbone(predictor)).eval()


def _one_backbone(predictor: Predictor) -> bool:
    """Return whether what is below the heads makes the same of the same rows in all folds."""
    alike = {(fold.fitted_sha256, body) for fold, body in zip(predictor.models, predictor.body_sha256_K, strict=True)}
    first = predictor.models[0]
    encodes = getattr(first.model, "encodes", True) and not getattr(first.fitted, "views", ())
    return len(alike) == 1 and bool(predictor.body_sha256_K[0]) and isinstance(first.model, Encoder) and bool(encodes)


def _for_graph(model: nn.Module) -> nn.Module:
    """Return a model that says the same in operations that ONNX has."""
    if type(model) is RNN:
        return MaskedRNN(model)
    if type(model) is TextCNN and model.max_norm is not None:
        with torch.no_grad():
            model.head.weight.copy_(model.head.weight.renorm(2, 0, model.max_norm))
        model.max_norm = None
    return model


def float32_model(fold: FoldModel) -> nn.Module:
    """Return a copy of a fold's model in float32, whatever it was trained in."""
    return deepcopy(fold.model).cpu().float().eval()


def in_float32(predictor: Predictor) -> Predictor:
    """Return the folds as they predict in float32, which is what an exported model is compared with."""
    level = resolve_opt_level(AmpConfig(opt_level="O0"), torch.device("cpu"))
    models = []
    for fold in predictor.models:
        model = float32_model(fold)
        models.append(replace(fold, model=model, precision=Precision(model, level)))
    return replace(predictor, models=tuple(models))


def raw_inputs(folder: Path, facts: Mapping[str, Any], inputs: Inputs) -> Raw:
    """Return rows as a source reads them as the network takes them.

    Args:
        folder: with the tokenizer of texts.
        facts: of model.json.
        inputs: rows.
    """
    if isinstance(inputs, Images):
        size, channels, how = tuple(facts["pixels"]["size"]), facts["pixels"]["channels"], facts["pixels"]["resize"]
        decoded = (read_image(inputs, row) for row in range(len(inputs.names)))
        return {"pixels": np.stack([brought_to(image, size, channels, how) for image in decoded])}
    if isinstance(inputs, Texts):
        return open_texts(folder, facts).encode(inputs.texts, inputs.pairs)
    assert isinstance(inputs, TableColumns)
    raw: Raw = {}
    if facts["columns"]["numeric"]:
        raw["numeric"] = inputs.numeric_NF
    categories = facts["columns"]["categories"]
    if categories:
        codes = [
            _codes(words, inputs.categorical_NK[:, place].tolist()) for place, words in enumerate(categories.values())
        ]
        raw["categorical"] = np.array(codes, dtype=np.int64).T
    return raw


def _codes(words: list[str], cells: list[str | None]) -> list[int]:
    known = {word: code for code, word in enumerate(words, start=FIRST_CATEGORY)}
    return [MISSING if cell is None else known.get(cell, UNSEEN) for cell in cells]
