"""What a run is compared with, on one fold: a linear probe, and boosted trees; fitted on its training rows alone."""

import time
import warnings
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.audit.probes import linear_parts, ngram_counts, probe_inputs
from trainer.data.samples import DataSpec, Inputs, Samples, SparseColumns, TableColumns, Texts
from trainer.errors import ConfigError
from trainer.system.late_imports import BY_SKLEARN, imported_later
from trainer.tasks import Target

LINEAR, BOOSTING = "linear", "boosting"
ITERATIONS = 100  # of boosting, scikit-learn's own default
MOST_CATEGORIES = 254  # of a column; boosting keeps a bin for words it has not seen
EARLY_STOPPING_ROWS = 10_000  # from which on scikit-learn stops boosting early by itself
PairOfParts = tuple[Any, Any]


@dataclass(frozen=True)
class Rows:
    """All rows as a baseline sees them.

    Attributes:
        inputs: as ``trainer.audit.probes.probe_inputs`` returns them.
        source: as the source returned them.
        target: of all rows.
        weights_N: of all rows, or None.
        spec: what the targets mean.
    """

    inputs: Any
    source: TableColumns | SparseColumns | Texts
    target: Target
    weights_N: NDArray[np.float64] | None
    spec: DataSpec

    @cached_property
    def counted(self) -> Any:
        """What ``[rows]`` gives a baseline: the inputs, of texts the n-grams that are counted once for all folds."""
        return ngram_counts(self.inputs) if isinstance(self.source, Texts) else self.inputs

    def some(self, rows_M: NDArray[np.int64]) -> "Rows":
        """Return some of the rows, counted by themselves."""
        weights = None if self.weights_N is None else self.weights_N[rows_M]
        return replace(self, inputs=self.inputs[rows_M], target=self.target[rows_M], weights_N=weights)


def fitting(inputs: Inputs) -> tuple[str, ...]:
    """Return which baselines there are for such inputs."""
    if isinstance(inputs, TableColumns):
        return (LINEAR, BOOSTING) if inputs.scratch is None else ()
    return (LINEAR,) if isinstance(inputs, SparseColumns | Texts) else ()


def require_fitting(wanted: str, inputs: Inputs) -> None:
    """Refuse a baseline that is asked for by name and does not exist for such inputs.

    Raises:
        ConfigError: naming what does.
    """
    if wanted in ("auto", "off", *fitting(inputs)):
        return
    have = fitting(inputs)
    what = "tables" if wanted == BOOSTING else "tables and texts"
    instead = " or ".join(f"baseline={name}" for name in (*have, "off"))
    raise ConfigError(f"baseline={wanted} is for {what}, and these inputs are {_kind(inputs)}: use {instead}")


def _kind(inputs: Inputs) -> str:
    if isinstance(inputs, SparseColumns):
        return "sparse"
    if isinstance(inputs, TableColumns):
        return "on the disk (data.in_memory=false)"
    return "texts" if isinstance(inputs, Texts) else "neither"


def rows_of(samples: Samples, spec: DataSpec) -> Rows:
    """Return the rows of a table or of texts as a baseline sees them."""
    assert isinstance(samples.inputs, TableColumns | SparseColumns | Texts)
    return Rows(probe_inputs(samples.inputs), samples.inputs, samples.target, samples.weights_N, spec)


def named(name: str, spec: DataSpec, inputs: Inputs) -> str:
    """Return what a baseline is, in words."""
    if name == BOOSTING:
        return "gradient-boosted trees (scikit-learn's HistGradientBoosting)"
    model = "logistic regression" if spec.task.has_classes else "ridge regression"
    return model if isinstance(inputs, TableColumns | SparseColumns) else f"{model} on character n-grams (tf-idf)"


