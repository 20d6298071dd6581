"""The loop most people write first: TensorDataset, DataLoader, everything padded to the longest row."""

import sys
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.speed.workloads import LR, SEED, WORKLOADS, folds, load, prepare, say


def main(name: str, folder: Path) -> None:
    work = WORKLOADS[name]
    raw, target = load(name, folder)
    accuracies = []
    for train, held in folds(target):
        torch.manual_seed(SEED)
        prepared = prepare(name, raw, train, folder)
        names, tensors = list(prepared.inputs), list(prepared.inputs.values())
        labels = torch.from_numpy(target)
        model = prepared.model()
        optimizer = torch.optim.AdamW(model.parameters(), lr=LR)
        rows = TensorDataset(*(tensor[train] for tensor in tensors), labels[train])
        loader = DataLoader(rows, batch_size=work.batch_size, shuffle=True)
        for _ in range(work.epochs):
            model.train()
            for *inputs, y in loader:
                optimizer.zero_grad()
                F.cross_entropy(model(**dict(zip(names, inputs, strict=True))), y).backward()
                optimizer.step()
        model.eval()
        held_rows = DataLoader(TensorDataset(*(tensor[held] for tensor in tensors)), batch_size=work.batch_size)
        with torch.no_grad():
            logits = torch.cat([model(**dict(zip(names, inputs, strict=True))) for inputs in held_rows])
        accuracies.append(float((logits.argmax(1) == labels[held]).float().mean()))
    say(float(np.mean(accuracies)))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
