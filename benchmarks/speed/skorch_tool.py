"""skorch's NeuralNetClassifier in a loop over the folds."""

import warnings

import numpy as np
import torch
from numpy.typing import NDArray
from skorch import NeuralNetClassifier

from benchmarks.speed.workloads import LR, Fold, cross_validate


def train_and_predict(fold: Fold) -> NDArray[np.int64]:
    net = NeuralNetClassifier(
        fold.prepared.model(),
        criterion=torch.nn.CrossEntropyLoss,
        optimizer=torch.optim.AdamW,
        lr=LR,
        max_epochs=fold.work.epochs,
        batch_size=fold.work.batch_size,
        iterator_train__shuffle=True,
        train_split=None,
        verbose=0,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net.fit(fold.inputs(fold.train), fold.labels[fold.train].numpy())
        predicted: NDArray[np.int64] = net.predict(fold.inputs(fold.held))
    return predicted


if __name__ == "__main__":
    cross_validate(train_and_predict)
