"""A plugin whose rows are read when needed, and which kills, raises or hangs where it is told to.

    PYTHONPATH=tests/faults python train.py plugins=[streamed_plugin] data._target_=streamed_plugin.load \
        'data.preprocess={_target_:streamed_plugin.Preprocess}' num_workers=2

``FOLDWISE_TEST_FAULT=kill:17`` (also ``raise``, ``hang``, ``stop``) strikes when row 17, counted from 0, is read for
training; ``kill:17:3`` strikes at the third such reading, counted in the file ``FOLDWISE_TEST_FAULT_COUNT``. The main
process is never killed, stopped or hung, so ``num_workers=0`` runs through all but ``raise``.
"""

import multiprocessing
import os
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.data.loading.streamed import StreamedRows
from trainer.data.samples import DataSpec, Samples, TableColumns
from trainer.tasks import MULTICLASS

N_FEATURES = 6


def load(name: str = "clouds", n_rows: int = 120, seed: int = 0) -> tuple[Samples, DataSpec]:
    """Return three overlapping clouds of points; ``name`` is what data=digits leaves in the section."""
    random = np.random.default_rng(seed)
    target = np.arange(n_rows) % 3
    points = random.normal(size=(n_rows, N_FEATURES)) + target[:, None]
    columns = TableColumns(
        points, np.empty((n_rows, 0), dtype=object), tuple(f"x{place}" for place in range(N_FEATURES))
    )
    samples = Samples(np.array([f"id{row:04d}" for row in range(n_rows)]), columns, target.astype(np.int64))
    return samples, DataSpec(name, MULTICLASS, ("a", "b", "c"))


class Preprocess:
    """Standardises by the training rows, when a row is read.

    Args:
        standardize: whether to; data=digits leaves it in the section.
        noise: standard deviation of what augmentation adds.
        read_seconds: how long reading a row takes.
    """

    def __init__(self, standardize: bool = True, noise: float = 0.1, read_seconds: float = 0.0) -> None:
        self.standardize = standardize
        self.noise, self.read_seconds = noise, read_seconds

    def fit(self, inputs: TableColumns, train_rows: NDArray[np.int64]) -> "Fitted":
        train = inputs.numeric_NF[train_rows]
        means_F, scales_F = train.mean(axis=0), train.std(axis=0)
        if not self.standardize:
            means_F, scales_F = np.zeros(N_FEATURES), np.ones(N_FEATURES)
        return Fitted(means_F, scales_F, self.noise, self.read_seconds)


@dataclass(frozen=True)
class Fitted:
    means_F: NDArray[np.float64]
    scales_F: NDArray[np.float64]
    noise: float
    read_seconds: float
    notes: tuple[str, ...] = ()
    model_arguments: dict[str, Any] = field(default_factory=lambda: {"n_features": N_FEATURES, "cardinalities": ()})

    def transform(self, inputs: TableColumns) -> StreamedRows:
        return StreamedRows(Points((inputs.numeric_NF - self.means_F) / self.scales_F, self.noise, self.read_seconds))

    def to_json(self) -> dict[str, Any]:
        return {"means": self.means_F.tolist(), "scales": self.scales_F.tolist()}


class Points:
    """A data set that reads one point at a time."""

    def __init__(self, points_NF: NDArray[np.float64], noise: float, read_seconds: float) -> None:
        self.points_NF, self.noise, self.read_seconds = points_NF, noise, read_seconds
        self.ids = [f"id{row:04d}" for row in range(len(points_NF))]

    def __len__(self) -> int:
        return len(self.points_NF)

    def read(self, row: int, random: np.random.Generator | None) -> dict[str, NDArray[np.float32]]:
        time.sleep(self.read_seconds)
        point = self.points_NF[row]
        if random is not None:
            strike(row)
            point = point + random.normal(scale=self.noise, size=point.shape)
        return {"numeric": point.astype(np.float32)}


def strike(row: int) -> None:
    """Do what ``FOLDWISE_TEST_FAULT`` says, if it is this row's turn."""
    kind, at, *reading = os.environ.get("FOLDWISE_TEST_FAULT", "none:-1").split(":")
    if row != int(at) or (reading and _readings() != int(reading[0])):
        return
    if kind == "raise":
        raise OSError("image file is truncated")
    if multiprocessing.parent_process() is None:
        return
    if kind == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if kind == "stop":
        os.kill(os.getpid(), signal.SIGSTOP)
    if kind == "hang":
        time.sleep(3600)


def _readings() -> int:
    with Path(os.environ["FOLDWISE_TEST_FAULT_COUNT"]).open("ab") as counted:
        counted.write(b".")
        return counted.tell()
