"""A split in figures: what each fold holds out, and in what its rows differ from those it trains on."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.audit.word_drift import word_drifts
from trainer.data.samples import DataSpec, Samples, TableColumns, Texts
from trainer.folds.plan import FoldPlan
from trainer.folds.report import split_report


def describe_split(plan: FoldPlan, samples: Samples, spec: DataSpec) -> dict[str, Any]:
    """Return ``split_report`` of a data set: its numeric columns, or the length of its texts, as features.

    Each fold has ``words`` besides: see ``word_drifts``.
    """
    report = split_report(plan, samples.target, spec.classes, samples.groups_N, features_of(samples))
    for part, words in zip(report["folds"], word_drifts(plan, samples), strict=True):
        part["words"] = words
    return report


def features_of(samples: Samples) -> dict[str, NDArray[np.float64]]:
    """Return what drift is looked for in: numeric columns, or the number of characters of each text."""
    inputs: object = samples.inputs
    if isinstance(inputs, TableColumns):
        return dict(zip(inputs.numeric, inputs.numeric_NF.T, strict=True))
    if isinstance(inputs, Texts):
        return {"text length": np.array([len(text) for text in inputs.texts], dtype=np.float64)}
    return {}