def predict_fold(
    name: str, rows: Rows, train: NDArray[np.int64], held_out: NDArray[np.int64], *, iterations: int = ITERATIONS
) -> tuple[NDArray[np.float64], float]:
    """Fit a baseline on the training rows, its preprocessing included, and predict the held-out ones.

    Args:
        name: of the baseline.
        rows: all rows.
        train: row numbers.
        held_out: row numbers.
        iterations: of boosting.

    Returns:
        Probabilities (V, n_classes), multi-label (V, L), of numbers the predictions (V, 1); and the seconds it took.
    """
    transform, model = _boosting_parts(rows, train, iterations) if name == BOOSTING else _linear_parts(rows)
    started = time.perf_counter()  # scikit-learn is imported by now
    with warnings.catch_warnings():  # a baseline need not converge
        warnings.simplefilter("ignore")
        features_train = transform.fit_transform(rows.counted[train])
        features_held = transform.transform(rows.counted[held_out])
        proba = _predicted(model, rows, features_train, train, features_held)
    return proba, time.perf_counter() - started


def _predicted(
    model: Any, rows: Rows, features_train: Any, train: NDArray[np.int64], features_held: Any
) -> NDArray[np.float64]:
    task, target, n_held = rows.spec.task, rows.target[train], features_held.shape[0]
    weights = {} if rows.weights_N is None else {"sample_weight": rows.weights_N[train]}
    if not task.has_classes:
        predicted = model.fit(features_train, target, **weights).predict(features_held)
        return np.asarray(predicted, dtype=np.float64).reshape(-1, 1)
    if task.several_labels:
        columns = [_of_classes(model, features_train, label_N, features_held, weights, 2) for label_N in target.T]
        return np.stack([column[:, 1] for column in columns], axis=1) if columns else np.zeros((n_held, 0))
    return _of_classes(model, features_train, target, features_held, weights, len(rows.spec.classes))


def _of_classes(
    model: Any, features_train: Any, target: Target, features_held: Any, weights: dict[str, Any], n_classes: int
) -> NDArray[np.float64]:
    """Return (V, n_classes); classes that are not trained on get 0, and a single one all."""
    from sklearn.base import clone

    proba = np.zeros((features_held.shape[0], n_classes))
    known = np.unique(target)
    if len(known) == 1:
        proba[:, known[0]] = 1
        return proba
    fitted = clone(model).fit(features_train, target, **weights)
    proba[:, fitted.classes_] = fitted.predict_proba(features_held)
    return proba


def _linear_parts(rows: Rows) -> PairOfParts:
    with imported_later(BY_SKLEARN):  # splines, which the modules of linear models import for a few others
        return linear_parts(rows.source, rows.spec)


def _boosting_parts(rows: Rows, train: NDArray[np.int64], iterations: int) -> PairOfParts:
    with imported_later(BY_SKLEARN):
        from sklearn.compose import ColumnTransformer
        from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
        from sklearn.preprocessing import OrdinalEncoder

    assert isinstance(rows.source, TableColumns)
    n_numeric, n_words = len(rows.source.numeric), len(rows.source.categorical)
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan, max_categories=MOST_CATEGORIES)
    empty_F = np.isnan(rows.inputs[train][:, :n_numeric]).all(axis=0)  # scikit-learn 1.9 cannot bin such a column
    present = np.flatnonzero(~empty_F).tolist()
    parts = [("numeric", "passthrough", present)] if present else []
    parts += [("words", encoder, list(range(n_numeric, n_numeric + n_words)))] if n_words else []
    task = rows.spec.task
    kind = HistGradientBoostingClassifier if task.has_classes else HistGradientBoostingRegressor
    counts = task.class_counts(rows.target[train], len(rows.spec.classes))
    enough = not task.has_classes or counts[counts > 0].min(initial=len(train)) >= 10  # its own slice is stratified
    settings: dict[str, Any] = {"max_iter": iterations, "random_state": 0}
    settings["early_stopping"] = enough and len(train) > EARLY_STOPPING_ROWS
    categorical = np.arange(len(present) + n_words) >= len(present) if n_words else None
    return ColumnTransformer(parts), kind(categorical_features=categorical, **settings)
