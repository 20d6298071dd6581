"""Matthews correlation coefficient, for several classes too (Gorodkin 2004)."""

import numpy as np

from trainer.metrics.contract import SINGLE_LABEL, Floats, Targets, metric
from trainer.metrics.predictions import predicted_like
from trainer.metrics.weighted import from_counts, ratio


def _of_counts(hit_CB: Floats, true_CB: Floats, said_CB: Floats, _: bool) -> Floats:
    n_B = true_CB.sum(axis=0)
    covariance_B = hit_CB.sum(axis=0) * n_B - (true_CB * said_CB).sum(axis=0)
    variance_B = (n_B**2 - (true_CB**2).sum(axis=0)) * (n_B**2 - (said_CB**2).sum(axis=0))
    return ratio(covariance_B, np.sqrt(variance_B))


@metric(greater_is_better=True, tasks=SINGLE_LABEL, label="MCC", make_meter=from_counts(_of_counts))
def mcc(target: Targets, proba: Floats, weights: Floats | None = None) -> float:
    """Return the correlation of true and predicted classes; 0 where either is constant."""
    from sklearn.metrics import matthews_corrcoef

    said = predicted_like(target, proba)
    if len(np.union1d(target, said)) < 2:
        return 0.0  # scikit-learn's value, without its warning
    return float(matthews_corrcoef(target, said, sample_weight=weights))
