"""Ways of training ranked over several data sets: what the tests of Friedman and Nemenyi are for.

Demšar, "Statistical comparisons of classifiers over multiple data sets", JMLR 2006: two ways by Wilcoxon's signed
ranks, more by Friedman's test, and where that finds a difference by Nemenyi's critical difference of mean ranks.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from trainer.errors import ConfigError, DataError
from trainer.evidence.multiple import Friedman, friedman, signed_ranks
from trainer.evidence.not_defined import NotDefined
from trainer.inference.compare_figures import p_text
from trainer.inference.compared_pairs import SIGNIFICANT
from trainer.inference.compared_runs import mean_score
from trainer.inference.held_out import Floats, HeldOut, read_held_out
from trainer.metrics.find import metric_named, name_problem
from trainer.report.formatting import number, plain_label
from trainer.wording.lists import first_few

OF_THE_DATA = "data."  # keys of a configuration that a way of training may have otherwise on every data set
MOST_KEYS = 2  # that name a way
Config = Mapping[str, Any]


@dataclass(frozen=True)
class Ranking:
    """Ways of training on data sets.

    Attributes:
        metric: its name.
        ways: what sets each apart.
        data_sets: named by the first way's run.
        score_DW: the metric, out of fold.
        friedman: of three ways and more.
        p_of_two: Wilcoxon's p-value of two ways; None of more.
    """

    metric: str
    ways: tuple[str, ...]
    data_sets: tuple[str, ...]
    score_DW: Floats
    friedman: Friedman | NotDefined
    p_of_two: float | NotDefined | None

    @property
    def answer(self) -> str:
        """What was found, in a sentence."""
        over = f"over {len(self.data_sets)} data sets"
        if self.p_of_two is not None:
            return _of_two(self, over, self.p_of_two)
        if isinstance(self.friedman, NotDefined):
            return f"nothing can be said {over}: {self.friedman.why}"
        if self.friedman.p >= SIGNIFICANT:
            return f"no difference is shown {over} (Friedman, {p_text(self.friedman.p)})"
        ranks = np.array(self.friedman.ranks)
        best = int(ranks.argmin())
        beaten = [self.ways[place] for place in np.flatnonzero(ranks - ranks[best] > self.friedman.critical)]
        said = f"better than {first_few(beaten, between=' and ')}" if beaten else "not shown to be better than another"
        return (
            f"{self.ways[best]} ranks best {over} (mean rank {ranks[best]:.2f}): {said} "
            f"(Friedman, {p_text(self.friedman.p)}; Nemenyi, {self.friedman.critical:.2f} ranks apart)"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values."""
        found = self.friedman
        return {
            "answer": self.answer,
            "metric": self.metric,
            "ways": list(self.ways),
            "data_sets": list(self.data_sets),
            "scores": [[None if math.isnan(value) else value for value in row] for row in self.score_DW.tolist()],
            "friedman": {key: None if value == math.inf else value for key, value in vars(found).items()},
            "wilcoxon_p": self.p_of_two.why if isinstance(self.p_of_two, NotDefined) else self.p_of_two,
        }


def _of_two(ranking: Ranking, over: str, p: float | NotDefined) -> str:
    if isinstance(p, NotDefined):
        return f"nothing can be said {over}: {p.why}"
    if p >= SIGNIFICANT:
        return f"no difference is shown {over} between {' and '.join(ranking.ways)} (Wilcoxon, {p_text(p)})"
    sign = 1 if metric_named(ranking.metric).greater_is_better else -1
    lead = sign * np.median(ranking.score_DW[:, 1] - ranking.score_DW[:, 0])
    better, worse = ranking.ways[::-1] if lead > 0 else ranking.ways
    return f"{better} is better than {worse} {over} (Wilcoxon, {p_text(p)})"


