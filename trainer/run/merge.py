"""From the finished folds of a run to its result: cv.json, out-of-fold predictions and the report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainer.errors import CheckpointError, ForeignFileError, no_exit
from trainer.folds.plan import FoldPlan
from trainer.metrics.find import load_metric, metric_or_none
from trainer.metrics.pooled import pool_out_of_fold
from trainer.metrics.scores import score
from trainer.metrics.summary import count_groups, optimism, summarise
from trainer.metrics.undefined import undefined_reasons
from trainer.report.formatting import folds_named
from trainer.report.hints import hints
from trainer.report.markdown import write_report
from trainer.results import CVResult, FoldResult, OutOfFold
from trainer.run.baselines.compared import Run, baseline_results
from trainer.run.copies import (
    FoundFold,
    RunCopy,
    compare_copies,
    find_folds,
    hardware_text,
    open_copy,
    take_over,
)
from trainer.run.decided import decided_lines
from trainer.run.missing import missing_message
from trainer.run.page_facts import PageRequest, page_facts
from trainer.run.report_pictures import pictures_of
from trainer.run.seed_facts import seed_facts
from trainer.store.fold_files import SavedFold, fold_directory, target_hash
from trainer.store.own_files import sweep_run
from trainer.store.result_files import write_cv_json, write_oof
from trainer.store.run_files import RESTORE_ROWS, read_run_rows, write_manifest
from trainer.system import arrow_files
from trainer.system.files import remove
from trainer.tasks import Target

FEW_GROUPS = 10  # below, intervals that are drawn from them are rough
Rows = tuple[NDArray[np.str_], Target, NDArray[np.int64] | None]  # ids (N,), target (N,) or (N, L), groups (N,)


@dataclass(frozen=True)
class Merged:
    """A merged run.

    Attributes:
        result: the numbers.
        folds: what each fold found.
        oof: predictions of all rows.
        report: path of report.md.
        notes: what was taken over, and how the folds differ.
        hints: what to try next.
    """

    result: CVResult
    folds: tuple[FoldResult, ...]
    oof: OutOfFold
    report: Path
    notes: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()


@no_exit()
def merge(
    run: Path,
    others: Sequence[Path] = (),
    *,
    force: bool = False,
    plugins: Sequence[str] = (),
    page: PageRequest | None = None,
    beside: bool = False,
) -> Merged:
    """Check that all folds are of one run, take over those finished in copies of it, and write the result.

    The same folds give the same bytes of oof.parquet, wherever they were trained.

    Args:
        run: directory of the run; folds it lacks are copied into it, finished ones stay as they are.
        others: copies of it in which other folds were finished.
        force: join folds of different options or software all the same; the report says so.
        plugins: packages whose metrics may be computed; a run cannot name them, whoever reads it does.
        page: what report.html is to have; None = what the files of the run tell, in its language.
        beside: whether a process of its own may draw the pictures meanwhile.

    Raises:
        ConfigError: a metric is of a package that ``plugins`` does not name.
        CheckpointError: a directory is not of this run, or folds are missing, damaged, trained otherwise or
            finished twice with different predictions.
        StorageError: something cannot be written.
    """
    opened = open_copy(run)
    _require_metrics(opened, plugins)
    copies = [open_copy(other) for other in others]
    lines = [line for copy in copies for line in compare_copies(opened, copy, force=force)]
    rows = ids_N, target, group_N = read_rows(opened, scratch=run)
    for copy in copies:
        _require_equal_rows(opened, rows, copy)
    found = find_folds(opened, copies, force=force, scratch=run)
    folds = tuple(scored_fold(opened, number, fold, target) for number, fold in found.items())
    _require_equal_outputs(found)
    if force:
        _remember(opened, [*lines, *(line for fold in found.values() for line in fold.accepted)])
    taken = _take_over(opened, found)
    missing = [number for number in range(opened.n_folds) if number not in found]
    if missing:
        raise CheckpointError(missing_message(run, missing, others))
    sweep_run(run)
    saved = [fold.saved for fold in found.values()]
    plan = opened.plan
    held_out = {"fold_of_row": plan.fold_of_row, "group_N": group_N}
    oof = pool_out_of_fold(folds, ids_N, target, plan.repeats, **held_out, scratch=run)
    arrow_files.release()
    with pictures_of(opened, folds, oof, beside=beside) as pictures:
        result = result_of(opened, folds, oof, saved)
        whole = Run(result, oof, dict(zip(found, folds, strict=True)))
        places = {number: fold.directory for number, fold in found.items()}
        result = replace(result, baselines=baseline_results(whole, places, opened.identity["content"]))
        notes = [*_undecided(folds, plan, result.primary), *_few_groups(result)]
        notes += [*_differing(found), *_hardware_note(saved)]
        write_cv_json(run / "cv.json", result)
        write_oof(run, oof, result.classes, result.task)
        for name in ("partial.json", "partial_oof.parquet", "partial_oof.csv"):  # of trainer.run.partial
            remove(run / name, run)
        warnings = [*opened.facts.get("warnings", []), *_never_held_out(plan), *notes]
        tips = hints(result, folds, opened.max_epochs)
        about = opened.facts["about"] | {"decision": decided_lines(opened)}
        facts = page_facts(opened, result, oof, page or PageRequest())
        report = write_report(run, result, oof, folds, about, warnings, tips, page=facts, pictures=pictures())
    return Merged(result, folds, oof, report, (*taken, *notes), tuple(tips))


def read_rows(run: RunCopy, scratch: Path | None = None) -> Rows:
    """Return the rows of a run: ids, target, number of each row's group; ``scratch`` is that of ``read_run_rows``.

    Raises:
        CheckpointError: they are damaged, or not the rows of its folds.
    """
    path, facts = run.directory / "rows.parquet", run.facts
    try:
        ids_N, target, group_N = read_run_rows(run.directory, run.task, scratch)
    except (CheckpointError, ForeignFileError):
        raise
    except Exception as error:  # pyarrow raises many kinds on damaged files
        raise CheckpointError(f"{path} is damaged: {type(error).__name__}\n{RESTORE_ROWS}") from error
    if len(ids_N) != run.plan.fold_of_row.shape[1]:
        raise CheckpointError(
            f"{path} has {len(ids_N)} rows, folds.json {run.plan.fold_of_row.shape[1]}\n{RESTORE_ROWS}"
        )
    low, high = run.task.value_range(run.task.n_values(len(facts["classes"])))
    if not (low <= target.min() and target.max() <= high):
        raise CheckpointError(f"{path} is damaged: labels outside of {low:g}..{high:g}\n{RESTORE_ROWS}")
    return ids_N, target, group_N


def _require_equal_rows(run: RunCopy, rows: Rows, other: RunCopy) -> None:
    (ids_N, target, _), (other_ids_N, other_target, _) = rows, read_rows(other)
    there, here = other.directory / "rows.parquet", run.directory / "rows.parquet"
    unlike_N = (ids_N != other_ids_N) | (target != other_target).reshape(len(ids_N), -1).any(axis=1)
    if unlike_N.any():
        row = np.flatnonzero(unlike_N)[0]
        raise CheckpointError(
            f"{there} does not fit {here}: row {row} is '{other_ids_N[row]}', label {other_target[row]} there, "
            f"'{ids_N[row]}', label {target[row]} here\n{RESTORE_ROWS}"
        )


def _require_metrics(run: RunCopy, plugins: Sequence[str]) -> None:
    names = run.facts["metrics"]
    for name in names:
        if isinstance(name, str) and "." in name and metric_or_none(name) is None:
            load_metric(name, plugins)
    if not names or any(not isinstance(name, str) or metric_or_none(name) is None for name in names):
        raise CheckpointError(f"{run.directory}/manifest.json is damaged: metrics {names}")


def scored_fold(run: RunCopy, number: int, found: FoundFold, target: Target) -> FoldResult:
    """Return a fold with every metric of the run; those it has must be the ones its labels give."""
    part, names = found.saved.result, run.facts["metrics"]
    if found.saved.scored_on == target_hash(target[part.rows]) and set(names) <= set(part.metrics):
        return part
    values = score(names, run.task, target[part.rows], part.proba)
    for name in names:
        recorded = part.metrics.get(name, values[name])
        if not np.isclose(recorded, values[name], rtol=1e-6, atol=1e-9, equal_nan=True):
            raise CheckpointError(
                f"{run.directory}/rows.parquet does not fit {found.directory}: {name} {values[name]:.6f} by its "
                f"labels, {recorded:.6f} when fold {number} was trained\n{RESTORE_ROWS}"
            )
    return replace(part, metrics=values | part.metrics)


def _require_equal_outputs(found: Mapping[int, FoundFold]) -> None:
    widths = {fold.saved.result.logits.shape[1]: fold.directory for fold in found.values()}
    if len(widths) > 1:
        shown = "\n".join(f"{width} logits per row: {directory}" for width, directory in list(widths.items())[:2])
        raise CheckpointError(f"folds of models with different outputs cannot be joined:\n{shown}")


def _remember(run: RunCopy, lines: Sequence[str]) -> None:
    """Note in the manifest what was forced, so that the next merge of the run takes it as known."""
    before = run.facts.get("forced", [])
    forced = list(dict.fromkeys([*before, *lines]))
    if len(forced) > len(before):
        write_manifest(run.directory, {**run.facts, "forced": forced})


def _take_over(run: RunCopy, found: dict[int, FoundFold]) -> list[str]:
    notes = []
    for number, fold in found.items():
        target = fold_directory(run.directory, number)
        if fold.directory != target:
            take_over(fold, target)
            notes.append(f"fold {number} taken over from {fold.directory}")
    return notes


def result_of(run: RunCopy, folds: tuple[FoldResult, ...], oof: OutOfFold, saved: Sequence[SavedFold]) -> CVResult:
    """Return the numbers of folds; ``run.plan`` is to hold out the rows of no others."""
    plan, facts = run.plan, run.facts
    names = tuple(facts["metrics"])
    metrics = summarise(folds, oof, names=names, task=run.task)
    return CVResult(
        n_splits=plan.n_splits,
        repeats=plan.repeats,
        task=run.task,
        classes=tuple(facts["classes"]),
        fingerprint=plan.fingerprint,
        primary=names[0],
        metrics=metrics,
        optimism=_optimism(folds, names) if facts["select"] == "fold" else {},
        seconds=sum(fold.seconds for fold in folds),
        amp={**facts["amp"], "folds": [fold.amp for fold in saved]},
        profile=facts["profile"],
        picked=[fold.picked for fold in folds if fold.picked],
        undefined=undefined_reasons(metrics, oof, run.task, tuple(facts["classes"])),
        positive=run.task.positive_class(facts["classes"]),
        n_groups=count_groups(oof),
        seeds=seed_facts(plan, metrics, oof, run.task),
    )


def _optimism(folds: Sequence[FoldResult], names: Sequence[str]) -> dict[str, float]:
    """Return the optimism of the metrics that every epoch recorded; none where the leading one is not among them."""
    known = [name for name in names if all(name in record.monitor for part in folds for record in part.epochs)]
    return optimism(folds, known) if known[:1] == list(names[:1]) else {}


def _never_held_out(plan: FoldPlan) -> list[str]:
    never, n_rows = int((plan.fold_of_row < 0).all(axis=0).sum()), plan.fold_of_row.shape[1]
    return [f"{never} of {n_rows} rows were never held out: no figure here speaks of them"] if never else []


def _undecided(folds: Sequence[FoldResult], plan: FoldPlan, primary: str) -> list[str]:
    """Name the folds in which no epoch's score was defined, so that none could be picked."""
    numbers = []
    for part in folds:
        scores = [record.monitor[primary] for record in part.epochs if primary in record.monitor]
        if scores and np.isnan(scores).all():
            numbers.append(part.repeat * plan.n_splits + part.fold)
    what = f"{primary} was undefined in every epoch on the rows that pick it: the last epoch was kept"
    return [f"{folds_named(numbers)}: {what}"] if numbers else []


def _few_groups(result: CVResult) -> list[str]:
    """Say that few groups make rough intervals (Cameron, Gelbach, Miller, "Bootstrap-based improvements", 2008)."""
    n_groups = result.n_groups
    if n_groups is None or n_groups >= FEW_GROUPS:
        return []
    if n_groups == 1:
        return ["all held-out rows are of one group: there is no interval, which would be drawn from groups"]
    return [f"the intervals are drawn from {n_groups} groups only: they are rough, and as a rule too narrow"]


def _differing(found: Mapping[int, FoundFold]) -> list[str]:
    lines = {line for fold in found.values() for line in fold.accepted}
    folds_of = {line: [number for number, fold in found.items() if line in fold.accepted] for line in sorted(lines)}
    return [f"{folds_named(folds)} differing from the run, joined by force: {line}" for line, folds in folds_of.items()]


def _hardware_note(saved: Sequence[SavedFold]) -> list[str]:
    places = [hardware_text(fold.identity) for fold in saved]
    folds_on = {one: [i for i, at in enumerate(places) if at == one] for one in places}
    parts = [f"{folds_named(folds)} on {one}" for one, folds in folds_on.items()]
    return [f"{'; '.join(parts)}: the last digits can differ"] if len(parts) > 1 else []
