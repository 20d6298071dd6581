"""Metrics by name: a file of this folder, or ``my_pkg.my_metric`` of a package named in ``plugins``.

Behind the name of some may stand a number: ``f_beta@2``.
"""

import math
import sys
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from trainer.errors import ConfigError, did_you_mean, few_words_of
from trainer.metrics.contract import Metric
from trainer.tasks import Task

# what people type, where spelling alone would suggest another metric
_USUAL_NAMES = {
    "acc": "accuracy",
    "ap": "average_precision",
    "auc": "roc_auc",
    "auprc": "average_precision",
    "auroc": "roc_auc",
    "ce": "log_loss",
    "cohen_kappa": "kappa",
    "f2": "f_beta@2",
    "hamming": "hamming_loss",
    "map": "average_precision",
    "nll": "log_loss",
    "pr_auc": "average_precision",
    "qwk": "kappa_quadratic",
    "sensitivity": "recall",
    "top5": "top_k@5",
    "tnr": "specificity",
    "tpr": "recall",
}


@cache
def house_metrics() -> dict[str, Metric]:
    """Return the metrics of this folder by name: of each file what bears the file's name."""
    names = sorted(path.stem for path in Path(__file__).parent.glob("*.py") if path.stem.isidentifier())
    found = {name: _of_module(import_module(f"trainer.metrics.{name}")) for name in names}
    return {name: metric for name, metric in found.items() if metric is not None}


def metric_named(name: str) -> Metric:
    """Return a metric of this folder, or one of a plugin that ``load_metric`` has imported before.

    Raises:
        ConfigError: there is none; nothing is imported to look for a plugin's.
    """
    found, base = metric_or_none(name), name.partition("@")[0]
    if found is not None:
        return found
    if "." in base and metric_or_none(base) is None:
        raise ConfigError(f"metric '{name}' is of a package of yours: name it with plugins=[{name.split('.')[0]}]")
    raise ConfigError(_unknown(name, list(house_metrics())))


def metric_or_none(name: str) -> Metric | None:
    """Return the metric, or None where this process does not know it, such as one of a plugin not imported here."""
    base, at, number = name.partition("@")
    found = _without_number(base)
    if found is None or not at:
        return found
    value = _value(number)
    return None if found.at is None or found.number is None or found.number.problem(value) else found.at(value)


def _without_number(name: str) -> Metric | None:
    if "." not in name:
        return house_metrics().get(name)
    package, _, last = name.rpartition(".")
    return _member(package, last) or _of_module(sys.modules.get(name))


def _value(number: str) -> float:
    try:
        return float(number)
    except ValueError:
        return math.nan


def _unknown(name: str, known: Sequence[str]) -> str:
    """Return what is wrong with a name of this folder that leads to no metric."""
    base, _, number = name.partition("@")
    found = _without_number(base)
    if found is None:
        return f"unknown metric '{name}'{did_you_mean(_USUAL_NAMES.get(name.lower(), base), known)}"
    if found.number is None:
        return f"metric '{base}' takes no number: '{name}'"
    return f"metric '{name}': {number or 'nothing'} is not {found.number.problem(_value(number))}"


def load_metric(name: str, plugins: Sequence[str] = ()) -> Metric:
    """Import the module of a plugin's metric, and return the metric.

    Args:
        name: ``my_pkg.my_metric``, where ``my_metric`` stands in my_pkg, or in its module my_metric.
        plugins: packages of the user's.

    Raises:
        ConfigError: no plugin's, cannot be imported, or no metric.
    """
    base = name.partition("@")[0]
    if "." not in base:
        return metric_named(name)
    if not name.startswith(tuple(f"{plugin}." for plugin in plugins)):
        package = name.partition(".")[0]
        raise ConfigError(
            f"'{name}' is not allowed: name its package, plugins=[{package}] (foldwise: --plugins {package})"
        )
    package, _, last = base.rpartition(".")
    try:
        import_module(package)
        if _member(package, last) is None and find_spec(base) is not None:
            import_module(base)
    except Exception as error:  # a module of the user's may raise anything
        raise ConfigError(f"cannot import {name}: {type(error).__name__}: {few_words_of(error)}") from error
    found = metric_or_none(name)
    if found is None and _without_number(base) is not None:
        raise ConfigError(_unknown(name, []))
    if found is None:
        raise ConfigError(f"'{name}' is no metric: write @metric(...) of trainer.metrics.contract above its function")
    return found


def name_problem(name: str, task: Task, plugins: Sequence[str] = ()) -> str | None:
    """Return what is wrong with a metric's name for the task, or None."""
    here = [known for known, metric in house_metrics().items() if task.name in metric.tasks]
    if "." not in name.partition("@")[0] and metric_or_none(name) is None:
        if name.isidentifier() and (Path(__file__).parent / f"{name}.py").is_file():
            return f"trainer/metrics/{name}.py has no metric called '{name}'"
        return _unknown(name, here)
    try:
        found = load_metric(name, plugins)
    except ConfigError as error:
        return str(error)
    return None if task.name in found.tasks else f"'{name}' is not for a {task} task; have: {', '.join(here)}"


def _member(package: str, name: str) -> Metric | None:
    member = getattr(sys.modules.get(package), name, None)
    return member if isinstance(member, Metric) else None


def _of_module(module: ModuleType | None) -> Metric | None:
    """Return the metric of a module that bears the module's name."""
    member = None if module is None else vars(module).get(module.__name__.rpartition(".")[2])
    return member if isinstance(member, Metric) else None
