"""What metrics are computed of: probabilities as scikit-learn wants them, predicted classes, columns to rank."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.tasks import Target, of_target


def predicted_like(target: Target, proba: NDArray[np.floating[Any]]) -> NDArray[np.int64]:
    """Return what is predicted in the shape of the target: class indices (N,), or labels (N, L)."""
    return of_target(target).predicted(proba)


def ranked_columns(target: Target, proba: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return what ranking metrics rank, see ``Task.one_against_rest``."""
    return of_target(target).one_against_rest(target, proba)


def read_only(target: Target, proba: NDArray[np.float64]) -> tuple[Target, NDArray[np.float64]]:
    """Return views that cannot be written to: what one metric does to its rows must not reach the next."""
    target, proba = target.view(), proba.view()
    target.flags.writeable = proba.flags.writeable = False
    return target, proba
