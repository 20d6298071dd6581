"""Is one run better than another: read them, put them side by side, and say it in a sentence."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from trainer.errors import ConfigError, DataError
from trainer.inference.compared_pairs import Pair, corrected_for_many, default_rope, paired, unpaired
from trainer.inference.compared_runs import ROUGH_FOLD, ComparedRun, Drawing, compared_runs, drawing_of, names_of
from trainer.inference.held_out import HeldOut, read_held_out
from trainer.inference.members import Purpose, read_members, require_several
from trainer.metrics.find import name_problem
from trainer.report.page.term_words import metric_word, term_words
from trainer.store.identity import differences
from trainer.store.own_files import is_blend
from trainer.wording.translations import _

COMPARE = Purpose(
    few="a comparison needs two runs at least: foldwise compare RUN RUN ...",
    twice="a run does not differ from itself",
    other_rows="compare runs of the same rows, or add --unpaired: the interval is then wider",
    other_folds="add --unpaired: the interval is then wider",
)
MOST_RUNS = 20


@dataclass(frozen=True)
class Comparison:
    """Runs side by side.

    Attributes:
        metric: its name.
        runs: in the order they were named.
        pairs: every two of them.
        rope: the largest difference that does not matter.
        is_paired: whether they hold out the same rows in the same folds.
        n_groups: how many groups rows are drawn by; None = by themselves.
        differs: by run, what its configuration has otherwise than the first run: (first, this).
        notes: what a reader must know.
    """

    metric: str
    runs: tuple[ComparedRun, ...]
    pairs: tuple[Pair, ...]
    rope: float
    is_paired: bool
    n_groups: int | None
    differs: dict[str, dict[str, tuple[Any, Any]]]
    notes: tuple[str, ...]

    @property
    def label(self) -> str:
        """The metric, as it is shown."""
        return metric_word(self.metric, term_words(_))


def compare(
    directories: Sequence[Path],
    *,
    metric: str | None = None,
    rope: float | None = None,
    unpaired: bool = False,
    seed: int = 0,
    plugins: Sequence[str] = (),
) -> Comparison:
    """Compare runs.

    Args:
        directories: two at least.
        metric: its name; None = the first of the first run.
        rope: the largest difference that does not matter; None = ``default_rope``.
        unpaired: take runs of other rows, labels or folds too, as if they had nothing in common.
        seed: of the drawing of rows.
        plugins: packages that the metric may be from.

    Raises:
        ConfigError: the metric, or the region, cannot be; fewer than two runs, or one twice.
        DataError: the runs do not fit together; says in what.
        CheckpointError: one of them is not finished, or damaged.
    """
    if rope is not None and not 0 <= rope < np.inf:
        raise ConfigError(f"--rope {rope:g}: the largest difference that does not matter is 0 or more")
    if len(directories) > MOST_RUNS:
        raise ConfigError(f"{len(directories)} runs: {MOST_RUNS} at most are compared, pair by pair")
    runs = _read_unpaired(directories) if unpaired else read_members(directories, purpose=COMPARE).runs
    name = _metric(metric, runs, plugins)
    compared, pairs, drawing = (_apart if unpaired else _together)(name, runs, rope, seed)
    region = default_rope(name, compared[0].score) if rope is None else rope
    return Comparison(
        metric=name,
        runs=tuple(compared),
        pairs=tuple(corrected_for_many(pairs)),
        rope=region,
        is_paired=not unpaired,
        n_groups=drawing.n_groups,
        differs=_differs(compared),
        notes=(*_notes(compared), *_within_seeds(pairs)),
    )


def _together(
    metric: str, runs: Sequence[HeldOut], rope: float | None, seed: int
) -> tuple[list[ComparedRun], list[Pair], Drawing]:
    drawing = drawing_of(runs)
    compared = compared_runs(metric, runs, drawing, seed=seed)
    region = default_rope(metric, compared[0].score) if rope is None else rope
    return compared, [paired(a, b, metric, drawing, region) for a, b in combinations(compared, 2)], drawing


def _apart(
    metric: str, runs: Sequence[HeldOut], rope: float | None, seed: int
) -> tuple[list[ComparedRun], list[Pair], Drawing]:
    """Compare runs of any rows: each is drawn by itself."""
    names = names_of([run.directory for run in runs])
    drawings = [drawing_of([run]) for run in runs]
    compared = []
    for place, (name, run, drawing) in enumerate(zip(names, runs, drawings, strict=True)):
        (one,) = compared_runs(metric, [run], drawing, seed=seed + place)
        compared.append(ComparedRun(name, run, one.score, one.folds, one.drawn_D, one.undefined, one.by_seed))
    return compared, [unpaired(a, b, metric) for a, b in combinations(compared, 2)], drawings[0]


def _read_unpaired(directories: Sequence[Path]) -> tuple[HeldOut, ...]:
    require_several(directories, COMPARE)
    runs = tuple(map(read_held_out, directories))
    for other in runs[1:]:
        if not runs[0].task.fits(other.task.name) and not other.task.fits(runs[0].task.name):
            raise DataError(
                f"{other.directory} does not fit {runs[0].directory}: a {other.task} task there, {runs[0].task} here"
            )
    return runs


def _metric(asked: str | None, runs: Sequence[HeldOut], plugins: Sequence[str]) -> str:
    name = str(asked or runs[0].run.facts["metrics"][0])
    for run in runs:
        if problem := name_problem(name, run.task, plugins):
            raise ConfigError(f"--metric: {problem}")
    return name


def _differs(runs: Sequence[ComparedRun]) -> dict[str, dict[str, tuple[Any, Any]]]:
    """Return what the configurations have otherwise; versions, data and folds are no part of it."""
    first = runs[0].run.run.identity
    return {
        one.name: differences({"config": first["config"]}, {"config": one.run.run.identity["config"]}, hardware=False)
        for one in runs[1:]
    }


def _within_seeds(pairs: Sequence[Pair]) -> list[str]:
    """Warn of differences that another seed makes, too."""
    said = _("{b} against {a}: another seed changes as much as they differ by (sd {sd})")
    return [said.format(a=pair.a.name, b=pair.b.name, sd=f"{pair.seed_sd:.4f}") for pair in pairs if pair.within_seeds]


def _notes(runs: Sequence[ComparedRun]) -> list[str]:
    notes = []
    for one in runs:
        run = one.run
        if one.undefined:
            notes.append(f"{one.name}: {one.undefined}")
        if run.run.facts["select"] == "fold":
            said = _("{name} picked its epochs on the held-out rows (cv.select=fold): its score flatters")
            notes.append(said.format(name=one.name))
        if is_blend(run.directory):
            said = _("{name} is a blend: the weights of a fold's rows come from the other folds")
            notes.append(said.format(name=one.name))
    fewest = min(int(np.bincount(fold_N[fold_N >= 0]).min()) for one in runs for fold_N in one.run.plan.fold_of_row)
    if fewest < ROUGH_FOLD:
        rows = _("the smallest fold holds out {n} rows") if fewest > 1 else _("the smallest fold holds out 1 row")
        notes.append(_("{rows}: what it says is mostly chance").format(rows=rows.format(n=fewest)))
    return notes
