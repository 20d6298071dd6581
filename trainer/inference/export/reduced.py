"""A graph in less memory: weights of matrix products in 8 bits, or all in half precision; what it costs is measured."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.errors import ConfigError
from trainer.inference.export.steps.onnx_model import FILE
from trainer.inference.export.wanted import HALF, INT8
from trainer.inference.predictor import Predictor
from trainer.metrics.scores import score
from trainer.report.formatting import metric_label, number
from trainer.tasks import Target

NAMES = {HALF: "in half precision", INT8: "with weights in 8 bits"}


@dataclass(frozen=True)
class Cost:
    """What less memory costs, on rows of the run.

    Attributes:
        how: ``half`` or ``int8``.
        largest: difference from the graph in float32, in the unit of the predictions.
        n_other: rows with another likeliest class, or other labels.
        before: score in float32, by metric.
        after: of the smaller graph.
        n_held_out: rows that were scored by the fold that held them out; 0 = all of them by the mean.
        share: size of the file, of what it was.
    """

    how: str
    largest: float
    n_other: int
    before: dict[str, float]
    after: dict[str, float]
    n_held_out: int
    share: float

    @property
    def line(self) -> str:
        """What was measured, in words."""
        metric = next(iter(self.before))
        rows = f"{self.n_held_out} held-out rows" if self.n_held_out else "rows that it was trained on"
        scores = f"{metric_label(metric)} {number(self.after[metric])} in place of {number(self.before[metric])}"
        return (
            f"{NAMES[self.how]} (a file of {self.share:.0%}): {scores} on {rows}, {self.n_other} of the compared rows "
            f"decided otherwise, {self.largest:.2g} apart at most"
        )


def reduce_graph(folder: Path, how: str) -> float:
    """Replace the graph by a smaller one; return its size, as a share of what it was.

    Raises:
        ConfigError: onnxruntime cannot.
    """
    path, smaller = folder / FILE, folder / f"{FILE}.tmp"
    before = path.stat().st_size
    try:
        with _silence():
            (_to_half if how == HALF else _to_int8)(path, smaller)
    except Exception as error:  # of onnxruntime, which raises many
        raise ConfigError(f"--{how}: onnxruntime cannot do this to the graph: {type(error).__name__}") from error
    smaller.replace(path)
    return path.stat().st_size / before


def _to_int8(path: Path, smaller: Path) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(path, smaller, weight_type=QuantType.QInt8)


def _to_half(path: Path, smaller: Path) -> None:
    import onnx
    from onnxruntime.transformers.float16 import convert_float_to_float16

    onnx.save(convert_float_to_float16(onnx.load(path), keep_io_types=True), smaller)


@contextmanager
def _silence() -> Iterator[None]:
    """Keep onnxruntime from printing tensors, advice and warnings."""
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)
    try:
        with redirect_stdout(StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        root.setLevel(level)


def cost_of(
    predictor: Predictor,
    rows: NDArray[np.int64],
    target: Target,
    said_KBC: tuple[NDArray[np.float64], NDArray[np.float64]],
    *,
    how: str,
    share: float,
) -> Cost:
    """Return what the smaller graph loses.

    Args:
        predictor: of the run.
        rows: numbers of the B rows.
        target: of them.
        said_KBC: before and after.
        how: it was made smaller.
        share: size of its file.
    """
    task = predictor.run.spec.task
    before_KBC, after_KBC = said_KBC
    decided = [task.predicted(said.mean(axis=0)) for said in said_KBC]
    other = decided[0] != decided[1] if task.has_classes else np.zeros(len(rows), dtype=bool)
    held = _held_out(predictor, rows)
    before, after = (_scores(predictor, said, held, target) for said in said_KBC)
    return Cost(
        how,
        float(np.abs(after_KBC - before_KBC).max()),
        int(other.reshape(len(rows), -1).any(axis=1).sum()),
        before,
        after,
        sum(len(places) for places in held),
        share,
    )


def _held_out(predictor: Predictor, rows: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Return which of the rows (their places) each fold held out."""
    plan, found = predictor.run.plan, []
    for fold in predictor.models:
        if not isinstance(fold.name, str):
            valid = plan.rows(*divmod(int(fold.name), plan.n_splits))[1]
            found.append(np.flatnonzero(np.isin(rows, valid)))
    return found


def _scores(
    predictor: Predictor, said_KBC: NDArray[np.float64], held: list[NDArray[np.int64]], target: Target
) -> dict[str, float]:
    run = predictor.run
    metrics = run.recipe.settings.metrics
    if not sum(len(places) for places in held):
        return score(metrics, run.spec.task, target, said_KBC.mean(axis=0))
    proba: Any = np.concatenate([said_BC[places] for said_BC, places in zip(said_KBC, held, strict=True)])
    return score(metrics, run.spec.task, target[np.concatenate(held)], proba)
