"""What report.html shows of a run beyond its numbers: from its files and, where they are at hand, its rows."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from trainer.data.samples import Samples
from trainer.evidence.slices import Slice, compare_slices, slices_of
from trainer.report.page.contents import contents_of
from trainer.report.page.page_words import page_language
from trainer.report.page.run_facts import PageFacts
from trainer.report.page.worst import rows_together
from trainer.results import CVResult, OutOfFold
from trainer.run.copies import RunCopy
from trainer.system.folders import is_there, read_file

NO_AUDIT = re.compile(r"^audit: ['\"]?(off|false)\b", re.MULTILINE)
LANGUAGE = re.compile(r"^report:\n(?: .*\n)*?  language: (\w+)$", re.MULTILINE)


@dataclass(frozen=True)
class PageRequest:
    """What a page is to have.

    Attributes:
        language: ``auto``, ``en`` or ``zh``; None = as the run's configuration says.
        samples: the rows of the run, or None.
        rows_why: why they are not at hand, in words.
        slices: whether parts of the data are compared, which takes seconds where there are many columns.
    """

    language: str | None = None
    samples: Samples | None = None
    rows_why: str = ""
    slices: bool = False


def page_facts(run: RunCopy, result: CVResult, oof: OutOfFold, request: PageRequest) -> PageFacts:
    """Return what the page of a run shows beside its numbers."""
    config = _text(run, "config.yaml")
    audit = run.facts.get("audit")
    in_config = LANGUAGE.search(config)
    wanted = request.language or (in_config[1] if in_config else "auto")
    return PageFacts(
        name=run.directory.resolve().name,
        language=page_language(wanted),
        config=config,
        versions={str(name): str(value) for name, value in run.facts.get("versions", {}).items()},
        split=_split(run),
        audit=None if audit is None or NO_AUDIT.search(config) else audit,
        rows=None if request.samples is None else contents_of(request.samples),
        rows_why=request.rows_why,
        slices=_slices(request.samples, result, oof) if request.slices and request.samples is not None else None,
    )


def _text(run: RunCopy, name: str) -> str:
    """Return a file of the run as text; nothing where it is not there, as in a blend."""
    path = run.directory / name
    return read_file(path, run.directory).decode(errors="replace") if is_there(path, run.directory) else ""


def _split(run: RunCopy) -> Mapping[str, Any]:
    """Return split.json; of a run without one, or with a damaged one, what folds.json says."""
    plan = {"strategy": run.plan.strategy, "notes": list(run.plan.notes), "n_rows": run.plan.fold_of_row.shape[1]}
    try:
        split = json.loads(_text(run, "split.json") or "{}")
    except ValueError:
        return plan
    return {**plan, **split} if isinstance(split, dict) and isinstance(split.get("folds", []), list) else plan


def _slices(samples: Samples, result: CVResult, oof: OutOfFold) -> list[Slice]:
    """Compare the parts of the data by the share of rows that are right, of numbers by the absolute error."""
    whole = rows_together(result, oof)
    inside_N = np.isin(samples.ids_N, whole.ids_U)
    kept = samples.only(inside_N)
    row_of = {name: row for row, name in enumerate(whole.ids_U.tolist())}
    rows = np.array([row_of[name] for name in kept.ids_N.tolist()])
    right_U = (whole.predicted_U == whole.target_U).reshape(len(whole.ids_U), -1).mean(axis=1)
    value_U = right_U if result.task.has_classes else whole.loss_U
    return compare_slices(value_U[rows].astype(np.float64), slices_of(kept.inputs, kept.groups_N))
