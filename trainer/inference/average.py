"""From what several folds say to one prediction, how far they are apart, and how sure it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from trainer.errors import ConfigError
from trainer.inference.fold_model import FoldModel
from trainer.inference.predictor import FoldOutput, Predictor
from trainer.tasks import Target, Task

PROBA, LOGITS, RANKS = AVERAGES = ("proba", "logits", "ranks")


@dataclass(frozen=True)
class Averaged:
    """The prediction of some rows.

    Attributes:
        proba_BC: float64 probabilities, or numbers (B, 1).
        spread_B: standard deviation between the folds; the largest over classes or labels.
        entropy_B: in nats, of several labels their sum; None where there are no classes.
        labels_B: what was decided; None = the likeliest class, or labels above 0.5.
        cover: which classes are in the set of each row (B, C), or the ends of its interval (B, 2), or None.
    """

    proba_BC: NDArray[np.float64]
    spread_B: NDArray[np.float64]
    entropy_B: NDArray[np.float64] | None
    labels_B: Target | None = None
    cover: NDArray[Any] | None = None


def require_average(predictor: Predictor, how: str) -> None:
    """Refuse an average that the folds do not have.

    Raises:
        ConfigError: no such average, or of numbers that are no logits.
    """
    if how not in AVERAGES:
        raise ConfigError(f"--average {how}: give one of {', '.join(AVERAGES)}")
    if how != PROBA and not predictor.run.spec.task.has_classes:
        raise ConfigError(f"--average {how}: the run predicts numbers; leave it out, their mean is taken")
    kinds = {(type(model.loss), model.loss.n_outputs) for model in predictor.models}
    if how == LOGITS and len(kinds) > 1:
        raise ConfigError("--average logits: the folds were trained with different losses; use --average proba")


def averaged(models: Sequence[FoldModel], outputs_K: Sequence[FoldOutput], how: str, task: Task) -> Averaged:
    """Return the mean over the folds; under ``ranks``, for which all rows are needed, that of the probabilities."""
    proba_KBC = np.stack([output.proba for output in outputs_K]).astype(np.float64)
    mean_BC = proba_KBC.mean(axis=0)
    if how == LOGITS:
        mean_BC = _of_mean_logits(models, outputs_K)
    mean_BC = task.as_float64(mean_BC) if len(mean_BC) else mean_BC
    spread_B = proba_KBC.std(axis=0).max(axis=1) if len(proba_KBC) > 1 else np.zeros(len(mean_BC))
    return Averaged(mean_BC, spread_B, entropy(mean_BC, task) if task.has_classes else None)


def entropy(proba_BC: NDArray[np.float64], task: Task) -> NDArray[np.float64]:
    """Return (B,) in nats: of one choice, or the sum over labels of the entropy of each."""
    proba = torch.from_numpy(proba_BC)
    found = torch.special.entr(proba).sum(dim=1)
    if task.several_labels:
        found += torch.special.entr(1 - proba).sum(dim=1)
    entropy_B: NDArray[np.float64] = found.numpy()
    return entropy_B


def mean_ranks(proba_KNC: NDArray[Any]) -> NDArray[np.float64]:
    """Return the mean over folds (N, C) of the rank of each row among all, from 1/N to 1; equal ones share theirs."""
    from scipy.stats import rankdata

    ranks_NC: NDArray[np.float64] = np.mean(
        [rankdata(proba_NC, axis=0) / len(proba_NC) for proba_NC in proba_KNC], axis=0
    )
    return ranks_NC


def _of_mean_logits(models: Sequence[FoldModel], outputs_K: Sequence[FoldOutput]) -> NDArray[np.float64]:
    mean = torch.from_numpy(np.mean([output.logits for output in outputs_K], axis=0, dtype=np.float64))
    if getattr(models[0].loss, "expects", "logits") == "log_probs":  # their mean does not sum to 1
        mean = mean.log_softmax(dim=1)
    device = next(models[0].model.parameters()).device
    with torch.inference_mode():
        proba: NDArray[np.float64] = models[0].loss.to_proba(mean.float().to(device)).cpu().numpy().astype(np.float64)
    return proba
