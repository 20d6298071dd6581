"""Runs put together by settings: the mean of their metric, and how many there are."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trainer.errors import ConfigError
from trainer.metrics.find import metric_or_none
from trainer.report.formatting import plain_label
from trainer.search.run_list import ABSENT, FACTS, Listing, known_key, setting
from trainer.store.run_records import RunRecord
from trainer.wording.lists import first_few


@dataclass(frozen=True)
class Group:
    """Runs that have some settings in common.

    Attributes:
        values: of these settings.
        n: runs whose metric is defined.
        n_without: runs that have none.
        mean: of the metric, out of fold; NaN where ``n`` is 0.
        sd: between the runs (ddof=1); NaN of fewer than two.
        best: the name of the best run, or ``""``.
        best_oof: its metric; NaN where there is none.
        n_data: how many data sets the runs are of.
    """

    values: tuple[str, ...]
    n: int
    n_without: int
    mean: float
    sd: float
    best: str
    best_oof: float
    n_data: int


def grouped(listing: Listing, keys: Sequence[str]) -> tuple[str, list[Group]]:
    """Return the metric and the groups, the best mean first.

    Args:
        listing: of the runs.
        keys: settings, or facts such as ``data``.

    Raises:
        ConfigError: the runs lead with different metrics, or have no such setting.
    """
    names = group_keys(listing, keys)
    metrics = listing.metrics
    if len(metrics) > 1:
        said = f"the runs lead with different metrics ({first_few(metrics, 3)}), of which there is no mean"
        raise ConfigError(f"--group: {said}\nchoose one with --metric, or some of the runs with --where")
    if not metrics:
        raise ConfigError("--group: no run is finished, so there is nothing to take the mean of")
    members: dict[tuple[str, ...], list[RunRecord]] = {}
    for record in listing.records:
        members.setdefault(tuple(group_value(record, name) for name in names), []).append(record)
    better = metric_or_none(metrics[0])
    sign = -1.0 if better is None or better.greater_is_better else 1.0
    groups = [_group(values, records, listing, sign) for values, records in members.items()]
    return metrics[0], sorted(groups, key=lambda group: (math.isnan(group.mean), sign * group.mean, group.values))


def group_keys(listing: Listing, keys: Sequence[str]) -> list[str]:
    """Return the settings that are meant, such as ``amp.opt_level`` by ``amp``.

    Raises:
        ConfigError: no run has such a setting.
    """
    return [key if key in FACTS else known_key("--group", key, listing.records) for key in keys]


def group_value(record: RunRecord, key: str) -> str:
    """Return a fact of a run, or a setting."""
    return str(getattr(record, key) or ABSENT) if key in FACTS else setting(record, key)


def _group(values: tuple[str, ...], records: Sequence[RunRecord], listing: Listing, sign: float) -> Group:
    scores: Mapping[str, float] = {
        record.name: figures.oof
        for record in records
        if (figures := listing.figures(record)) is not None and not math.isnan(figures.oof)
    }
    best = min(scores, key=lambda name: sign * scores[name], default="")
    return Group(
        values=values,
        n=len(scores),
        n_without=len(records) - len(scores),
        mean=statistics.fmean(scores.values()) if scores else math.nan,
        sd=statistics.stdev(scores.values()) if len(scores) > 1 else math.nan,
        best=best,
        best_oof=scores.get(best, math.nan),
        n_data=len({record.data for record in records if record.name in scores}),
    )


def group_notes(metric: str, keys: Sequence[str], groups: Sequence[Group]) -> list[str]:
    """Return what a reader of the groups must know."""
    notes = []
    mixed = [group for group in groups if group.n_data > 1]
    if mixed:
        where = f"{len(mixed)} of {len(groups)} groups hold" if len(groups) > 1 else "the group holds"
        notes.append(f"{where} runs on several data sets: a mean over them says little (add --group data)")
    without = sum(group.n_without for group in groups)
    if without:
        notes.append(f"{without} run{'s' * (without > 1)} without {plain_label(metric)} count in no mean")
    return notes
