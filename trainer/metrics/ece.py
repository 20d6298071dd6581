"""Expected calibration error, of bins with equally many rows; above 0 by chance alone where rows are few."""

import numpy as np

from trainer.metrics.contract import MULTI_LABEL, SINGLE_LABEL, Floats, Targets, metric
from trainer.metrics.predictions import equal_bins, stated


@metric(greater_is_better=False, limits=(0, 1), tasks=(*SINGLE_LABEL, *MULTI_LABEL), label="ECE")
def ece(target: Targets, proba: Floats, weights: Floats | None = None) -> float:
    """Return the mean distance of the probabilities said from the share that is so, over bins.

    Of two classes the probability of the positive one is looked at, of more that of the predicted class, of labels all.
    """
    said_M, right_M = stated(target, proba)
    weights_N = np.ones(len(target)) if weights is None else weights
    weights_M = np.repeat(weights_N, len(said_M) // len(target))
    place_M = equal_bins(said_M, weights_M)
    gap_B = np.bincount(place_M, weights_M * (said_M - right_M))
    return float(np.abs(gap_B).sum() / weights_M.sum())
