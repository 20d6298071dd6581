"""From the finished folds of a run directory to its result: cv.json, out-of-fold predictions and the report."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from trainer.config.errors import CheckpointError
from trainer.folds.plan import FoldPlan, read_plan
from trainer.report.files import write_cv_json, write_oof
from trainer.report.markdown import write_report
from trainer.report.summary import optimism, pool, summarise
from trainer.report.tables import folds_table, results_table
from trainer.results import CVResult, FoldResult, OutOfFold
from trainer.run_directory import is_done, load_fold, read_rows

MOST_FOLDS_SHOWN = 20


@dataclass(frozen=True)
class Merged:
    """A merged run.

    Attributes:
        result: the numbers.
        folds: what each fold found.
        oof: predictions of all rows.
        report: path of report.md.
    """

    result: CVResult
    folds: tuple[FoldResult, ...]
    oof: OutOfFold
    report: Path


def missing_folds(run: Path, n_folds: int) -> list[int]:
    """Return the numbers of the folds that are not finished."""
    return [number for number in range(n_folds) if not is_done(run, number)]


def merge(run: Path) -> Merged:
    """Merge a run's folds and write its report.

    Args:
        run: directory with folds.json, manifest.json and every fold finished.

    Raises:
        CheckpointError: no run there, folds missing or damaged, or rows not covered exactly once.
    """
    if not (run / "folds.json").exists():
        raise CheckpointError(f"{run} is not a run directory: it has no folds.json")
    plan = read_plan(run / "folds.json")
    facts = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
    n_folds = plan.n_splits * plan.repeats
    missing = missing_folds(run, n_folds)
    if missing:
        raise CheckpointError(missing_message(run, missing, n_folds))
    saved = [load_fold(run, number) for number in range(n_folds)]
    folds = tuple(fold.result for fold in saved)
    ids_N, target = read_rows(run, facts["task"])
    oof = pool(folds, ids_N, target, plan.repeats)
    result = _result(plan, facts, folds, oof, amp={**facts["amp"], "folds": [fold.amp for fold in saved]})
    write_cv_json(run / "cv.json", result)
    write_oof(run, oof, result.classes, result.task)
    report = write_report(run, result, oof, folds, notes=facts["about"], warnings=facts.get("warnings", []))
    return Merged(result, folds, oof, report)


def missing_message(run: Path, missing: list[int], n_folds: int) -> str:
    """Say which folds are missing and what completes them."""
    listed = ",".join(map(str, missing))
    return (
        f"{run}: {len(missing)} of {n_folds} folds are not finished: {listed}\n"
        f"complete them with the same options and: -m run={run.name} cv.fold={listed}"
    )


def _result(
    plan: FoldPlan,
    facts: Mapping[str, Any],
    folds: tuple[FoldResult, ...],
    oof: OutOfFold,
    amp: dict[str, Any],
) -> CVResult:
    names = tuple(facts["metrics"])
    return CVResult(
        n_splits=plan.n_splits,
        repeats=plan.repeats,
        task=facts["task"],
        classes=tuple(facts["classes"]),
        fingerprint=plan.fingerprint,
        primary=names[0],
        metrics=summarise(folds, oof, names=names, task=facts["task"]),
        optimism=optimism(folds, names) if facts["select"] == "fold" else {},
        seconds=sum(fold.seconds for fold in folds),
        amp=amp,
        profile=facts["profile"],
    )


def show(console: Console, merged: Merged) -> None:
    """Print the folds (where they are few), the result and where the report is."""
    if len(merged.folds) <= MOST_FOLDS_SHOWN:
        console.print(folds_table(merged.result, merged.folds))
    console.print(results_table(merged.result))
    console.print(f"report: {merged.report}", highlight=False, soft_wrap=True)
