"""Which row is held out when: made once, written to folds.json, and known by its fingerprint."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.errors import ConfigError, did_you_mean
from trainer.folds.checks import require_groups, require_settings, require_sound, require_times
from trainer.folds.notes import split_notes
from trainer.folds.own import OwnStrategy
from trainer.folds.rare import apply_rare_policy
from trainer.folds.request import Pair, RowNumbers, SplitOptions, SplitRequest
from trainer.folds.strategies.predefined import Predefined, by_repeat, renumbered
from trainer.tasks import of_target

CHUNK_CELLS = 1 << 16  # written as JSON at a time


@dataclass(frozen=True)
class FoldPlan:
    """A split of all rows into folds.

    Attributes:
        strategy: how the rows were split.
        n_splits: folds per repeat.
        repeats: how often the rows were split again.
        random_state: of the first repeat; repeat r uses ``random_state + r``.
        fold_of_row: (repeats, N) the fold that holds the row out; -1 = none does.
        fingerprint: sha256 of ids, labels, groups, strategy, k and seed, and of what else decided the split.
        notes: what was decided about the split.
        train_rows: by (repeat, fold), where a fold trains on less than all rows it does not hold out.
        seeds: of training, where the same folds are trained once for each: the repeats of the first seed come first,
            then the same again for the next; empty where there is one seed.
    """

    strategy: str
    n_splits: int
    repeats: int
    random_state: int
    fold_of_row: NDArray[np.int64]
    fingerprint: str
    notes: tuple[str, ...] = ()
    train_rows: Mapping[tuple[int, int], RowNumbers] = field(default_factory=dict)
    seeds: tuple[int, ...] = ()

    @property
    def n_different(self) -> int:
        """Repeats that split the rows otherwise; the others have the same folds under another seed."""
        return self.repeats // max(1, len(self.seeds))

    @property
    def n_folds(self) -> int:
        """Folds of all repeats together."""
        return self.n_splits * self.repeats

    def rows(self, repeat: int, fold: int) -> Pair:
        """Return (training, held-out) row numbers, ascending."""
        held_out = self.fold_of_row[repeat] == fold
        train = self.train_rows.get((repeat, fold))
        return np.flatnonzero(~held_out) if train is None else train, np.flatnonzero(held_out)

    def to_json(self) -> str:
        """Return the text of folds.json: ``train_rows``, where there are any, as [start, end) runs."""
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__}
        fields["fold_of_row"] = self.fold_of_row.tolist()
        fields["train_rows"] = [
            {"repeat": repeat, "fold": fold, "runs": _runs(rows)} for (repeat, fold), rows in self.train_rows.items()
        ]
        absent = [name for name in ("train_rows", "seeds") if not fields[name]]
        return json.dumps({name: value for name, value in fields.items() if name not in absent}) + "\n"


def read_plan(path: Path) -> FoldPlan:
    """Read a folds.json."""
    return plan_of(json.loads(path.read_text(encoding="utf-8")))


def plan_of(fields: Mapping[str, Any]) -> FoldPlan:
    """Return the plan of a parsed folds.json."""
    values = {name: fields[name] for name in FoldPlan.__dataclass_fields__ if name in fields}
    values["fold_of_row"] = np.asarray(values["fold_of_row"], dtype=np.int64)
    values["train_rows"] = {
        (part["repeat"], part["fold"]): np.concatenate([np.arange(*run) for run in part["runs"]])
        for part in values.get("train_rows", [])
    }
    return FoldPlan(**{**values, "notes": tuple(values["notes"]), "seeds": tuple(values.get("seeds", ()))})


def make_folds(
    strategy: str,
    target: NDArray[np.int64],
    *,
    ids_N: NDArray[np.str_],
    groups_N: NDArray[np.str_] | None,
    classes: tuple[str, ...],
    n_splits: int,
    repeats: int,
    shuffle: bool,
    random_state: int,
    times_N: NDArray[np.float64] | NDArray[np.int64] | None = None,
    predefined: Predefined | None = None,
    options: SplitOptions | None = None,
    own: OwnStrategy | None = None,
) -> FoldPlan:
    """Split the rows, in the order of their ids: the order of the rows in the file says nothing.

    Args:
        strategy: a module of ``trainer.folds`` with a ``split`` function; multi-label rows under ``stratified`` are
            split by iterative stratification.
        target: (N,) class index, or (N, L).
        ids_N: identity of each row.
        groups_N: group of each row, or None.
        classes: label text per class, for messages.
        n_splits: folds; not used where the strategy says how many (a note tells).
        repeats: splits with ``random_state``, ``random_state + 1``, ...
        shuffle: shuffle before splitting.
        random_state: seed of the shuffle; 0 is a seed.
        times_N: when each row happened (``time``).
        predefined: the folds themselves (``predefined``).
        options: settings of single strategies.
        own: what splits, where ``strategy`` is a dotted name.

    Raises:
        ConfigError: the settings contradict each other or the data, such as groups that would not be kept.
        DataError: the rows cannot be split so.
    """
    notes: tuple[str, ...] = ()
    if strategy == "stratified" and of_target(target).several_labels:
        strategy = of_target(target).stratified
        notes = ("multi-label rows: stratified by iterative stratification (cv=multilabel)",)
    module = strategy_module(strategy) if own is None else own
    request = SplitRequest(
        target, n_splits, shuffle, random_state, groups_N, times_N, options=options or SplitOptions()
    )
    require_settings(strategy, module, request, repeats, predefined is not None)
    require_groups(strategy, module, request)
    require_times(strategy, times_N)
    rare = request.options.rare
    rare_outcome = apply_rare_policy(strategy, target, groups_N, classes=classes, n_splits=n_splits, rare=rare)
    order = id_order(ids_N) if predefined is None else np.arange(len(target))
    stratified = replace(request, target=rare_outcome.labels)
    rounds = [
        _in_order(module, one, order, rare_outcome.kept_N)
        for one in _each_repeat(stratified, repeats, predefined, ids_N)
    ]
    notes = (*notes, *(renumbered(predefined) if predefined is not None else ()))
    notes = (*notes, *rare_outcome.notes, *split_notes(strategy, module, rounds, request, classes))
    plan = _plan(strategy, rounds, random_state, notes, len(target))
    _require_sound_folds(plan, ids_N, groups_N)
    further = _further_facts(plan, request, ordered=bool((np.diff(order) != 1).any()), rare=bool(rare_outcome.notes))
    settings = (strategy, plan.n_splits, plan.repeats, shuffle, random_state)
    return replace(plan, fingerprint=_fingerprint(settings, ids_N, target, groups_N, *further))


def strategies() -> list[str]:
    """Return the names of the strategies: the files here that say ``N_SPLITS``."""
    names = sorted(path.stem for path in (Path(__file__).parent / "strategies").glob("*.py") if path.stem != "__init__")
    return [name for name in names if hasattr(import_module(f"trainer.folds.strategies.{name}"), "N_SPLITS")]


def strategy_module(strategy: str) -> ModuleType:
    """Return the file of a strategy.

    Raises:
        ConfigError: there is none of that name.
    """
    try:
        module = import_module(f"trainer.folds.strategies.{strategy}")
    except ModuleNotFoundError:
        module = None
    if module is None or not hasattr(module, "N_SPLITS"):
        raise ConfigError(f"cv.strategy: unknown '{strategy}'{did_you_mean(strategy, strategies())}")
    return module


def id_order(ids_N: NDArray[np.str_]) -> RowNumbers:
    """Return the row numbers in the order of their ids: as numbers where all are whole numbers, else as text.

    Row numbers as ids, what a data set without ids has, give the order of the rows.
    """
    lengths_N = np.char.str_len(ids_N)
    if _all_whole_numbers(ids_N, lengths_N):
        return np.lexsort((ids_N, lengths_N))
    return np.argsort(ids_N, kind="stable")


def _all_whole_numbers(ids_N: NDArray[np.str_], lengths_N: NDArray[np.int64]) -> bool:
    """Whether every id is a whole number written in ASCII digits, without a zero in front."""
    if not len(ids_N) or not lengths_N.all():
        return False
    characters_NW = np.ascontiguousarray(ids_N).view(np.uint32).reshape(len(ids_N), -1)
    if ((characters_NW[:, 0] == ord("0")) & (lengths_N > 1)).any():
        return False
    within = (column_N[lengths_N > place] for place, column_N in enumerate(characters_NW.T))
    return all(((column_M >= ord("0")) & (column_M <= ord("9"))).all() for column_M in within)


def _each_repeat(
    request: SplitRequest, repeats: int, predefined: Predefined | None, ids_N: NDArray[np.str_]
) -> list[SplitRequest]:
    if predefined is not None:
        given = by_repeat(predefined, len(request.target), ids_N, request.options.overlap)
        return [replace(request, pairs=pairs) for pairs in given]
    return [replace(request, random_state=request.random_state + repeat) for repeat in range(repeats)]


def _in_order(
    module: ModuleType | OwnStrategy, request: SplitRequest, order: RowNumbers, kept_N: NDArray[np.bool_]
) -> list[Pair]:
    """Split the rows as if the file had them in this order; rows that are kept train in every fold."""
    rows, kept = order[~kept_N[order]], np.flatnonzero(kept_N)
    asked = replace(
        request,
        target=request.target[rows],
        groups_N=None if request.groups_N is None else request.groups_N[rows],
        times_N=None if request.times_N is None else request.times_N[rows],
    )
    return [
        (np.sort(np.concatenate([rows[train], kept])), np.sort(rows[held_out]))
        for train, held_out in (module.checked_split(asked) if isinstance(module, OwnStrategy) else module.split(asked))
    ]


def _plan(strategy: str, rounds: list[list[Pair]], random_state: int, notes: tuple[str, ...], n_rows: int) -> FoldPlan:
    fold_of_row = np.full((len(rounds), n_rows), -1, dtype=np.int64)
    train_rows = {}
    for repeat, pairs in enumerate(rounds):
        for fold, (train, held_out) in enumerate(pairs):
            fold_of_row[repeat, held_out] = fold
            if len(train) + len(held_out) < n_rows:
                train_rows[repeat, fold] = train
    return FoldPlan(strategy, len(rounds[0]), len(rounds), random_state, fold_of_row, "", notes, train_rows)


def _require_sound_folds(plan: FoldPlan, ids_N: NDArray[np.str_], groups_N: NDArray[np.str_] | None) -> None:
    for number in range(plan.n_folds):
        repeat, fold = divmod(number, plan.n_splits)
        require_sound(plan.rows(repeat, fold), fold, ids_N, groups_N)


def _further_facts(plan: FoldPlan, request: SplitRequest, *, ordered: bool, rare: bool) -> tuple[object, ...]:
    """Return what decides a split besides ids, labels and groups; nothing where that is all."""
    options, facts = request.options, list[object]()
    if ordered:
        facts.append("in the order of the ids")
    if rare:
        facts.append(f"rare {options.rare}")
    if plan.strategy == "holdout":
        facts.append(f"held out {options.holdout_fraction}")
    grouped = request.groups_N is not None
    drawn = {
        "holdout": grouped or rare or of_target(request.target).several_labels,
        "multilabel": grouped and request.shuffle,
    }
    if drawn.get(plan.strategy):
        facts.append("dealt out in a drawn order")  # tells apart the splits made when that order was fixed
    if plan.strategy == "time" and request.times_N is not None:
        facts += [f"gap {options.gap}, window {options.window}", request.times_N]
    if plan.strategy == "predefined" or "." in plan.strategy:
        runs = [[*key, _runs(rows)] for key, rows in sorted(plan.train_rows.items())]
        facts += [plan.fold_of_row, runs]
    return tuple(facts)


def _fingerprint(settings: tuple[object, ...], *facts: object) -> str:
    digest = hashlib.sha256(json.dumps(settings).encode())
    for fact in facts:
        for part in json_parts(fact) if isinstance(fact, np.ndarray) else [json.dumps(fact)]:
            digest.update(part.encode())
    return digest.hexdigest()


def json_parts(values: Sequence[object] | NDArray[Any]) -> Iterator[str]:
    """Yield the JSON of a list or an array in parts, so that neither all of it nor a list of all values is made."""
    n_cells = values.size if isinstance(values, np.ndarray) else len(values)
    step = max(1, CHUNK_CELLS * len(values) // max(n_cells, 1))
    for start in range(0, len(values), step):
        part = values[start : start + step]
        listed = part.tolist() if isinstance(part, np.ndarray) else part
        yield (", " if start else "[") + json.dumps(listed)[1:-1]
    yield "]" if len(values) else "[]"


def _runs(rows: RowNumbers) -> list[list[int]]:
    parts = np.split(rows, np.flatnonzero(np.diff(rows) != 1) + 1)
    return [[int(part[0]), int(part[-1]) + 1] for part in parts]
