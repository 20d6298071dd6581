"""``search`` of a Python program: the same search as the command's, by the same code."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer.api.runs import Run
from trainer.api.training import train_named
from trainer.errors import ConfigError
from trainer.store.own_files import SEARCH_FIGURES, SEARCH_TABLE, trial_directory
from trainer.system.files import unsealed
from trainer.system.folders import read_file


@dataclass(frozen=True)
class Searched:
    """The directory of a search; files are read when they are asked for.

    Attributes:
        path: of the directory.
    """

    path: Path

    @property
    def figures(self) -> dict[str, Any]:
        """What the best trial is worth: ``naive``, ``corrected`` for picking it, and ``nested`` or None."""
        return unsealed(self.path / SEARCH_FIGURES, self.path)

    @property
    def best(self) -> Run:
        """The run of the best trial."""
        return Run(trial_directory(self.path, self.figures["naive"]["trial"]))

    @property
    def trials(self) -> list[dict[str, str]]:
        """The rows of ``search.csv``, best first."""
        return list(csv.DictReader(read_file(self.path / SEARCH_TABLE, self.path).decode().splitlines()))


def search(
    data: Any,
    y: Any = None,
    /,
    *,
    space: Mapping[str, Any],
    sampler: str = "tpe",
    trials: int = 50,
    prune: str = "racing",
    nested: int | None = None,
    final: str = "report",
    **options: Any,
) -> Searched:
    """Try other settings on the same rows and folds, each trial a run, and say what the best is worth.

    Args:
        data: rows with labels, as ``cross_validate`` takes them.
        y: labels, where ``data`` has none.
        space: dotted key -> ``"log(1e-5,1e-2)"``, ``"uniform(0,0.5)"``, ``"int(8,64)"``, or a list to choose from.
        sampler: ``tpe``, ``random``, ``grid``, ``gp`` or ``cmaes``.
        trials: in all; the same call with the same ``run`` goes on.
        prune: ``racing``, ``median`` or ``off``.
        nested: inner folds of a nested search, which scores the search; None = no.
        final: ``report`` of the best trial, ``refit`` it on all rows too, or ``none``.
        **options: whatever ``cross_validate`` takes: ``model="mlp"``, ``run="s1"``; and ``search={"seed": 1}``.

    Raises:
        ConfigError: the space, or a setting, cannot be; every problem is named.
        NonFiniteError: no trial has a score.

    Example:
        >>> import numpy, trainer as fw
        >>> X = numpy.random.default_rng(0).normal(size=(60, 4))
        >>> few = {"max_epochs": 1, "cv": {"n_splits": 2}, "final": "none", "runtime": {"progress": "off"}}
        >>> found = fw.search((X, X[:, 0] > 0), space={"optimizer.lr": [1e-3, 1e-1]}, sampler="grid", **few)
        >>> len(found.trials), sorted(found.figures)
        (2, ['corrected', 'inner', 'metric', 'naive', 'nested'])
    """
    more = options.pop("search", {})
    if not isinstance(more, Mapping):
        raise ConfigError(f"search: give sampler={more!r}, and a mapping for what else there is: search={{'seed': 1}}")
    own = {"space": dict(space), "trials": trials, "prune": prune, "nested": nested, "final": final, **more}
    return Searched(train_named(data if y is None else (data, y), {**options, "search": (sampler, own)}))
