"""The loop an expert writes: one gather per batch, rows of like length together, padding cut off, a fused optimizer."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from benchmarks.speed.workloads import LR, SEED, Fold, Prepared, cross_validate

STRETCH = 50  # batches within which rows are sorted by length
EVALUATION_BATCHES = 4


def take(prepared: Prepared, rows: Tensor) -> dict[str, Tensor]:
    if prepared.lengths_N is None:
        return {name: tensor[rows] for name, tensor in prepared.inputs.items()}
    longest = max(5, int(prepared.lengths_N[rows.numpy()].max()))
    return {name: tensor[rows, :longest] for name, tensor in prepared.inputs.items()}


def batches(prepared: Prepared, rows: Tensor, size: int, random: np.random.Generator) -> list[Tensor]:
    order = rows[torch.from_numpy(random.permutation(len(rows)))]
    if prepared.lengths_N is None:
        return list(order.split(size))
    parts = [part[np.argsort(prepared.lengths_N[part.numpy()])] for part in order.split(size * STRETCH)]
    found = [batch for part in parts for batch in part.split(size)]
    return [found[place] for place in random.permutation(len(found))]


def train_and_predict(fold: Fold) -> NDArray[np.int64]:
    random, prepared, size = np.random.default_rng(SEED), fold.prepared, fold.work.batch_size
    model = prepared.model()
    optimizer = torch.optim.AdamW(model.parameters(), lr=LR, fused=True)
    model.train()
    for _ in range(fold.work.epochs):
        for rows in batches(prepared, torch.from_numpy(fold.train), size, random):
            optimizer.zero_grad(set_to_none=True)
            F.cross_entropy(model(**take(prepared, rows)), fold.labels[rows]).backward()
            optimizer.step()
    model.eval()
    lengths_N = prepared.lengths_N
    order = np.arange(len(fold.held)) if lengths_N is None else np.argsort(lengths_N[fold.held])
    with torch.inference_mode():
        parts = torch.from_numpy(fold.held[order]).split(EVALUATION_BATCHES * size)
        logits = torch.cat([model(**take(prepared, rows)) for rows in parts])
    return logits.argmax(1).numpy()[np.argsort(order)]


if __name__ == "__main__":
    cross_validate(train_and_predict)
