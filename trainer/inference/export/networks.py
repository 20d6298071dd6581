"""The folds of a run as one network from raw inputs to predictions, in float32."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from trainer.config.schema import AmpConfig
from trainer.data.samples import Inputs, TableColumns
from trainer.engine.precision.opt_levels import resolve_opt_level
from trainer.engine.precision.precision import Precision
from trainer.inference.export.steps.cells import FIRST_CATEGORY, MISSING, UNSEEN
from trainer.inference.export.steps.graphs import INPUTS, PROBA, Ensemble, Fold
from trainer.inference.fold_model import FoldModel
from trainer.inference.predictor import Predictor

Raw = dict[str, NDArray[Any]]


def network_of(predictor: Predictor, facts: Mapping[str, Any]) -> Ensemble:
    """Return all folds, on the CPU and ready to predict."""
    folds = [
        Fold(INPUTS[facts["kind"]](fitted), float32_model(fold), to_proba=PROBA[fitted["proba"]], scale=fitted["scale"])
        for fold, fitted in zip(predictor.models, facts["fitted"], strict=True)
    ]
    return Ensemble(folds).eval()


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


def raw_inputs(facts: Mapping[str, Any], inputs: Inputs) -> Raw:
    """Return rows as a source reads them as the network takes them."""
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
