"""Permutation importance: how much worse held-out rows are predicted when a column says nothing of them.

Breiman, "Random forests", Machine Learning 2001; Fisher, Rudin, Dominici, JMLR 2019. Each fold's own model predicts the
rows that it held out, as they are and with the cells of a column dealt out among them again. The interval is that of
the corrected t-test over folds and repeats: it knows that folds share their training rows.
"""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.data.preprocess.contract import ShowProgress, no_progress
from trainer.data.sources.in_memory import Given
from trainer.errors import ConfigError
from trainer.evidence.not_defined import NotDefined
from trainer.evidence.resampled_t import FoldSpread, corrected_t
from trainer.inference.fold_model import load_fold_model
from trainer.inference.permuted_columns import (
    Table,
    clustered,
    constant_columns,
    permuted,
    table_of,
)
from trainer.inference.predictor import Predictor
from trainer.inference.trained import TrainedRun, open_trained, samples_of, threads_of, wanted_folds
from trainer.metrics.find import metric_named, name_problem
from trainer.metrics.scores import score
from trainer.report.formatting import folds_named
from trainer.system import interrupts

Floats = NDArray[np.float64]
USUAL_DRAWS, USUAL_ROWS, USUAL_MINUTES, USUAL_ALIKE = 5, 5_000, 10.0, 0.9


@dataclass(frozen=True)
class Wanted:
    """How importance is measured.

    Attributes:
        metric: its name; None = the first of the run.
        draws: how often each column is permuted.
        rows: of a fold, drawn at random where it holds out more; 0 = all.
        alike: absolute rank correlation from which columns are permuted together.
        minutes: after these no further column is begun.
        seed: of the drawing.
    """

    metric: str | None = None
    draws: int = USUAL_DRAWS
    rows: int = USUAL_ROWS
    alike: float = USUAL_ALIKE
    minutes: float = USUAL_MINUTES
    seed: int = 0


@dataclass(frozen=True)
class Importance:
    """How much columns matter that are permuted together.

    Attributes:
        names: of them.
        value: by how much the metric is worse without them, mean over the folds in which it is defined.
        folds_K: the same in each fold, mean over draws.
        spread: its interval, or why there is none.
        n_draws: how often they were permuted.
        why: why they were not permuted at all; empty where they were.
    """

    names: tuple[str, ...]
    value: float
    folds_K: Floats
    spread: FoldSpread | NotDefined
    n_draws: int
    why: str = ""


