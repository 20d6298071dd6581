"""Predictions as JSON has them: labels in the user's words, probabilities by class."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.data.samples import DataSpec
from trainer.inference.output import labels_of
from trainer.inference.serving.served import Block

Answer = dict[str, Any]


def answers_of(block: Block, ids: Sequence[Any], spec: DataSpec, voices: Sequence[str] | None) -> list[Answer]:
    """Return the answer of each row of a block.

    Args:
        block: what is said of the rows.
        ids: what each is called.
        spec: of the run.
        voices: whose opinions are told too; None = nobody's.
    """
    said = _of_classes(block, spec) if spec.task.has_classes else _of_numbers(block)
    answers = [{"id": name, **one} for name, one in zip(ids, said, strict=True)]
    if voices is not None:
        for place, voice in enumerate(voices):
            for answer, opinion in zip(answers, _opinions(block.proba_VBC[place], spec), strict=True):
                answer.setdefault("folds", {})[voice] = opinion
    return answers


def _of_classes(block: Block, spec: DataSpec) -> list[Answer]:
    found, classes = block.found, spec.classes
    assert found.entropy_B is not None
    labels = _label(spec)
    answers = [
        {
            "prediction": labels(label),
            "probabilities": dict(zip(classes, proba, strict=True)),
            "spread": spread,
            "entropy": uncertain,
        }
        for label, proba, spread, uncertain in zip(
            labels_of(found, spec),
            _short(found.proba_BC),
            _short(found.spread_B),
            _short(found.entropy_B),
            strict=True,
        )
    ]
    if found.cover is not None:
        for answer, holds in zip(answers, found.cover, strict=True):
            answer["set"] = [classes[place] for place in np.flatnonzero(holds)]
    return answers


def _of_numbers(block: Block) -> list[Answer]:
    found = block.found
    values, spreads = found.proba_BC[:, 0].tolist(), found.spread_B.tolist()
    answers = [{"prediction": value, "spread": float(spread)} for value, spread in zip(values, spreads, strict=True)]
    if found.cover is not None:
        for answer, (low, high) in zip(answers, found.cover.tolist(), strict=True):
            answer["interval"] = [low, high]
    return answers


def _opinions(proba_BC: NDArray[Any], spec: DataSpec) -> list[Any]:
    """Return what one voice says of each row: probabilities by class, or a number."""
    if not spec.task.has_classes:
        numbers: list[float] = proba_BC[:, 0].astype(np.float64).tolist()
        return numbers
    return [dict(zip(spec.classes, row, strict=True)) for row in _short(spec.task.as_float64(proba_BC))]


def _label(spec: DataSpec) -> Callable[[Any], str | list[str]]:
    classes = spec.classes
    if spec.task.several_labels:
        return lambda holds_C: [classes[place] for place in np.flatnonzero(holds_C)]
    return lambda place: classes[int(place)]


def _short(values: NDArray[Any]) -> Any:
    """Return numbers as the predictions that are written to files have them, float32, by their fewest digits."""
    return np.asarray(values, dtype=np.float32).astype(np.str_).astype(np.float64).tolist()