def compare_over_data_sets(
    directories: Sequence[Path], metric: str | None = None, *, plugins: Sequence[str] = ()
) -> Ranking:
    """Rank ways of training on data sets, a run of every way on every data set.

    Args:
        directories: of the runs; runs of one data set have the same rows and folds.
        metric: its name; None = the first of the first run.
        plugins: packages that the metric may be from.

    Raises:
        ConfigError: the metric cannot be; fewer than two ways.
        DataError: a way has no run, or two, on a data set; or there is one data set only.
        CheckpointError: a run is not finished, or damaged.
    """
    if len(directories) < 2:
        raise ConfigError("--over-data-sets: name a run of every way of training on every data set")
    runs = [read_held_out(directory) for directory in directories]
    name = str(metric or runs[0].run.facts["metrics"][0])
    for run in runs:
        if problem := name_problem(name, run.task, plugins):
            raise ConfigError(f"--metric: {problem}")
    grid, configs = _grid(runs)
    ways = _names([configs[way] for way in configs])
    _require_whole(grid, dict(zip(configs, ways, strict=True)))
    score_DW = np.array([[mean_score(name, by_way[way]) for way in configs] for by_way in grid])
    sign = 1 if metric_named(name).greater_is_better else -1
    return Ranking(
        metric=name,
        ways=tuple(ways),
        data_sets=tuple(next(iter(by_way.values())).directory.resolve().name for by_way in grid),
        score_DW=score_DW,
        friedman=friedman(sign * score_DW),
        p_of_two=signed_ranks(score_DW[:, 1] - score_DW[:, 0]) if len(ways) == 2 else None,
    )


def _grid(runs: Sequence[HeldOut]) -> tuple[list[dict[str, HeldOut]], dict[str, Config]]:
    """Return the runs by way for each data set, and the configuration of each way, in the order they are named."""
    grid: dict[str, dict[str, HeldOut]] = {}
    configs: dict[str, Config] = {}
    for run in runs:
        config = {k: v for k, v in run.run.identity["config"].items() if not k.startswith(OF_THE_DATA)}
        way = json.dumps(config, sort_keys=True, default=str)
        configs.setdefault(way, config)
        before = grid.setdefault(run.plan.fingerprint, {}).setdefault(way, run)
        if before is not run:
            raise DataError(f"{before.directory} and {run.directory} are of the same way of training on the same data")
    return list(grid.values()), configs


def _require_whole(grid: Sequence[Mapping[str, HeldOut]], ways: Mapping[str, str]) -> None:
    if len(grid) < 2:
        raise DataError(
            "one data set: folds of it share their training rows, so they cannot stand for several data sets\n"
            "leave out --over-data-sets"
        )
    if len(ways) < 2:
        raise ConfigError("the runs differ in their data only: name runs of two ways of training at least")
    for by_way in grid:
        for way, name in ways.items():
            if way not in by_way:
                beside = next(iter(by_way.values())).directory
                raise DataError(f"no run with {name} on the data of {beside}: each way needs one on every data set")


def _names(configs: Sequence[Config]) -> list[str]:
    """Return what sets each configuration apart from the others."""
    keys = sorted({key for config in configs for key in config})
    apart = [key for key in keys if len({json.dumps(c.get(key), default=str) for c in configs}) > 1]
    parts = [key for key in apart if key.endswith("._target_")] or apart
    names = [
        first_few([f"{key.removesuffix('._target_')}={str(c.get(key)).rpartition('.')[2]}" for key in parts], MOST_KEYS)
        for c in configs
    ]
    return names if len(set(names)) == len(names) else [f"{name} ({place})" for place, name in enumerate(names)]


def rows_of(ranking: Ranking) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return headings and cells of a table: a row per data set, then the mean ranks."""
    headings = (f"{plain_label(ranking.metric)}, out of fold", *ranking.ways)
    rows = [
        (name, *(number(value) for value in values))
        for name, values in zip(ranking.data_sets, ranking.score_DW.tolist(), strict=True)
    ]
    if isinstance(ranking.friedman, Friedman):
        rows.append(("mean rank", *(f"{rank:.2f}" for rank in ranking.friedman.ranks)))
    return headings, rows