@dataclass(frozen=True)
class Importances:
    """Every column of a run, the most important first.

    Attributes:
        directory: of the run.
        metric: its name.
        folds: numbers of those that were looked at.
        score_K: metric of each fold's rows as they are.
        n_rows: of all folds together, that were predicted.
        columns: likewise.
        notes: what a reader must know.
    """

    directory: Path
    metric: str
    folds: tuple[int, ...]
    score_K: Floats
    n_rows: int
    columns: tuple[Importance, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class FoldRows:
    """What a fold predicts, and what its rows are.

    Attributes:
        number: of the fold.
        predict: returns probabilities (V, C), or numbers.
        table: its V rows.
        target: of them.
    """

    number: int
    predict: Callable[[Table], NDArray[Any]]
    table: Table
    target: NDArray[Any]


def importance(
    directory: Path,
    wanted: Wanted,
    *,
    given: Given | None = None,
    places: dict[str, str] | None = None,
    folds: Sequence[int] | None = None,
    device: str | None = None,
    plugins: Sequence[str] = (),
    track: ShowProgress = no_progress,
) -> Importances:
    """Measure how important the columns of a run are.

    Args:
        directory: of the run.
        wanted: how.
        given: its rows, where they were in memory when it was trained.
        places: where its files are now, by option: ``{"path": ...}``.
        folds: to look at; None = all.
        device: to predict on.
        plugins: packages whose classes may be built.
        track: shows the progress.

    Raises:
        ConfigError: a setting cannot be, the metric is not for the task, or the rows have no columns.
        CheckpointError: the run is not finished, was saved without weights, or damaged.
        DataError: the rows are not those of the run.
    """
    _require_sensible(wanted)
    run = open_trained(directory, device=device, plugins=plugins)
    metric = _metric(run, wanted.metric, plugins)
    numbers = [int(name) for name in wanted_folds(run, folds)]
    samples = samples_of(run, given, places or {})
    table = table_of(samples.inputs)
    with threads_of(run):
        parts = [_fold_rows(run, number, table, samples.target, wanted) for number in numbers]
        constant, clusters = constant_columns(table), clustered(table, wanted.alike)
        moving = [names for names in clusters if not set(names) <= set(constant)]
        score_K, drops = _drops(run, metric, parts, moving, wanted, track)
    ratio = _per_training_row(run, numbers)
    columns = [_importance(names, drops.get(names, []), constant, numbers, ratio) for names in clusters]
    n_rows = sum(len(part.target) for part in parts)
    held_out = sum(len(run.plan.rows(*divmod(number, run.plan.n_splits))[1]) for number in numbers)
    notes = (*run.notes, *_notes(metric, score_K, numbers), *_draw_notes(wanted, columns, n_rows, held_out))
    columns.sort(key=lambda one: -one.value if math.isfinite(one.value) else math.inf)
    return Importances(directory, metric, tuple(numbers), score_K, n_rows, tuple(columns), notes)


def _drops(
    run: TrainedRun,
    metric: str,
    parts: Sequence[FoldRows],
    moving: Sequence[tuple[str, ...]],
    wanted: Wanted,
    track: ShowProgress,
) -> tuple[Floats, dict[tuple[str, ...], list[Floats]]]:
    """Return the score of each fold (K,), and by cluster of columns what each draw loses of it in each fold (K,)."""

    def score_of(part: FoldRows, table: Table) -> float:
        return score([metric], run.spec.task, part.target, part.predict(table))[metric]

    score_K = np.array([score_of(part, part.table) for part in parts])
    sign = 1.0 if metric_named(metric).greater_is_better else -1.0
    drops: dict[tuple[str, ...], list[Floats]] = {names: [] for names in moving}
    for draw, names in _while_time(list(product(range(wanted.draws), moving)), wanted.minutes, track):
        worse = [score_of(part, permuted(part.table, names, order_of(part, wanted.seed, draw))) for part in parts]
        drops[names].append(sign * (score_K - np.array(worse)))
    return score_K, drops


def _require_sensible(wanted: Wanted) -> None:
    if wanted.draws < 1 or wanted.rows < 0:
        raise ConfigError("--draws is 1 or more, --sample 0 (all rows) or more")
    if not 0 < wanted.alike <= 1:
        raise ConfigError(f"--alike {wanted.alike:g}: a rank correlation above 0 and at most 1, such as {USUAL_ALIKE}")
    if not wanted.minutes > 0:
        raise ConfigError(f"--minutes {wanted.minutes:g}: more than 0")


def _metric(run: TrainedRun, asked: str | None, plugins: Sequence[str]) -> str:
    name = str(asked or run.facts["metrics"][0])
    if problem := name_problem(name, run.spec.task, plugins):
        raise ConfigError(f"--metric: {problem}")
    return name


def _fold_rows(run: TrainedRun, number: int, table: Table, target: NDArray[Any], wanted: Wanted) -> FoldRows:
    """Return what a fold held out, or a part of it drawn at random, and its model."""
    _, rows = run.plan.rows(*divmod(number, run.plan.n_splits))
    if 0 < wanted.rows < len(rows):
        rows = np.sort(np.random.default_rng([wanted.seed, number]).choice(rows, wanted.rows, replace=False))
    predictor = Predictor(run, (load_fold_model(run, number),))
    return FoldRows(number, lambda table: predictor.predict(table)[0].proba, table.only(rows), target[rows])


def order_of(part: FoldRows, seed: int, draw: int) -> NDArray[np.int64]:
    """Return the order of a fold's rows in a draw: the same for every column, so that columns are compared alike."""
    return np.random.default_rng([seed, part.number, draw]).permutation(len(part.target))


def _while_time(
    items: list[tuple[int, tuple[str, ...]]], minutes: float, track: ShowProgress
) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Yield the items until the time is up; the first in any case."""
    end = time.monotonic() + 60 * minutes
    at_work: Iterable[Any] = track(items, "permuting columns", len(items))
    for place, item in enumerate(at_work):
        if place and time.monotonic() > end:
            return
        interrupts.check()
        yield item


def _importance(
    names: tuple[str, ...], drops: Sequence[Floats], constant: dict[str, str], numbers: Sequence[int], ratio: float
) -> Importance:
    if set(names) <= set(constant):
        why = constant[names[0]]
        return Importance(names, 0.0, np.zeros(len(numbers)), NotDefined(why), 0, why)
    if not drops:
        why = "the time was up before its turn"
        return Importance(names, math.nan, np.full(len(numbers), math.nan), NotDefined(why), 0, why)
    folds_K = np.mean(drops, axis=0)
    defined_K = np.isfinite(folds_K)
    value = float(folds_K[defined_K].mean()) if defined_K.any() else math.nan
    spread: FoldSpread | NotDefined
    if not defined_K.all():
        spread = NotDefined("undefined in some folds")
    elif (folds_K == 0).all():
        spread = NotDefined("no fold is any worse or better without it")
    else:
        spread = corrected_t(folds_K, ratio)
    return Importance(names, value, folds_K, spread, len(drops))


def _per_training_row(run: TrainedRun, numbers: Sequence[int]) -> float:
    """Return rows held out per row trained on, mean over folds."""
    sizes = [tuple(map(len, run.plan.rows(*divmod(number, run.plan.n_splits)))) for number in numbers]
    return float(np.mean([n_test / n_train for n_train, n_test in sizes]))


def _notes(metric: str, score_K: Floats, numbers: Sequence[int]) -> Iterator[str]:
    lacking = [number for number, value in zip(numbers, score_K.tolist(), strict=True) if not math.isfinite(value)]
    if lacking:
        rest = "nothing is left" if len(lacking) == len(numbers) else "means are of the others, without intervals"
        yield f"{metric} is undefined in {folds_named(lacking)} (a class is lacking there): {rest}"


def _draw_notes(wanted: Wanted, columns: Sequence[Importance], n_rows: int, held_out: int) -> Iterator[str]:
    if n_rows < held_out:
        yield f"{n_rows} of {held_out} held-out rows were drawn at random (--sample 0 takes all)"
    draws = [one.n_draws for one in columns if one.n_draws or one.value != one.value]
    if draws and min(draws) < wanted.draws:
        waiting = draws.count(0)
        said = f"; {waiting} had no turn" if waiting else ""
        times = f"{min(draws)} to {max(draws)} times"
        yield f"the time was up (--minutes {wanted.minutes:g}): columns were permuted {times}{said}"
    alike = [one.names for one in columns if len(one.names) > 1]
    if alike:
        clusters = f"{len(alike)} cluster{'s' * (len(alike) > 1)}"
        yield (
            f"{sum(map(len, alike))} columns are permuted in {clusters}, whose rank correlation is {wanted.alike:g} or "
            "more (--alike): what one of them alone is worth cannot be told"
        )
