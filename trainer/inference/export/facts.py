"""What model.json says: how rows are read, what each fold was fitted with, what is decided, by which versions."""

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from trainer.data.columns.features import MISSING
from trainer.data.preprocess.table import FittedTable
from trainer.errors import ConfigError
from trainer.inference.export.steps.cells import MISSING as MISSING_CODE
from trainer.inference.export.steps.cells import UNSEEN
from trainer.inference.export.steps.csv_rows import WRITTEN
from trainer.inference.export.steps.graphs import PROBA
from trainer.inference.fold_model import FoldModel
from trainer.inference.needed_columns import known_features
from trainer.inference.predictor import Predictor
from trainer.models.mlp import MLP
from trainer.store.result_files import class_columns
from trainer.system.version import __version__

Facts = dict[str, Any]
FORMAT_VERSION = 1


def facts_of(predictor: Predictor) -> Facts:
    """Return everything that predicting needs beside the weights, as plain values.

    Raises:
        ConfigError: the model, or what it is given, cannot be exported; says which can.
    """
    run = predictor.run
    spec, reading = run.spec, run.spec.reading
    for fold in predictor.models:
        _require_exportable(fold)
    suffix = Path(str(run.config.data.get("path", ""))).suffix.lower()
    return {
        "version": FORMAT_VERSION,
        "kind": "table",
        "task": {
            "name": spec.task.name,
            "has_classes": spec.task.has_classes,
            "several_labels": spec.task.several_labels,
        },
        "classes": list(spec.classes),
        "label_delimiter": reading.get("label_delimiter") or "|",
        "outputs": class_columns("proba", spec.classes) if spec.task.has_classes else [],
        "id": reading.get("id"),
        "reading": {"suffix": suffix, **{name: reading.get(name) for name in WRITTEN}},
        **_columns(predictor),
        "decision": None if predictor.decision is None else predictor.decision.to_plain(),
        "versions": {"foldwise": __version__, **{name: version(name) for name in ("torch", "numpy")}},
    }


def _require_exportable(fold: FoldModel) -> None:
    if type(fold.model) is not MLP or not isinstance(fold.fitted, FittedTable):
        raise ConfigError(
            f"a {type(fold.model).__name__} on {type(fold.fitted).__name__} cannot be exported: only model=mlp on the "
            "columns of a table (data/preprocess=table)"
        )


def _columns(predictor: Predictor) -> Facts:
    """Return the columns of tables, and what each fold was fitted with."""
    known = known_features(predictor)
    words = {name: sorted(known.known.get(name, ())) for name in known.categorical}
    missing = predictor.run.spec.reading.get("missing", MISSING)
    return {
        "columns": {
            "numeric": list(known.numeric),
            "categories": words,
            "written": dict(known.written),
            "missing": list(missing),
        },
        "folds": [str(fold.name) for fold in predictor.models],
        "fitted": [_fitted(fold, words) for fold in predictor.models],
    }


def _fitted(fold: FoldModel, words: Mapping[str, list[str]]) -> Facts:
    fitted = fold.fitted
    codes = []
    for of_column, known in zip(words.values(), fitted.categories, strict=True):
        of_fold = {word: code for code, word in enumerate(known, start=2)}
        codes.append([UNSEEN, MISSING_CODE, *(of_fold.get(word, UNSEEN) for word in of_column)])
    return {
        "medians": fitted.medians_F.tolist(),
        "means": fitted.means_F.tolist(),
        "scales": fitted.scales_F.tolist(),
        "flagged": list(fitted.flagged),
        "codes": codes,
        "proba": proba_kind(fold),
        "scale": None if fold.scale is None else fold.scale.to_json(),
    }


def proba_kind(fold: FoldModel) -> str:
    """Return the key of ``PROBA`` by which the fold's loss makes probabilities of logits.

    Raises:
        ConfigError: it does so in another way.
    """
    n = fold.loss.n_outputs
    logits = torch.linspace(-2.0, 1.0, 4 * n).reshape(4, n)
    logits = logits.log_softmax(dim=1) if n > 1 else logits  # as a model that ends so gives them: the same by softmax
    with torch.inference_mode():
        wanted = fold.loss.to_proba(logits.to(next(fold.model.parameters()).device)).cpu()
    for kind, to_proba in PROBA.items():
        found = to_proba(logits)
        if found.shape == wanted.shape and torch.allclose(found, wanted, rtol=0, atol=1e-6):
            return kind
    raise ConfigError(
        f"the loss {type(fold.loss).__name__} makes probabilities in a way of its own, which cannot be exported"
    )
