"""Unlabelled rows that folds train on too: the label, weight and votes that each fold has of them.

They stand behind the labelled rows: row N + p is the p-th unlabelled one. No fold holds them out or is scored on them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.data.samples import Inputs, Samples
from trainer.tasks import Target

Rows = tuple[Target, NDArray[np.float64] | None, NDArray[np.float64] | None]  # target, weights, votes


@dataclass(frozen=True)
class FoldLabels:
    """What one fold is told of the unlabelled rows.

    Attributes:
        places: (R,) int64, ascending: which of them it trains on.
        target: (R,) int64 class index.
        proba_RC: float32, what the labelling models say on average.
    """

    places: NDArray[np.int64]
    target: NDArray[np.int64]
    proba_RC: NDArray[np.float32]


@dataclass(frozen=True)
class PseudoLabels:
    """The unlabelled rows of a run and their labels.

    Attributes:
        inputs: of the N labelled and the P unlabelled rows together.
        n_labelled: N.
        n_unlabelled: P.
        by_fold: by number of the fold, and ``all``.
        weight: of such a row.
        soft: whether folds train on the probabilities.
        facts: what manifest.json says of them.
        notes: what a person should know.
    """

    inputs: Inputs
    n_labelled: int
    n_unlabelled: int
    by_fold: Mapping[int | str, FoldLabels]
    weight: float
    soft: bool
    facts: Mapping[str, Any]
    notes: tuple[str, ...] = ()

    def training_rows(self, train: NDArray[np.int64], name: int | str) -> NDArray[np.int64]:
        """Return the rows (ascending) that a fold trains on: the labelled ``train``, and those it is told labels of."""
        return np.concatenate([train, self.n_labelled + self.by_fold[name].places])

    def of_all_rows(self, samples: Samples, name: int | str) -> Rows:
        """Return target (N + P,), weights and votes of all rows as a fold has them.

        Rows that the fold does not train on have class 0, and are never looked at.

        Args:
            samples: the labelled rows.
            name: of the fold.
        """
        labels, n_rows = self.by_fold[name], self.n_labelled + self.n_unlabelled
        rows = self.n_labelled + labels.places
        target = np.zeros(n_rows, dtype=np.int64)
        target[: self.n_labelled], target[rows] = samples.target, labels.target
        weights_N = None
        if samples.weights_N is not None or self.weight != 1.0:
            weights_N = np.ones(n_rows)
            weights_N[: self.n_labelled] = 1.0 if samples.weights_N is None else samples.weights_N
            weights_N[rows] = self.weight
        votes_NC = None
        if samples.votes_NC is not None or self.soft:
            n_classes = labels.proba_RC.shape[1]
            votes_NC = np.eye(n_classes)[target]
            if samples.votes_NC is not None:
                votes_NC[: self.n_labelled] = samples.votes_NC
            if self.soft:
                votes_NC[rows] = labels.proba_RC
        return target, weights_N, votes_NC

    def deciding(self) -> tuple[Any, ...]:
        """Return what decides the numbers of a run: the rows, and every label of every fold."""
        told = {
            str(name): (labels.places, labels.target, labels.proba_RC if self.soft else None)
            for name, labels in self.by_fold.items()
        }
        return (self.inputs, told, self.weight)
