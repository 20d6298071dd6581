"""Label ranking average precision: how far up a row's own labels are ranked."""

import numpy as np

from trainer.metrics.contract import MULTI_LABEL, Floats, Targets, metric
from trainer.metrics.weighted import mean_of_rows


def _of_row(target_NL: Targets, scores_NL: Floats) -> Floats:
    """Mean over a row's true labels of true labels ranked as high / labels ranked as high; 1 without any."""
    from scipy.stats import rankdata

    true_NL = target_NL > 0
    rank_NL = rankdata(-scores_NL, method="max", axis=1)
    rank_among_true_NL = rankdata(np.where(true_NL, -scores_NL, np.inf), method="max", axis=1)
    share_NL = np.where(true_NL, rank_among_true_NL / rank_NL, 0.0)
    n_true_N = true_NL.sum(axis=1)
    return np.where(n_true_N == 0, 1.0, share_NL.sum(axis=1) / np.maximum(n_true_N, 1))


@metric(greater_is_better=True, limits=(0, 1), tasks=MULTI_LABEL, label="LRAP", make_meter=mean_of_rows(_of_row))
def lrap(target: Targets, proba: Floats, weights: Floats | None = None) -> float:
    """Return the weighted mean over rows; a row without labels counts 1."""
    from sklearn.metrics import label_ranking_average_precision_score

    return float(label_ranking_average_precision_score(target, proba, sample_weight=weights))
