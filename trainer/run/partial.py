"""What the finished folds of a run say while others are missing: printed, and written beside where the result will be.

None of it is the run's result: no command takes ``partial.json`` for ``cv.json``, and a merge of all folds deletes it.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from rich.console import Console

from trainer.errors import BudgetError
from trainer.folds.plan import FoldPlan
from trainer.metrics.pooled import pool_out_of_fold
from trainer.report.formatting import interval_lines
from trainer.report.tables import folds_table, results_table
from trainer.run.copies import find_folds, open_copy
from trainer.run.merge import read_rows, result_of, scored_fold
from trainer.run.missing import missing_lines
from trainer.run.show_merged import MOST_FOLDS_SHOWN
from trainer.store.result_files import plain, write_oof
from trainer.system.files import write_bytes
from trainer.wording.translations import N_

PARTIAL = "partial"


def merge_finished(run: Path, missing: Sequence[int], console: Console) -> bool:
    """Pool and show the folds that are finished, as far as there are any; return whether there are.

    Args:
        run: directory of the run.
        missing: folds that are not finished.
        console: where the tables are printed.

    Raises:
        CheckpointError: a finished fold is damaged.
        StorageError: something cannot be written.
    """
    opened = open_copy(run)
    found = find_folds(opened, (), force=False)
    if not found:
        return False
    ids_N, target, group_N = read_rows(opened)
    folds = tuple(scored_fold(opened, number, fold, target) for number, fold in found.items())
    plan = without_folds(opened.plan, missing)
    oof = pool_out_of_fold(folds, ids_N, target, plan.repeats, fold_of_row=plan.fold_of_row, group_N=group_N)
    result = result_of(replace(opened, plan=plan), folds, oof, [fold.saved for fold in found.values()])
    facts = {**asdict(result), "task": result.task.name, "missing": list(missing)}
    text = json.dumps(plain(facts), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    write_bytes(run / f"{PARTIAL}.json", text.encode(), root=run, what=N_("result"))
    write_oof(run, oof, result.classes, result.task, stem=f"{PARTIAL}_oof")
    if len(folds) <= MOST_FOLDS_SHOWN:
        console.print(folds_table(result, folds))
    console.print(results_table(result))
    for line in interval_lines(result):
        console.print(line, highlight=False, soft_wrap=True)
    console.print(f"warning: of {len(folds)} of {opened.n_folds} folds only", highlight=False, soft_wrap=True)
    return True


def without_folds(plan: FoldPlan, missing: Sequence[int]) -> FoldPlan:
    """Return the plan in which nobody holds out the rows of missing folds; the seeds are not told apart in it."""
    fold_of_row = plan.fold_of_row.copy()
    for number in missing:
        repeat, fold = divmod(number, plan.n_splits)
        fold_of_row[repeat] = np.where(fold_of_row[repeat] == fold, -1, fold_of_row[repeat])
    return replace(plan, fold_of_row=fold_of_row, seeds=())


def out_of_time(run: Path, missing: Sequence[int | str], hours: float, going_on: str, *, merged: bool) -> BudgetError:
    """Return the error of a run whose time is up: what is missing, where the rest is, how it goes on."""
    lines = missing_lines(run, missing)
    lines[0] += f" (budget.hours={hours:g})"
    if merged:
        lines.append(f"what the others found: {PARTIAL}.json and {PARTIAL}_oof.parquet in it")
    return BudgetError("\n".join([*lines, f"go on with: {going_on}"]))
