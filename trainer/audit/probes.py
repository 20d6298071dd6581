"""Quick scikit-learn models: linear and nearest neighbour, fitted again on the training rows of each fold."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from trainer.audit.duplicate_rows import NumberedTable, text_keys
from trainer.audit.image_hashes import SIDE, look_at
from trainer.audit.split import Side
from trainer.data.samples import DataSpec, Images, Inputs, Samples, SparseColumns, TableColumns, Texts
from trainer.system.late_imports import BY_SKLEARN, imported_later
from trainer.tasks import Target, of_target

Score = Callable[[Target, Target], float]
NGRAMS: dict[str, Any] = {"analyzer": "char", "ngram_range": (1, 2), "lowercase": False}


@dataclass(frozen=True)
class Probe:
    """A model that is fitted in seconds.

    Attributes:
        name: shown in messages.
        make: returns it unfitted.
    """

    name: str
    make: Callable[[], Any]


def probes(samples: Samples, spec: DataSpec) -> list[Probe]:
    """Return a linear model (texts: on character n-grams), and for tables and images the nearest neighbour."""
    linear = "logistic regression" if spec.task.has_classes else "ridge regression"
    if isinstance(samples.inputs, Images):
        pixels = f"on {SIDE} x {SIDE} grey pixels"
        return [
            Probe(f"{linear} {pixels}", lambda: _image_model(_linear(spec))),
            Probe(f"nearest neighbour {pixels}", lambda: _nearest(spec)),
        ]
    if isinstance(samples.inputs, TableColumns):
        table = samples.inputs
        return [
            Probe(linear, lambda: _table_model(table, _linear(spec))),
            Probe("nearest neighbour", lambda: _table_model(table, _nearest(spec))),
        ]
    if isinstance(samples.inputs, SparseColumns):
        return [Probe(linear, lambda: _sparse_model(spec))]
    return [Probe(f"{linear} on character n-grams", lambda: _text_model(_fast_linear(spec)))]


def probe_predictions(samples: Samples, probe: Probe, sides: Sequence[Side]) -> Target:
    """Return each held-out row's label (or labels) as predicted by the model of its fold, in the shape of the target.

    Rows that are never held out are -1.
    """
    inputs = probe_inputs(samples.inputs)
    predicted = np.full(samples.target.shape, -1, dtype=samples.target.dtype)
    for side in sides:
        target = samples.target[side.train_N]
        if not of_target(target).several_labels and len(np.unique(target)) == 1:
            predicted[side.held_N] = target[0]
            continue
        with warnings.catch_warnings():  # a probe need not converge, nor know every label
            warnings.simplefilter("ignore")
            model = probe.make().fit(inputs[side.train_N], target)
            predicted[side.held_N] = model.predict(inputs[side.held_N])
    return predicted


def probe_inputs(inputs: Inputs) -> Any:
    """Return one row of numbers or one text per row: what ``[rows]`` gives the models."""
    if isinstance(inputs, SparseColumns):
        return inputs.matrix()
    if isinstance(inputs, TableColumns):
        return NumberedTable(inputs)
    if isinstance(inputs, Images):
        return look_at(inputs).grey_USS.reshape(len(inputs.names), -1) / np.float32(255)
    assert isinstance(inputs, Texts)  # measure() looks at nothing else
    return np.array(text_keys(inputs), dtype=object)


def metric(spec: DataSpec) -> tuple[str, Score]:
    """Return the score's name, and the function of true and predicted labels."""
    from sklearn.metrics import accuracy_score, f1_score, r2_score

    if not spec.task.has_classes:
        return "R²", lambda true, predicted: float(r2_score(true, predicted)) if len(true) > 1 else 0.0
    if spec.task.several_labels:
        return "F1 (micro)", lambda true, predicted: float(
            f1_score(true, predicted, average="micro", zero_division=0.0)
        )
    return "accuracy", lambda true, predicted: float(accuracy_score(true, predicted))


