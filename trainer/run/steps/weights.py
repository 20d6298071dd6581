"""Starting weights of a run: what the first model takes from the file, shown once before training."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from trainer.data.samples import DataSpec, Samples
from trainer.profiler.costs import same_random_state
from trainer.report.weights_table import show
from trainer.run.experiment import Recipe
from trainer.run.factories import make_loss, make_model
from trainer.run.fold import Fold
from trainer.store.own_files import is_given, read_given
from trainer.store.run_files import has_rows
from trainer.weights.load import LoadReport, compare


def weights_start(recipe: Recipe, spec: DataSpec, samples: Samples, fold: Fold, console: Console) -> LoadReport | None:
    """Load the file into a model of ``fold``, print what was loaded and return the report.

    Returns:
        None where the run starts from fresh weights.

    Raises:
        CheckpointError: too little of the file fits (see ``trainer.weights.load.load_weights``).
    """
    start = recipe.start
    if start is None and "pretrained" not in recipe.sections["model"]:
        return None
    with same_random_state():
        n_outputs = make_loss(recipe, spec, fold).n_outputs
        model = make_model(recipe, spec, fold, n_outputs)
        if hasattr(model, "loaded"):
            console.print(f"model: {model.loaded}", highlight=False, soft_wrap=True)
        if start is None:
            return None
        report, _, _ = compare(model, start.file, n_outputs=n_outputs, prefix=start.prefix)
    path = Path(start.file.path)
    warnings = [*_seen_rows(samples, path), *_other_words(path, fold.fitted.to_json())]
    report = replace(report, notes=(*report.notes, *warnings))
    show(report.to_dict(), start.min_match, console)
    return report


def _seen_rows(samples: Samples, path: Path) -> list[str]:
    """Warn where the file is of a fold of a run on the very same rows: what is held out here was trained on there."""
    rows = path.resolve().parent.parent / "rows.parquet"
    if not is_given(rows) or not has_rows(read_given(rows), samples.ids_N, samples.target):
        return []
    return [
        f"warning: these weights were trained in {rows.parent.name} on rows that are held out here: "
        "the scores of this run are too good"
    ]


def _other_words(path: Path, fitted: dict[str, Any]) -> list[str]:
    """Warn where the preprocessing saved next to the file numbers words or categories in another way."""
    saved = path.with_name("preprocess.json")
    if not is_given(saved):
        return []
    try:
        before = json.loads(read_given(saved))
    except ValueError:
        return [f"warning: {saved} is not readable: whether words or categories have the same numbers is not known"]
    kinds = {"words": "words", "categories": "categories", "numeric": "columns", "categorical": "columns"}
    fitted = json.loads(json.dumps(fitted))
    known = before if isinstance(before, dict) else {}
    other = dict.fromkeys(kind for key, kind in kinds.items() if key in known and known[key] != fitted.get(key))
    return [
        f"warning: {saved.name} next to the file has other {kind} than this fold: its weights belong to other inputs"
        for kind in other
    ]
