"""skorch's NeuralNetClassifier in a loop over the folds."""

import sys
import warnings
from pathlib import Path

import numpy as np
import torch

from benchmarks.speed.workloads import LR, SEED, WORKLOADS, folds, load, prepare, say


def main(name: str, folder: Path) -> None:
    from skorch import NeuralNetClassifier

    work = WORKLOADS[name]
    raw, target = load(name, folder)
    accuracies = []
    for train, held in folds(target):
        torch.manual_seed(SEED)
        prepared = prepare(name, raw, train, folder)
        net = NeuralNetClassifier(
            prepared.model(),
            criterion=torch.nn.CrossEntropyLoss,
            optimizer=torch.optim.AdamW,
            lr=LR,
            max_epochs=work.epochs,
            batch_size=work.batch_size,
            iterator_train__shuffle=True,
            train_split=None,
            verbose=0,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            net.fit({key: value[train] for key, value in prepared.inputs.items()}, target[train])
            predicted = net.predict({key: value[held] for key, value in prepared.inputs.items()})
        accuracies.append(float((predicted == target[held]).mean()))
    say(float(np.mean(accuracies)))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
