"""Small data and quick runs for the tests of the Python face."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

QUICK: dict[str, Any] = {
    "max_epochs": 1,
    "tracker": "none",
    "profile": "off",
    "audit": "off",
    "baseline": "off",
    "runtime": {"progress": "off"},
    "cv": {"n_splits": 2},
}
X = np.random.default_rng(0).normal(size=(40, 3))
Y = np.where(X[:, 0] > 0, "pos", "neg")


class Net(nn.Module):
    """A network whose argument has a name of its own."""

    def __init__(self, n_outputs: int, width: int = 4, channels: int = 0) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.LazyLinear(width) if channels else nn.Linear(3, width))
        self.head = nn.Linear(width, n_outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.layers(x).relu())


class Record:
    """What a Hugging Face model returns, as far as it matters."""

    def __init__(self, logits: Tensor) -> None:
        self.logits = logits


class Recorder(Net):
    def forward(self, x: Tensor) -> Any:
        return Record(super().forward(x))


def build(n_outputs: int) -> nn.Module:
    return Net(n_outputs)


class Points(torch.utils.data.Dataset[Any]):
    """Items that are drawn at random each time they are read."""

    def __init__(self, noise: float = 0.1, broken: int = -1) -> None:
        self.noise, self.broken = noise, broken

    def __len__(self) -> int:
        return len(X)

    def __getitem__(self, row: int) -> Any:
        if row == self.broken:
            raise OSError("no such picture")
        return torch.from_numpy(X[row]).float() + self.noise * torch.randn(3), str(Y[row])
