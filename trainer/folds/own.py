"""Splitters by dotted name: a class of scikit-learn's form, or a module like those of ``trainer.folds.strategies``."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from inspect import signature
from typing import Any

import numpy as np

from trainer.config.build import check_section, construct, resolve_target
from trainer.errors import ConfigError, DataError, FoldwiseError, as_foldwise_error
from trainer.folds.request import Pair, SplitRequest


@dataclass(frozen=True)
class OwnStrategy:
    """What ``trainer.folds.plan`` asks of a strategy.

    Attributes:
        name: dotted.
        split: yields (training, held-out) row numbers of each fold.
        N_SPLITS: whether ``cv.n_splits`` says how many folds there are.
        GROUPS: no, may or must: whether it keeps groups together.
        SHUFFLE: no, may or must: whether chance has a part in it.
    """

    name: str
    split: Callable[[SplitRequest], Iterator[Pair] | Sequence[Pair]]
    N_SPLITS: bool
    GROUPS: str = "may"
    SHUFFLE: str = "may"

    def checked_split(self, request: SplitRequest) -> list[Pair]:
        """Return the folds of ``split``.

        Raises:
            DataError: it raised, or a row is held out twice or is on both sides of a fold.
        """
        try:
            pairs = [(np.asarray(train), np.asarray(held_out)) for train, held_out in self.split(request)]
        except FoldwiseError:
            raise
        except Exception as error:  # a splitter of the user's may raise anything
            raise DataError(f"cv.strategy={self.name} raised {as_foldwise_error(error)}") from error
        times_N = np.bincount(np.concatenate([np.zeros(0, int), *(held_out for _, held_out in pairs)]))
        if len(times_N) > len(request.target) or (times_N > 1).any():
            what = f"row {int(times_N.argmax())} is held out by {int(times_N.max())} folds"
            raise DataError(f"cv.strategy={self.name}: {what}; each row is held out once at most (cv.repeats repeats)")
        if any(np.intersect1d(train, held_out).size for train, held_out in pairs):
            raise DataError(f"cv.strategy={self.name}: a fold trains on rows that it holds out")
        return pairs


def strategy_problems(name: str, arguments: Mapping[str, Any], plugins: Sequence[str]) -> list[str]:
    """Return what is wrong with ``cv.arguments`` and, where it is a dotted name, ``cv.strategy``, one line each."""
    if "." not in name:
        return [f"cv.arguments has no effect with cv={name}: leave it out"] if arguments else []
    try:
        return _own_problems(name, arguments, plugins)
    except ConfigError as error:
        return [str(error)]


def _own_problems(name: str, arguments: Mapping[str, Any], plugins: Sequence[str]) -> list[str]:
    if _module(name, plugins) is not None:
        return [f"cv.arguments: {name} is a module, which takes none"] if arguments else []
    try:
        target = resolve_target("splitter", name, plugins)
    except ConfigError as error:
        return [str(error).replace("splitter._target_", "cv.strategy")]
    if not isinstance(target, type) or not callable(getattr(target, "split", None)):
        return [f"cv.strategy: {name} is no class with split(X, y, groups) and no module with split(request)"]
    problems = check_section("splitter", {"_target_": name, **arguments}, plugins)
    return [problem.replace("splitter.", "cv.arguments.") for problem in problems]


def own_strategy(name: str, arguments: Mapping[str, Any], plugins: Sequence[str]) -> OwnStrategy:
    """Return the strategy of a dotted name.

    A class is built with ``cv.arguments`` and, where its signature has them, ``n_splits``, ``shuffle`` and
    ``random_state``; its ``split(X, y, groups)`` is given the row numbers as X. ``GROUPS`` and ``SHUFFLE`` of a class
    count as those of a module do.

    Raises:
        ConfigError: there is none, or it is not allowed.
    """
    problems = strategy_problems(name, arguments, plugins)
    if problems:
        raise ConfigError.from_problems(problems)
    module = _module(name, plugins)
    if module is not None:
        return OwnStrategy(name, module.split, module.N_SPLITS, module.GROUPS, module.SHUFFLE)
    target: Any = resolve_target("splitter", name, plugins)
    section = {"_target_": name, **arguments}

    def split(request: SplitRequest) -> Iterator[Pair]:
        offered = {"n_splits": request.n_splits, "shuffle": request.shuffle, "random_state": request.seed}
        splitter = construct("splitter", section, plugins, **offered)
        yield from splitter.split(np.arange(len(request.target))[:, None], request.target, request.groups_N)

    counted = "n_splits" in signature(target).parameters and "n_splits" not in arguments
    return OwnStrategy(name, split, counted, getattr(target, "GROUPS", "may"), getattr(target, "SHUFFLE", "may"))


def _module(name: str, plugins: Sequence[str]) -> Any:
    """Return the module of that name in a plugin, if it is one with all that a strategy says of itself."""
    if not name.startswith(tuple(f"{plugin}." for plugin in plugins)):
        return None
    try:
        module = import_module(name)
    except ModuleNotFoundError:
        return None
    except Exception as error:  # a module of the user's may raise anything
        raise ConfigError(f"cv.strategy: cannot import {name}: {as_foldwise_error(error)}") from error
    facts = [fact for fact in ("split", "N_SPLITS", "GROUPS", "SHUFFLE") if not hasattr(module, fact)]
    if facts:
        raise ConfigError(f"cv.strategy: {name} lacks {', '.join(facts)} (see trainer/folds/strategies/kfold.py)")
    return module
