"""What a run decides by, applied to the predictions of its folds."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.inference.average import Averaged, entropy
from trainer.inference.decision import Decision


def with_decision(
    found: Averaged, decision: Decision | None, names: Sequence[int | str], proba_K: Sequence[NDArray[Any]]
) -> Averaged:
    """Return the prediction of a block as it was decided: labels, calibrated probabilities, sets or intervals.

    Args:
        found: mean of the folds.
        decision: of the run, or None.
        names: of the folds.
        proba_K: what each said, (B, C).
    """
    if decision is None:
        return found
    task = decision.task
    labels_B, proba_BC = decision.apply(found.proba_BC)
    cover = None
    if decision.conformal is not None:
        places = [list(names).index(fold) for fold in range(len(decision.conformal.scores))]
        proba_KBC = np.stack([task.as_float64(proba_K[place]) for place in places])
        sets = decision.conformal.sets if task.has_classes else None
        cover = sets(proba_KBC) if sets else decision.conformal.intervals(proba_KBC[:, :, 0])
    return replace(
        found,
        proba_BC=proba_BC,
        entropy_B=entropy(proba_BC, task) if task.has_classes else None,
        labels_B=labels_B if task.has_classes else None,
        cover=cover,
    )
