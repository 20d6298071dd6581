"""The loop most people write first: TensorDataset, DataLoader, everything padded to the longest row."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.speed.workloads import LR, Fold, cross_validate


def train_and_predict(fold: Fold) -> NDArray[np.int64]:
    names, size = list(fold.prepared.inputs), fold.work.batch_size
    model = fold.prepared.model()
    optimizer = torch.optim.AdamW(model.parameters(), lr=LR)
    rows = TensorDataset(*fold.inputs(fold.train).values(), fold.labels[fold.train])
    loader = DataLoader(rows, batch_size=size, shuffle=True)
    for _ in range(fold.work.epochs):
        model.train()
        for *inputs, y in loader:
            optimizer.zero_grad()
            F.cross_entropy(model(**dict(zip(names, inputs, strict=True))), y).backward()
            optimizer.step()
    model.eval()
    held = DataLoader(TensorDataset(*fold.inputs(fold.held).values()), batch_size=size)
    with torch.no_grad():
        logits = torch.cat([model(**dict(zip(names, inputs, strict=True))) for inputs in held])
    return logits.argmax(1).numpy()


if __name__ == "__main__":
    cross_validate(train_and_predict)
