"""Labels that are probably wrong, by confident learning on held-out probabilities.

Northcutt, Jiang, Chuang, "Confident learning: estimating uncertainty in dataset labels", JAIR 2021, as cleanlab has it.
A row is suspected where a model that was not trained on it is as sure of another class as it usually is of that class.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.evidence.not_defined import NotDefined
from trainer.tasks import Target, Task

Floats = NDArray[np.float64]
FEWEST = 5  # rows of a class: from fewer no threshold of the class can be told


def label_issues(task: Task, target: Target, proba_NC: Floats) -> NDArray[np.bool_] | NotDefined:
    """Return which labels are suspected: (N,) of a row's class, multi-label (N, L).

    Args:
        task: what was predicted.
        target: (N,) class index, or (N, L).
        proba_NC: held-out probabilities (N, C), or (N, L).
    """
    if not task.has_classes:
        return NotDefined("numbers have no label that could be another")
    counts_C = task.class_counts(target, proba_NC.shape[1])
    if counts_C.min() < FEWEST:
        return NotDefined(f"a {task.noun} with {int(counts_C.min())} rows: {FEWEST} at least are needed of each")
    try:
        from cleanlab.filter import find_label_issues
    except ImportError:
        return NotDefined("cleanlab is not installed: pip install 'foldwise[labels]'")

    def found(labels_N: NDArray[np.int64], proba_NC: Floats) -> NDArray[np.bool_]:
        mask: Any = find_label_issues(labels_N, proba_NC, n_jobs=1)
        return np.asarray(mask, dtype=np.bool_)

    if not task.several_labels:
        return found(target, proba_NC)
    columns = zip(target.T, proba_NC.T, strict=True)
    return np.stack([found(labels_N, np.stack([1 - yes_N, yes_N], axis=1)) for labels_N, yes_N in columns], axis=1)
