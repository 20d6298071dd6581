"""A classifier of scikit-learn's form: one model, trained on all rows, for pipelines and searches of scikit-learn."""

from collections.abc import Mapping
from copy import deepcopy
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from trainer.api.keywords import as_overrides
from trainer.config.compose import compose_run
from trainer.data.preprocess.contract import Fitted
from trainer.data.samples import DataSpec, Samples, TableColumns
from trainer.engine.fit import fit as train
from trainer.engine.loops import Learner
from trainer.engine.precision.opt_levels import resolve_opt_level
from trainer.errors import ConfigError, DataError
from trainer.folds.plan import make_folds
from trainer.profiler.costs import same_random_state
from trainer.run.experiment import Experiment, Loaders
from trainer.run.factories import fresh_learner
from trainer.run.fold_data import fold_rows, preprocess
from trainer.run.prepare import make_recipe
from trainer.run.steps.threads import same_threads, set_threads
from trainer.run.validate import check_config
from trainer.store.fold_files import ALL
from trainer.tasks import of_classes

if TYPE_CHECKING:
    from trainer.config.schema import RunConfig

PREDICTED_ROWS = 4096  # at a time


class Classifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Trains a network on feature columns; nothing is written to disk.

    To know how good it is use ``trainer.cross_validate``: this is for what takes a classifier of scikit-learn.

    Args:
        model: a choice of ``conf/model`` or a class or function of your own, as for ``cross_validate``; so are the
            next five.
        loss: of ``conf/loss``.
        optimizer: of ``conf/optimizer``.
        scheduler: of ``conf/scheduler``.
        amp: of ``conf/amp``.
        preprocess: of ``conf/data/preprocess``.
        max_epochs: epochs.
        batch_size: rows of a batch.
        random_state: of weights and batches.
        options: any other key of the configuration, by its dotted name.

    Attributes:
        classes_: (C,) the labels, sorted.
        n_features_in_: F.

    Example:
        >>> import numpy, trainer as fw
        >>> X = numpy.random.default_rng(0).normal(size=(80, 2))
        >>> classifier = fw.Classifier(max_epochs=30, options={"optimizer.lr": 0.01}).fit(X, X[:, 0] > 0)
        >>> classifier.predict([[2.0, 0.0], [-2.0, 0.0]])
        array([ True, False])
        >>> classifier.predict_proba([[2.0, 0.0]]).shape, classifier.score(X, X[:, 0] > 0) > 0.9
        ((1, 2), True)
    """

    def __init__(  # scikit-learn wants every parameter here, by its name
        self,
        model: Any = "mlp",
        loss: Any = "ce",
        optimizer: Any = "adamw",
        scheduler: Any = "constant",
        amp: Any = "O0",
        preprocess: Any = "table",
        max_epochs: int = 20,
        batch_size: int = 32,
        random_state: Any = 42,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self.model = model
        self.loss = loss
        self.optimizer = optimizer
        self.scheduler = scheduler
        self.amp = amp
        self.preprocess = preprocess
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.random_state = random_state
        self.options = options

    def fit(self, X: Any, y: Any) -> "Classifier":
        """Train on all rows (N, F) and their labels (N,).

        Raises:
            ValueError: they cannot be trained on, or the parameters cannot be.
        """
        values_NF, labels_N = validate_data(
            self, X, y, dtype=np.float64, ensure_all_finite="allow-nan", ensure_min_samples=2
        )
        check_classification_targets(labels_N)
        self.classes_, target_N = np.unique(labels_N, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"every row is of the class '{self.classes_[0]}': a classifier needs at least two classes")
        try:
            self._fit(values_NF, target_N)
        except (ConfigError, DataError) as error:
            raise ValueError(str(error)) from error
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return (N, C) the probability of each class, in the order of ``classes_``."""
        check_is_fitted(self)
        values_NF = validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan", reset=False)
        rows = self._fitted.transform(_columns(values_NF))
        model = self._model.double().eval()  # the last digits of a float32 product depend on the rows beside it
        logits = []
        with torch.inference_mode():
            for places in torch.split(torch.arange(len(values_NF)), PREDICTED_ROWS):
                inputs = rows.take(places).items()
                logits.append(model(**{name: v.double() if v.is_floating_point() else v for name, v in inputs}))
            proba = self._loss.to_proba(torch.cat(logits)).numpy()
        return of_classes(len(self.classes_)).as_float64(proba)

    def predict(self, X: Any) -> NDArray[Any]:
        """Return (N,) the most probable class of each row."""
        proba_NC = self.predict_proba(X)
        labels_N: NDArray[Any] = self.classes_[proba_NC.argmax(axis=1)]
        return labels_N

    def __sklearn_tags__(self) -> Any:
        """Return what scikit-learn asks of an estimator: a missing value is filled in."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def _fit(self, values_NF: NDArray[np.float64], target_N: NDArray[np.int64]) -> None:
        config = self._config()
        samples = Samples(np.arange(len(target_N)).astype(np.str_), _columns(values_NF), target_N)
        spec = DataSpec("arrays", of_classes(len(self.classes_)), tuple(map(str, self.classes_)))
        with same_random_state(), same_threads():
            learner, fitted = _trained(config, samples, spec)
        loss: Any = learner.loss
        self._model, self._loss, self._fitted = learner.model.cpu(), loss.cpu(), fitted

    def _config(self) -> "RunConfig":
        names = ("model", "loss", "optimizer", "scheduler", "amp", "preprocess", "max_epochs", "batch_size")
        given = {name: getattr(self, name) for name in names}
        overrides = as_overrides({**given, **(self.options or {})})
        config = deepcopy(_composed(tuple(overrides)))
        config.seed = int(check_random_state(self.random_state).randint(2**31))
        return config


@lru_cache(maxsize=64)
def _composed(overrides: tuple[str, ...]) -> "RunConfig":
    """Return the configuration of a fit; a search makes many of the same."""
    target = "data._target_=trainer.data.sources.in_memory.load_in_memory"
    config, _ = compose_run([target, "data.name=arrays", *overrides], check_config)
    check_config(config)
    return config


def _columns(values_NF: NDArray[np.float64]) -> TableColumns:
    names = tuple(f"x{place}" for place in range(values_NF.shape[1]))
    return TableColumns(values_NF, np.empty((len(values_NF), 0), dtype=object), names)


def _trained(config: "RunConfig", samples: Samples, spec: DataSpec) -> tuple[Learner, Fitted]:
    """Return what is trained on all rows, with the weights that count, and the preprocessing."""
    device = torch.device(config.device if config.device != "auto" else "cuda" if torch.cuda.is_available() else "cpu")
    recipe = make_recipe(config, resolve_opt_level(config.amp, device), device, spec.task.default_metrics, None)
    plan = make_folds(  # a fit on all rows looks at none of its folds
        "kfold",
        samples.target,
        ids_N=samples.ids_N,
        groups_N=None,
        classes=spec.classes,
        n_splits=2,
        repeats=1,
        shuffle=False,
        random_state=0,
    )
    experiment = Experiment(
        samples, spec, plan, config.cv, recipe, (), Loaders(0, 60.0), Path(config.paths.runs, ".cache")
    )
    fold = preprocess(experiment, fold_rows(experiment, ALL))
    set_threads(recipe, spec, fold, threads=config.runtime.threads, n_folds=1)
    learner = fresh_learner(recipe, spec, fold)
    _, weights = train(learner, fold.data, fold.rows, recipe.settings, spec)
    learner.model.load_state_dict(weights)
    return learner, fold.fitted
