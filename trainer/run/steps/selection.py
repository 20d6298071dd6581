"""Before the first step: whether the metric that is to pick can tell one epoch, or one candidate, from another."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from trainer.config.grid import is_nested
from trainer.engine.settings import FoldRows
from trainer.errors import DataError
from trainer.metrics.find import metric_named
from trainer.metrics.undefined import FEW_ROWS, cannot_decide, hangs_on_few, lacking
from trainer.run.experiment import Experiment
from trainer.run.fold_data import fold_rows
from trainer.run.nested import inner_rows


def selection_start(experiment: Experiment, wanted: Sequence[int | str]) -> list[str]:
    """Refuse a metric that is the same, or undefined, whatever is predicted of the rows that pick.

    Args:
        experiment: what is run.
        wanted: folds to be trained.

    Returns:
        Notes on folds of which some, but not all, inner folds cannot pick, or whose pick hangs on a handful of rows.

    Raises:
        DataError: naming the first fold, what its rows lack, and what helps.
    """
    notes, few = [], dict[int | str, str]()
    for name in wanted:
        rows = fold_rows(experiment, name)
        parts = inner_rows(experiment, rows) if is_nested(experiment.cv) else [rows]
        useless = [part for part in parts if _cannot_pick(experiment, part)]
        if useless and len(useless) == len(parts):
            raise DataError(_refusal(experiment, name, rows, useless[0]))
        if useless:
            why = _lacking(experiment, useless[0])
            notes.append(
                f"fold {name}: {_label(experiment)} says nothing on {len(useless)} of {len(parts)} inner folds"
                f"{f' ({why})' if why else ''}: they have no part in the pick where it is undefined"
            )
        elif said := _on_few_rows(experiment, rows, parts):
            few[name] = said
    return notes + _together(few)


def _on_few_rows(experiment: Experiment, rows: FoldRows, parts: Sequence[FoldRows]) -> str:
    """Say how few rows of a class the pick hangs on, and what helps; empty where it hangs on enough, or on none."""
    picking = [part.monitor for part in parts if part.monitor is not None]
    if not picking:
        return ""
    cv, spec, target = experiment.cv, experiment.spec, experiment.samples.target
    monitor = np.concatenate(picking)
    rarest = hangs_on_few(experiment.recipe.settings.metrics[0], target[monitor], len(spec.classes))
    if rarest is None:
        return ""
    counts = spec.task.class_counts(target[monitor], len(spec.classes))
    trained = rows.train if is_nested(cv) or cv.select == "fold" else np.concatenate([rows.train, monitor])
    n_trained = int(spec.task.class_counts(target[trained], len(spec.classes))[rarest])
    of = "with label" if spec.task.several_labels else f"of {spec.task.noun}"
    enough = math.ceil(100 * FEW_ROWS / max(n_trained, 1)) / 100
    larger = f"cv.inner_fraction={enough:g} or " if cv.select == "inner" and not is_nested(cv) and enough <= 0.5 else ""
    return (
        f"{_label(experiment)} picks on {counts[rarest]} row{'s' * int(counts[rarest] != 1)} {of} "
        f"'{spec.classes[rarest]}' ({n_trained} in training): fewer than {FEW_ROWS} decide by chance; "
        f"use {larger}cv.select=last"
    )


def _together(few: Mapping[int | str, str]) -> list[str]:
    """Return one note for all folds of which the same is to be said."""
    folds_of = {said: [str(name) for name, other in few.items() if other == said] for said in few.values()}
    return [f"fold{'s' * (len(names) > 1)} {', '.join(names)}: {said}" for said, names in folds_of.items()]


def _cannot_pick(experiment: Experiment, rows: FoldRows) -> bool:
    if rows.monitor is None:
        return False
    metric = experiment.recipe.settings.metrics[0]
    return cannot_decide(metric, experiment.samples.target[rows.monitor], len(experiment.spec.classes))


def _label(experiment: Experiment) -> str:
    return metric_named(experiment.recipe.settings.metrics[0]).label


def _lacking(experiment: Experiment, rows: FoldRows) -> str:
    """Return what the rows that pick lack."""
    return lacking(experiment.spec.task, experiment.samples.target[rows.monitor], experiment.spec.classes)


def _refusal(experiment: Experiment, name: int | str, rows: FoldRows, part: FoldRows) -> str:
    cv, spec, samples = experiment.cv, experiment.spec, experiment.samples
    assert part.monitor is not None
    train = rows.train if is_nested(cv) or cv.select == "fold" else [*part.train, *part.monitor]
    counts_C = spec.task.class_counts(samples.target[train], len(spec.classes))
    has = "have" if spec.task.several_labels else "are of"
    rarest = f"; of all {len(train)} training rows {counts_C.min()} {has} '{spec.classes[int(counts_C.argmin())]}'"
    why = _lacking(experiment, part) or "all targets are the same"
    if is_nested(cv):
        what, helps = "any inner fold", "fewer cv.inner.n_splits"
    elif cv.select == "fold":
        what, helps = "its held-out rows", "cv.select=last"
    else:
        what, helps = "the slice that picks", "another cv.inner_fraction, cv.select=last"
    return (
        f"fold {name}: {_label(experiment)} cannot pick on {what} ({len(part.monitor)} rows): {why}"
        f"{rarest if len(counts_C) else ''}\nuse {helps}, or lead metrics.names with another metric"
    )
