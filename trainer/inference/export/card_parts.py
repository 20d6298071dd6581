"""What a model card says of any run, blends too: scores, calibration and what is decided by, on held-out rows."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from trainer.inference.decision import Decision
from trainer.inference.held_out import read_held_out
from trainer.inference.reliability import BINS, reliability
from trainer.report.formatting import interval, metric_label, number
from trainer.store.own_files import DECISION
from trainer.store.result_files import read_cv_json
from trainer.system.files import unsealed
from trainer.system.folders import is_there

MISSING = "None: folds are missing."
NO_DECISION = "Nothing was decided: probabilities are as training left them, and the likeliest class is predicted."
PARTS = (
    ("log loss", "log_loss"),
    (f"calibration error (ECE, {BINS} bins of equally many rows)", "ece"),
    ("... of right probabilities on so many rows", "ece_by_chance"),
    ("Brier score", "brier"),
)


def score_table(directory: Path) -> str:
    """Return the scores of a run as Markdown."""
    path = directory / "cv.json"
    if not is_there(path, directory):
        return MISSING
    result = read_cv_json(path)
    lines = ["| metric | mean ± sd over folds | all held-out rows | 95 % interval |", "|---|---|---|---|"]
    for name, found in result.metrics.items():
        lines.append(
            f"| {metric_label(name)} | {number(found.mean)} ± {number(found.sd)} | {number(found.oof)} | "
            f"{interval(found.ci95)} |"
        )
    return "\n".join(lines)


def calibration_and_decision(directory: Path, decision: Decision | None, classes: tuple[str, ...]) -> str:
    """Return how far probabilities are from how often they are right, and what is decided by, as Markdown."""
    kept = unsealed(directory / DECISION, directory) if decision is not None else {}
    parts = [*_calibration(directory, kept.get("after") or {}), _decision(decision, classes), *_worth(kept, decision)]
    return "\n".join(parts)


def _calibration(directory: Path, after: Mapping[str, Any]) -> Iterator[str]:
    """Yield a table of the held-out predictions, before and after calibration; of numbers nothing."""
    if not is_there(directory / "cv.json", directory):
        return
    run = read_held_out(directory)
    if not run.task.has_classes:
        return
    proba_MC = run.proba_RNC.reshape(-1, run.proba_RNC.shape[2])
    held_M = np.isfinite(proba_MC).all(axis=1)
    target_M = np.concatenate([run.target] * run.proba_RNC.shape[0])
    before = reliability(run.task, target_M[held_M], run.task.as_float64(proba_MC[held_M]))
    yield f"| on {int(held_M.sum())} held-out predictions | as predicted |" + (
        " calibrated, cross-fitted |" * bool(after)
    )
    yield "|---|---|" + "---|" * bool(after)
    for label, name in PARTS:
        yield f"| {label} | {number(getattr(before, name))} |" + (f" {_number(after.get(name))} |" if after else "")
    yield ""


def _worth(kept: Mapping[str, Any], decision: Decision | None) -> Iterator[str]:
    """Yield what the decision is worth on rows that it was not fitted on."""
    if kept.get("figures"):
        yield "\n| metric | before | cross-fitted | on the rows it was fitted on |\n|---|---|---|---|"
        for one in kept["figures"]:
            values = " | ".join(_number(one[name]) for name in ("before", "cross_fitted", "in_sample"))
            yield f"| {metric_label(one['name'])} | {values} |"
    coverage = kept.get("coverage")
    if coverage and decision is not None and decision.conformal is not None:
        yield f"\nSets or intervals of other folds hold the truth in {_number(coverage['share'])} of the held-out rows."


def _number(value: Any) -> str:
    return "undefined" if value is None else number(value)


def _decision(decision: Decision | None, classes: tuple[str, ...]) -> str:
    if decision is None:
        return NO_DECISION
    said = []
    if decision.calibration is not None:
        said.append(f"probabilities calibrated by {decision.calibration.line}")
    if decision.thresholds:
        named = zip(classes, decision.thresholds, strict=True)
        said.append(f"thresholds for {decision.metric}: " + ", ".join(f"{name} {value:.4g}" for name, value in named))
    if decision.cost:
        said.append("the class of least expected cost is predicted")
    if decision.conformal is not None:
        said.append(f"sets or intervals that hold the truth in {decision.conformal.coverage:g} of the rows")
    return f"Fitted on held-out rows, applied by predict.py (`--raw` leaves it out): {'; '.join(said)}."
