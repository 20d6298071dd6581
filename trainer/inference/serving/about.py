"""What is served, in plain values: for whoever asks, and for the page."""

import math
import platform
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import torch

from trainer.data.columns.number_forms import FORMS, PLAIN_NUMBERS
from trainer.data.columns.reading import TABLE
from trainer.data.columns.written_dates import DATES
from trainer.inference.needed_columns import known_features
from trainer.inference.predictor import Predictor
from trainer.inference.serving.limits import Limits
from trainer.inference.serving.served import Served
from trainer.models.pretrained import TRANSFORMER
from trainer.report.formatting import plain_label
from trainer.store.result_files import read_cv_json
from trainer.system.folders import is_there
from trainer.system.version import __version__

NUMBER, DATE, CATEGORY, TEXT = "number", "date", "category", "text"
MOST_CATEGORIES = 200  # that are listed

Facts = dict[str, Any]


def about(served: Served, limits: Limits) -> Facts:
    """Return everything a client may know of what answers; no path of this machine is in it."""
    copy, task = served.copy, served.spec.task
    return {
        "run": copy.directory.resolve().name,
        "task": task.name,
        "classes": list(served.spec.classes),
        "positive": task.positive_class(served.spec.classes),
        "model": sorted({_model(predictor) for predictor in served.predictors}),
        "blend": served.blend.saved.combination.method if served.blend else None,
        "folds": list(served.voices),
        "input": "image" if served.takes_images else "row",
        "columns": [] if served.takes_images else columns_of(served.predictors),
        "score": _score(served),
        "decision": _decision(served),
        "limits": asdict(limits),
        "versions": {"foldwise": __version__, "torch": torch.__version__, "python": platform.python_version()},
    }


def columns_of(predictors: Iterable[Predictor]) -> list[Facts]:
    """Return the columns that a row needs: name and kind, how numbers were written, which categories are known."""
    found: dict[str, Facts] = {}
    for predictor in predictors:
        reading = predictor.run.spec.reading
        if reading["kind"] != TABLE:
            names = [*reading["text"], *reading["pair"]]
            found |= {name: {"name": name, "kind": TEXT} for name in names if name not in found}
            continue
        known, written = known_features(predictor).known, reading.get("written", {})
        for name in reading["numeric"]:
            found.setdefault(name, _number(name, written.get(name, PLAIN_NUMBERS)))
        for name in reading["categorical"]:
            found.setdefault(name, _category(name, known.get(name, frozenset())))
    return list(found.values())


def _number(name: str, form: str) -> Facts:
    is_date = form.startswith(DATES)
    return {"name": name, "kind": DATE if is_date else NUMBER, "written": FORMS[DATES if is_date else form][0]}


def _category(name: str, known: Iterable[str]) -> Facts:
    words = sorted(known)
    return {"name": name, "kind": CATEGORY, "categories": words[:MOST_CATEGORIES], "n_categories": len(words)}


def _model(predictor: Predictor) -> str:
    section = predictor.run.config.model
    name = str(section["_target_"]).rpartition(".")[2]
    if section["_target_"] != TRANSFORMER:
        return name
    return f"{name} {str(section.get('pretrained')).rstrip('/').rpartition('/')[2]}"


def _score(served: Served) -> Facts | None:
    """Return the leading metric on held-out rows: of the likeliest classes, whatever was decided since."""
    path = served.copy.directory / "cv.json"
    if not is_there(path, served.copy.directory):
        return None
    result = read_cv_json(path)
    summary = result.metrics.get(result.primary)
    if summary is None:
        return None
    values = {"mean": summary.mean, "sd": summary.sd, "oof": summary.oof}
    finite = {name: value if math.isfinite(value) else None for name, value in values.items()}
    ends = None if summary.ci95 is None else list(summary.ci95)
    return {"metric": result.primary, "label": plain_label(result.primary), **finite, "ci95": ends}


def _decision(served: Served) -> Facts | None:
    decision = served.decision
    if decision is None:
        return None
    return {
        "metric": decision.metric,
        "thresholds": list(decision.thresholds),
        "calibration": None if decision.calibration is None else decision.calibration.method,
        "coverage": None if decision.conformal is None else decision.conformal.coverage,
    }
