"""What picking the best run costs: of the jobs of a sweep, or of any runs that were scored on the same rows."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainer.errors import CheckpointError, FoldwiseError, ForeignFileError
from trainer.evidence.not_defined import NotDefined
from trainer.evidence.picking import Picked, corrected_for_picking
from trainer.metrics.bootstrap import Predictions, resample_with_rest
from trainer.metrics.find import metric_named
from trainer.metrics.scores import score
from trainer.metrics.summary import groups_of_rows, mean_of_defined, row_numbers
from trainer.report.formatting import number
from trainer.results import OutOfFold
from trainer.search.run_groups import group_keys, group_value
from trainer.search.run_list import Listing
from trainer.store.result_files import plain, read_cv_json, read_oof
from trainer.store.run_files import read_run_rows
from trainer.system.files import make_directory, sealed, unsealed, write_bytes
from trainer.tasks import Task
from trainer.wording.translations import N_

Floats = NDArray[np.float64]
DRAWN = ".drawn.json"  # behind the number of a job


@dataclass(frozen=True)
class DrawnRun:
    """A run's metric on rows that are drawn alike for every run of the same rows.

    Attributes:
        name: of the run, as it is shown.
        metric: its name.
        rows: sha256 of the rows that were scored, with their labels and groups.
        score: on all of them.
        drawn_D: on those of each draw.
        left_out_D: on those that the draw leaves out.
    """

    name: str
    metric: str
    rows: str
    score: float
    drawn_D: Floats
    left_out_D: Floats


def drawn_run(run: Path, name: str, metric: str | None = None) -> DrawnRun:
    """Read what a finished run predicted out of fold, and compute its metric on the draws.

    Args:
        run: its directory.
        name: as it is shown.
        metric: its name; None = the run's own.

    Raises:
        CheckpointError: it is not finished, or its files are damaged.
    """
    try:
        result, oof = read_cv_json(run / "cv.json"), read_oof(run / "oof.parquet")
        ids_N, _, group_N = read_run_rows(run, result.task)
    except FoldwiseError:
        raise
    except Exception as error:  # what Arrow and JSON raise of damaged files
        raise CheckpointError(f"{run}: its results cannot be read: {type(error).__name__}") from error
    if group_N is not None:
        oof = replace(oof, group=_groups(oof, ids_N, group_N))
    return drawn_rows(name, metric or result.primary, result.task, result.classes, oof)


def _groups(oof: OutOfFold, ids_N: NDArray[np.str_], group_N: NDArray[np.int64]) -> NDArray[np.int64]:
    order = np.argsort(ids_N)
    return np.asarray(group_N[order[np.searchsorted(ids_N[order], oof.ids)]])


def drawn_rows(name: str, metric: str, task: Task, classes: Sequence[str], oof: OutOfFold) -> DrawnRun:
    """Compute a metric of what was predicted out of fold on the draws.

    Args:
        name: of the run, as it is shown.
        metric: its name.
        task: of the run.
        classes: likewise.
        oof: the predictions.
    """
    row_M = row_numbers(oof)
    n_rows, group_U = int(row_M.max()) + 1, groups_of_rows(oof, row_M)
    parts = [oof.repeat == repeat for repeat in np.unique(oof.repeat)]
    drawn_RD, left_out_RD = resample_with_rest(
        metric,
        task,
        [Predictions(oof.target[part_M], oof.proba[part_M], row_M[part_M]) for part_M in parts],
        n_rows=n_rows,
        group_N=group_U,
    )
    values = [score([metric], task, oof.target[part_M], oof.proba[part_M])[metric] for part_M in parts]
    _, first_U = np.unique(row_M, return_index=True)
    digest = hashlib.sha256(f"{task.name} {tuple(classes)} {n_rows}".encode())
    for array in (oof.ids[first_U], oof.target[first_U], *([] if group_U is None else [group_U])):
        digest.update(np.ascontiguousarray(array).tobytes())
    return DrawnRun(
        name, metric, digest.hexdigest(), mean_of_defined(values), drawn_RD.mean(axis=0), left_out_RD.mean(axis=0)
    )


def pick(runs: Sequence[DrawnRun]) -> Picked | NotDefined:
    """Return the best of the runs, out of fold, corrected for picking; else the reason why not."""
    if len(runs) < 2:
        return NotDefined("a single run: nothing was picked" if runs else "no run is finished")
    first = runs[0]
    for other in runs[1:]:
        if other.metric != first.metric:
            return NotDefined(f"{other.name} leads with {other.metric}, {first.name} with {first.metric}")
        if other.rows != first.rows:
            return NotDefined(f"{other.name} was scored on other rows, labels or groups than {first.name}")
        if len(other.drawn_D) != len(first.drawn_D):
            n_draws = f"{len(other.drawn_D)} times, {first.name} {len(first.drawn_D)} times"
            return NotDefined(f"{other.name} was drawn from {n_draws}: it has other repeats")
    return corrected_for_picking(
        np.array([run.score for run in runs]),
        np.stack([run.drawn_D for run in runs]),
        np.stack([run.left_out_D for run in runs]),
        greater_is_better=metric_named(first.metric).greater_is_better,
    )


def picked_line(runs: Sequence[DrawnRun]) -> str:
    """Return a sentence: ``best of 24: 0.8473, corrected for picking: 0.8391``, or why there is none."""
    found = pick(runs)
    if isinstance(found, NotDefined):
        return f"not corrected for picking the best: {found.why}"
    low, high = map(number, found.ci95)
    best = runs[found.best]
    share = f"{100 * found.stability:.0f} % of the draws pick it"
    return (
        f"best of {found.n_models} out of fold ({best.name}): {number(found.score)}, "
        f"corrected for picking: {number(found.corrected)} (95 % CI {low} – {high}; {share})"
    )


def best_lines(folder: Path, listing: Listing, keys: Sequence[str]) -> list[str]:
    """Return a sentence on the best of the listed runs, or one per group of them.

    Args:
        folder: that was listed.
        listing: of the runs.
        keys: settings that they are grouped by, or none.

    Raises:
        CheckpointError: the files of a run are damaged.
    """
    finished = [record for record in listing.records if record.state == "finished"]
    groups: dict[str, list[DrawnRun]] = {}
    names = group_keys(listing, keys)
    for record in finished:
        place = folder / record.name if (folder / record.name).is_dir() else folder
        said = " ".join(f"{key}={group_value(record, name)}" for key, name in zip(keys, names, strict=True))
        groups.setdefault(said, []).append(drawn_run(place, record.name, listing.metric_of(record)))
    return [f"{said}: {picked_line(runs)}" if said else picked_line(runs) for said, runs in groups.items()]


def keep(sweep_dir: Path, number: int, run: DrawnRun) -> None:
    """Write what was computed of a job beside its record, so that each job is read once and not by all that follow.

    Raises:
        StorageError: it cannot be written.
    """
    values = {
        "name": run.name,
        "metric": run.metric,
        "rows": run.rows,
        **plain({"score": run.score, "drawn": run.drawn_D, "left_out": run.left_out_D}),
    }
    place = sweep_dir / "jobs" / f"{number}{DRAWN}"
    make_directory(place.parent, sweep_dir)
    write_bytes(place, sealed(values, indent=None), root=sweep_dir, what=N_("record of the job"))


def kept(sweep_dir: Path, number: int) -> DrawnRun:
    """Read it back.

    Raises:
        CheckpointError: there is none, or it is not what was written.
    """
    values = unsealed(sweep_dir / "jobs" / f"{number}{DRAWN}", sweep_dir)
    drawn_D, left_out_D = (np.array(values[name], dtype=np.float64) for name in ("drawn", "left_out"))
    score_all = math.nan if values["score"] is None else float(values["score"])
    return DrawnRun(values["name"], values["metric"], values["rows"], score_all, drawn_D, left_out_D)


def sweep_line(sweep_dir: Path, numbers: Sequence[int]) -> str:
    """Return what picking the best of a sweep's finished jobs costs, in a sentence."""
    try:
        runs = [kept(sweep_dir, number) for number in numbers]
    except (CheckpointError, ForeignFileError):
        return "not corrected for picking the best: a job left no predictions to draw from"
    return picked_line(runs)
