"""What model.json says: how rows are read, what each fold was fitted with, what is decided, by which versions."""

import inspect
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from trainer.errors import ConfigError
from trainer.inference.export.kinds import fitted_facts, kind_of
from trainer.inference.export.of_run import DONE_SHA256, folds_done
from trainer.inference.export.steps.csv_rows import WRITTEN
from trainer.inference.export.steps.graphs import PROBA
from trainer.inference.export.wanted import SOUP
from trainer.inference.fold_model import FoldModel
from trainer.inference.predictor import Predictor
from trainer.store.result_files import class_columns
from trainer.system.version import __version__

Facts = dict[str, Any]
FORMAT_VERSION = 1


def facts_of(predictor: Predictor, form: str) -> Facts:
    """Return everything that predicting needs beside the weights, as plain values.

    Args:
        predictor: of the run.
        form: of the export.

    Raises:
        ConfigError: the model, or what it is given, cannot be exported so; says what can.
    """
    run = predictor.run
    spec, reading = run.spec, run.spec.reading
    kind = kind_of(predictor, form)
    of_kind, fitted = fitted_facts(kind, predictor)
    suffix = Path(str(run.config.data.get("path", ""))).suffix.lower()
    return {
        "version": FORMAT_VERSION,
        "format": form,
        "kind": kind,
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
        **of_kind,
        "folds": [str(fold.name) for fold in predictor.models],
        DONE_SHA256: folds_done(run.directory, _names(predictor)),
        "fitted": [{**of_fold, **_of_fold(fold)} for of_fold, fold in zip(fitted, predictor.models, strict=True)],
        "decision": None if predictor.decision is None else predictor.decision.to_plain(),
        "versions": versions(),
    }


def versions() -> dict[str, str]:
    """Return what the model was made with."""
    return {"foldwise": __version__, **{name: version(name) for name in ("torch", "numpy")}}


def _names(predictor: Predictor) -> Sequence[int | str]:
    """Return the folds that were read; a mean of weights is of all."""
    names = [fold.name for fold in predictor.models]
    return range(predictor.run.plan.n_folds) if names == [SOUP] else names


def _of_fold(fold: FoldModel) -> Facts:
    return {
        "model": {"class": type(fold.model).__name__, "arguments": model_arguments(fold)},
        "proba": proba_kind(fold),
        "scale": None if fold.scale is None else fold.scale.to_json(),
    }


def model_arguments(fold: FoldModel) -> Facts:
    """Return what the class of a fold's model was called with."""
    section = {name: value for name, value in fold.recipe.sections["model"].items() if name != "_target_"}
    sizes = {"n_outputs": fold.loss.n_outputs, **fold.fitted.model_arguments}
    taken = inspect.signature(type(fold.model)).parameters
    return {**{name: value for name, value in sizes.items() if name in taken}, **section}


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
