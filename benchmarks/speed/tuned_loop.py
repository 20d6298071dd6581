"""The loop an expert writes: one gather per batch, rows of like length together, padding cut off, a fused optimizer."""

import sys
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from benchmarks.speed.workloads import LR, SEED, WORKLOADS, Prepared, folds, load, prepare, say

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


def main(name: str, folder: Path) -> None:
    work = WORKLOADS[name]
    raw, target = load(name, folder)
    labels = torch.from_numpy(target)
    accuracies = []
    for train, held in folds(target):
        torch.manual_seed(SEED)
        random = np.random.default_rng(SEED)
        prepared = prepare(name, raw, train, folder)
        model = prepared.model()
        optimizer = torch.optim.AdamW(model.parameters(), lr=LR, fused=True)
        model.train()
        for _ in range(work.epochs):
            for rows in batches(prepared, torch.from_numpy(train), work.batch_size, random):
                optimizer.zero_grad(set_to_none=True)
                F.cross_entropy(model(**take(prepared, rows)), labels[rows]).backward()
                optimizer.step()
        model.eval()
        order = held if prepared.lengths_N is None else held[np.argsort(prepared.lengths_N[held])]
        rows_V = torch.from_numpy(order)
        with torch.inference_mode():
            parts = [model(**take(prepared, rows)) for rows in rows_V.split(EVALUATION_BATCHES * work.batch_size)]
        accuracies.append(float((torch.cat(parts).argmax(1) == labels[rows_V]).float().mean()))
    say(float(np.mean(accuracies)))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