def linear_parts(inputs: TableColumns | SparseColumns | Texts, spec: DataSpec) -> tuple[Any, Any]:
    """Return the linear probe of a table or of texts in its two parts, unfitted.

    Returns:
        What makes features of ``probe_inputs``, of texts of their ``ngram_counts``, and the model of one target (of
        several labels, of one of them).
    """
    if isinstance(inputs, TableColumns):
        return _table_features(inputs), _one_linear(spec)
    if isinstance(inputs, SparseColumns):
        return _sparse_features(), _one_fast_linear(spec)
    return WeightedNgrams(), _one_fast_linear(spec)


def _linear(spec: DataSpec) -> Any:
    return _of_labels(_one_linear(spec), spec)


def _fast_linear(spec: DataSpec) -> Any:
    return _of_labels(_one_fast_linear(spec), spec)


def _of_labels(model: Any, spec: DataSpec) -> Any:
    from sklearn.multiclass import OneVsRestClassifier

    return OneVsRestClassifier(model) if spec.task.several_labels else model


def _one_linear(spec: DataSpec) -> Any:
    from sklearn.linear_model import LogisticRegression, Ridge

    return LogisticRegression(max_iter=500) if spec.task.has_classes else Ridge()


def _one_fast_linear(spec: DataSpec) -> Any:
    """Logistic regression by stochastic gradient descent: the exact solver is slow on n-grams and sparse columns."""
    from sklearn.linear_model import Ridge, SGDClassifier

    return SGDClassifier(loss="log_loss", alpha=1e-5, random_state=0) if spec.task.has_classes else Ridge()


def _nearest(spec: DataSpec) -> Any:
    from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

    return (KNeighborsClassifier if spec.task.has_classes else KNeighborsRegressor)(n_neighbors=1)


def _image_model(model: Any) -> Any:
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), model)


def _text_model(model: Any) -> Any:
    from sklearn.pipeline import make_pipeline

    return make_pipeline(_ngrams(), model)


def _sparse_model(spec: DataSpec) -> Any:
    from sklearn.pipeline import make_pipeline

    return make_pipeline(_sparse_features(), _fast_linear(spec))


def _sparse_features() -> Any:
    from sklearn.preprocessing import MaxAbsScaler

    return MaxAbsScaler()


def _ngrams() -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer(**NGRAMS, sublinear_tf=True)


def ngram_counts(texts: Sequence[str]) -> Any:
    """Return how often each text has each n-gram of any of them (N, V), sparse; counted once for all folds."""
    from sklearn.feature_extraction.text import CountVectorizer

    return CountVectorizer(**NGRAMS, dtype=np.int32).fit_transform(texts)


class WeightedNgrams:
    """Makes of counted n-grams what ``TfidfVectorizer`` makes of the texts: those of training rows have weights."""

    def fit_transform(self, counts: Any) -> Any:
        """Return the features of the training rows."""
        from sklearn.feature_extraction.text import TfidfTransformer

        self.known = np.unique(counts.indices)
        self.weighted = TfidfTransformer(sublinear_tf=True)
        return self.weighted.fit_transform(counts[:, self.known])

    def transform(self, counts: Any) -> Any:
        """Return the features of other rows."""
        return self.weighted.transform(counts[:, self.known])


def _table_model(table: TableColumns, model: Any) -> Any:
    from sklearn.pipeline import make_pipeline

    return make_pipeline(_table_features(table), model)


def _table_features(table: TableColumns) -> Any:
    from sklearn.preprocessing import StandardScaler

    n_numeric, n_words = len(table.numeric), len(table.categorical)
    whole = table.scratch is None and not np.isnan(table.numeric_NF).any()
    if whole and not n_words:
        return StandardScaler()
    with imported_later(BY_SKLEARN):
        from sklearn.compose import ColumnTransformer  # this and what fills in empty cells import pandas
        from sklearn.impute import SimpleImputer
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import OneHotEncoder

    scaled = make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler())
    parts = []
    if n_numeric:
        parts.append(("numeric", scaled, slice(0, n_numeric)))
    if n_words:
        parts.append(("words", OneHotEncoder(handle_unknown="ignore"), slice(n_numeric, n_numeric + n_words)))
    return ColumnTransformer(parts)
