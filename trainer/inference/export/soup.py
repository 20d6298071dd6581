"""One model of the mean weights of all folds, where they started from the same pretrained weights.

"Model soups: averaging weights of multiple fine-tuned models improves accuracy without increasing inference time"
(Wortsman et al. 2022). Weights that started apart have no mean that means anything, and even of those that did not the
mean may be worse than each: it is measured before anything is written.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from trainer.data.samples import Inputs
from trainer.errors import ConfigError
from trainer.inference.export.networks import float32_model, in_float32
from trainer.inference.export.wanted import SOUP
from trainer.inference.predictor import Predictor
from trainer.metrics.find import metric_named
from trainer.metrics.scores import better, score
from trainer.models.pretrained import TRANSFORMER
from trainer.report.formatting import metric_label, number
from trainer.tasks import Target

INSTEAD = "give --mode ensemble, or one fold such as fold=0"


def souped(predictor: Predictor, inputs: Inputs, target: Target) -> tuple[Predictor, str]:
    """Return the mean of the folds' weights as a single fold, and what it scores beside them, in words.

    Args:
        predictor: of all folds.
        inputs: rows of the run.
        target: of them.

    Raises:
        ConfigError: the folds did not start from the same weights, or the mean is worse than a fold is on average.
    """
    _require_one_start(predictor)
    mixed = mean_weights(predictor)
    return mixed, _measured(predictor, mixed, inputs, target)


def mean_weights(predictor: Predictor) -> Predictor:
    """Return the mean of the folds' weights as a single fold, of folds that started from the same."""
    weights = [float32_model(fold).state_dict() for fold in predictor.models]
    model = float32_model(predictor.models[0])
    model.load_state_dict({name: _mean([of_fold[name] for of_fold in weights]) for name in weights[0]})
    decision = predictor.decision
    return replace(
        predictor,
        models=(replace(predictor.models[0], name=SOUP, model=model),),
        decision=None if decision is None else replace(decision, conformal=None),
    )


def _require_one_start(predictor: Predictor) -> None:
    folds = predictor.models
    sections: list[Any] = [fold.recipe.sections["model"] for fold in folds]
    starts = {str(section.get("pretrained", "")) for section in sections}
    weights = all(section["_target_"] == TRANSFORMER for section in sections) and not any(
        start.endswith(".json")
        for start in starts  # a configuration alone: fresh weights
    )
    if len(starts) > 1 or not weights or len({fold.fitted_sha256 for fold in folds}) > 1:
        raise ConfigError(
            "--mode soup averages weights that started alike, as those of a pretrained model=transformer do; the folds "
            f"of this run did not\n{INSTEAD}"
        )
    if any(fold.scale is not None for fold in folds):
        raise ConfigError(f"--mode soup: each fold has a scale of its own for the numbers it predicts\n{INSTEAD}")


def _mean(tensors: list[torch.Tensor]) -> torch.Tensor:
    if not tensors[0].is_floating_point():
        return tensors[0]
    return torch.stack(tensors).double().mean(dim=0).to(tensors[0].dtype)


def _measured(predictor: Predictor, mixed: Predictor, inputs: Inputs, target: Target) -> str:
    """Return what the mean scores beside the folds.

    All saw most of these rows in training, the mean all of them, so that it is not put at a disadvantage.

    Raises:
        ConfigError: it is worse.
    """
    task, metric = predictor.run.spec.task, predictor.run.recipe.settings.metrics[0]

    def scored(proba: NDArray[Any]) -> float:
        return score([metric], task, target, proba)[metric]

    alone = [scored(output.proba) for output in in_float32(predictor).predict(inputs)]
    soup, single = scored(in_float32(mixed).predict(inputs)[0].proba), float(np.mean(alone))
    rows = f"{len(target)} rows of the run, which they were trained on"
    said = f"the mean of weights has {metric_label(metric)} {number(soup)}, a fold alone {number(single)}, on {rows}"
    if better(single, soup, metric_named(metric).greater_is_better):
        raise ConfigError(f"--mode soup: {said}: it hurts, and nothing was written\n{INSTEAD}")
    return said
