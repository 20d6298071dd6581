"""Which runs of a folder are listed, in what order, and in which settings they differ."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from trainer.config.keys import typed
from trainer.errors import ConfigError, did_you_mean
from trainer.metrics.find import load_metric, metric_or_none
from trainer.store.run_records import STATES, WHOLE, Figures, RunRecord

ABSENT = "–"
FACTS = ("name", "state", "data", "folds", "sweep")  # that --where knows beside the settings
SORTS = ("metric", "mean", "sd", "time", "done", "started", "job", *FACTS)
_LEADERS = ("opt_level", "strategy")  # settings that choose the others of their section, beside the part itself


@dataclass(frozen=True)
class Listing:
    """Runs as they are listed.

    Attributes:
        records: of the runs, in order.
        metric: that was asked for; None = each run's own.
        keys: of the settings in which they differ.
        n_all: runs there are, with those that were filtered out.
    """

    records: tuple[RunRecord, ...]
    metric: str | None
    keys: tuple[str, ...]
    n_all: int

    def metric_of(self, record: RunRecord) -> str:
        """Return the metric a run is shown by."""
        return self.metric or record.primary

    def figures(self, record: RunRecord) -> Figures | None:
        """Return its figures; None where the run has none."""
        return record.figures(self.metric_of(record))

    @property
    def metrics(self) -> list[str]:
        """The metrics that are shown."""
        return list(dict.fromkeys(self.metric_of(record) for record in self.records if self.figures(record)))


def listed(
    records: Sequence[RunRecord], *, metric: str | None = None, sort: str = "name", where: Sequence[str] = ()
) -> Listing:
    """Filter and order runs.

    Args:
        records: of the runs.
        metric: that is shown; None = each run's own.
        sort: one of ``SORTS`` or a setting; with ``-`` before it the other way round.
        where: ``KEY=VALUE`` each: a setting, or one of ``FACTS``.

    Raises:
        ConfigError: there is no such metric or setting, or it cannot be sorted by.
    """
    _require_metric(metric, records)
    kept = list(records)
    for condition in where:
        test = _condition(condition, records)
        kept = [record for record in kept if test(record)]
    ordered = _sorted(kept, sort, metric)
    return Listing(tuple(ordered), metric, tuple(differing(ordered)), len(records))


def load_metrics(records: Sequence[RunRecord], metric: str | None, plugins: Sequence[str]) -> None:
    """Import the metrics that are of packages which were named, so that their direction is known."""
    names = {record.primary for record in records} | ({metric} if metric else set())
    for name in sorted(names):
        if name.startswith(tuple(f"{plugin}." for plugin in plugins)):
            load_metric(name, plugins)


def setting(record: RunRecord, key: str) -> str:
    """Return a setting of a run as it would be typed; ``ABSENT`` where it has none such."""
    return as_typed(record.config.get(key, ABSENT))


def as_typed(value: Any) -> str:
    """Return a value as it would be typed; plain numbers without asking JSON, which is slow."""
    return repr(value) if type(value) in (int, float) else typed(value)


def _require_metric(metric: str | None, records: Sequence[RunRecord]) -> None:
    known = dict.fromkeys(name for record in records for name in record.metrics)
    if metric is not None and metric not in known:
        if not known:
            raise ConfigError(f"--metric {metric}: no run here is finished")
        raise ConfigError(f"--metric {metric}: no run here has it{did_you_mean(metric, list(known))}")


def known_key(option: str, key: str, records: Iterable[RunRecord]) -> str:
    """Return the setting that is meant, such as ``amp.opt_level`` by ``amp``.

    Raises:
        ConfigError: no run has it.
    """
    key = WHOLE.get(key, key)
    known = dict.fromkeys(name for record in records for name in record.config)
    if key in known:
        return key
    words = [*FACTS, *known] if option != "--sort" else [*SORTS, *known]
    raise ConfigError(f"{option} {key}: no run here has such a setting{did_you_mean(key, words)}")


def _condition(text: str, records: Sequence[RunRecord]) -> Callable[[RunRecord], bool]:
    key, equals, wanted = text.partition("=")
    if not equals or not key:
        raise ConfigError(f"--where {text}: KEY=VALUE, such as loss=focal, optimizer.lr=0.01 or state=finished")
    if key == "state" and wanted not in STATES:
        raise ConfigError(f"--where {text}: there is no such state{did_you_mean(wanted, STATES)}")
    if key in ("data", "folds") and not any(getattr(record, key).startswith(wanted) for record in records):
        raise ConfigError(f"--where {text}: no fingerprint here begins so")
    if key == "state":
        return lambda record: record.state == wanted
    if key in ("name", "sweep"):
        return lambda record: fnmatchcase(str(getattr(record, key)), wanted)
    if key in ("data", "folds"):
        return lambda record: bool(wanted) and str(getattr(record, key)).startswith(wanted)
    name = known_key("--where", key, records)
    return lambda record: name in record.config and _same(setting(record, name), wanted)


def _same(value: str, wanted: str) -> bool:
    if value.lower() == wanted.lower():
        return True
    try:
        return float(value) == float(wanted)
    except ValueError:
        return value.replace(" ", "") == wanted.replace(" ", "")


def _sorted(records: Sequence[RunRecord], sort: str, metric: str | None) -> list[RunRecord]:
    key, backwards = sort.removeprefix("-"), sort.startswith("-")
    if key in ("metric", "mean"):
        return sorted(records, key=_by_metric(key, metric, backwards=backwards))
    value = _sort_value(key, metric, records)
    known = [record for record in records if value(record) is not None]
    unknown = [record for record in records if value(record) is None]
    return [*sorted(known, key=value, reverse=backwards), *unknown]


def _by_metric(key: str, metric: str | None, *, backwards: bool) -> Callable[[RunRecord], tuple[str, float]]:
    """Return what puts the best first, metric by metric; runs without a value come last either way."""

    def rank(record: RunRecord) -> tuple[str, float]:
        name = metric or record.primary
        figures = record.figures(name)
        score = math.nan if figures is None else figures.oof if key == "metric" else figures.mean
        if math.isnan(score):
            return "\U0010ffff", 0.0
        return name, -score if is_greater_better(name) != backwards else score

    return rank


def is_greater_better(metric: str) -> bool:
    """Return the direction of a metric.

    Raises:
        ConfigError: it is of a package that was not named.
    """
    found = metric_or_none(metric)
    if found is None:
        raise ConfigError(f"{metric}: whether more of it is better is known with --plugins PACKAGE, which it is from")
    return found.greater_is_better


def _sort_value(key: str, metric: str | None, records: Sequence[RunRecord]) -> Callable[[RunRecord], Any]:
    facts: Mapping[str, Callable[[RunRecord], Any]] = {
        "time": lambda record: record.seconds,
        "started": lambda record: record.started,
        "done": lambda record: record.n_done,
        "job": lambda record: None if record.job is None else (record.sweep, record.job),
        "sd": lambda record: _defined(record, metric),
        "state": lambda record: STATES.index(record.state),
    }
    if key in facts:
        return facts[key]
    if key in FACTS:
        return lambda record: getattr(record, key) or None
    name = known_key("--sort", key, records)
    return lambda record: _natural(setting(record, name)) if name in record.config else None


def _defined(record: RunRecord, metric: str | None) -> float | None:
    figures = record.figures(metric or record.primary)
    return None if figures is None or math.isnan(figures.sd) else figures.sd


def _natural(text: str) -> tuple[int, float, str]:
    """Numbers by size, before words by letters."""
    try:
        return 0, float(text), ""
    except ValueError:
        return 1, 0.0, text


def differing(records: Sequence[RunRecord]) -> list[str]:
    """Return the settings in which runs differ; not those that follow from another that differs.

    The arguments of one of two losses are absent from the other: they tell no more than which loss it is.
    """
    with_config = [record for record in records if record.config]
    keys = sorted({key for record in with_config for key in record.config})
    several = [key for key in keys if _differs(key, with_config)]
    return [key for key in several if not _follows(key, several, with_config)]


def _differs(key: str, records: Sequence[RunRecord]) -> bool:
    values = [record.config.get(key, ABSENT) for record in records]
    if len(set(map(id, values))) == 1:  # the index shares what is equal: this is quick
        return False
    return len({as_typed(value) for value in values}) > 1


def _follows(key: str, several: Sequence[str], records: Sequence[RunRecord]) -> bool:
    parts = key.split(".")
    above = [".".join(parts[:n]) for n in range(1, len(parts))]
    leaders = [name for name in (*above, *(f"{parts[0]}.{last}" for last in _LEADERS)) if name in several]
    for leader in leaders:
        if leader == key:
            continue
        value_of: dict[str, str] = {}
        if all(value_of.setdefault(setting(one, leader), setting(one, key)) == setting(one, key) for one in records):
            return True
    return False
