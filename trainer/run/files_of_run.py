"""The files that describe a run: its configuration, its manifest, its rows and folds, what it costs."""

import hashlib
import json
import shlex
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import torch

from trainer.audit.describe_split import describe_split
from trainer.config.compose import to_yaml
from trainer.config.cv import CvConfig
from trainer.config.grid import describe_selection
from trainer.config.schema import RunConfig
from trainer.data.columns.reading import features_read
from trainer.data.row_statistics import row_statistics
from trainer.engine.precision.opt_levels import show
from trainer.folds.each_seed import of_one_seed
from trainer.run.experiment import Experiment
from trainer.run.prepare import stratified_by
from trainer.run.rebuild import pretrained_file, unknown_tokens
from trainer.run.source_hash import versions
from trainer.store.own_files import TRAINING_ROWS
from trainer.store.run_files import ROWS, rows_table
from trainer.system.files import sealed
from trainer.system.seeds import seeds_of
from trainer.weights.load import LoadReport

MOST_KEPT = 1_000_000  # rows whose files are kept in memory
LONGEST_OVERRIDE = 1000  # characters shown in a report


def run_files(
    config: RunConfig,
    experiment: Experiment,
    origin: Mapping[str, Any],
    profile: dict[str, Any],
    weights: LoadReport | None,
    warnings: list[str],
) -> dict[str, bytes]:
    """Return the files that describe a run, by name.

    Args:
        config: as composed and checked.
        experiment: what is run.
        origin: how the run came to be: identity, door and command, and what was forced.
        profile: at start, or empty.
        weights: what was loaded to start from, or None.
        warnings: of the preflight.
    """
    recipe, level, spec, samples = experiment.recipe, experiment.recipe.level, experiment.spec, experiment.samples
    facts: dict[str, Any] = {
        "versions": versions(recipe.sections, recipe.plugins),
        **origin,
        "task": spec.task.name,
        "classes": spec.classes,
        "positive": spec.positive,
        "reading": {**spec.reading, **features_read(samples.inputs)} if spec.reading else {},
        "metrics": recipe.settings.metrics,
        "select": config.cv.select,
        "fingerprint": experiment.plan.fingerprint,
        "amp": {
            "opt_level": level.opt_level,
            "half type": show(level.dtype if level.computes_in_half else None),
            "in force": {name: in_force for name, _, _, in_force in level.rows()},
        },
        "profile": profile,
        "warnings": warnings,
        "weights": None if weights is None else weights.to_dict(),
        "about": _about(config, experiment, origin, weights),
    }
    made = partial(_rows_files, config.cv, experiment)
    few = len(samples) <= MOST_KEPT  # of many they take much room, for the sake of a search's next trial
    of_rows = experiment.once(f"files of the rows {recipe.sections['model']['_target_']}", made) if few else made()
    facts["sha256"] = {ROWS: hashlib.sha256(of_rows[ROWS]).hexdigest()}
    return {
        "config.yaml": to_yaml(config).encode(),
        "manifest.json": sealed(facts),
        **of_rows,
        **pretrained_file(experiment),
        "profile.json": (json.dumps(profile, indent=2) + "\n").encode(),
    }


def _about(
    config: RunConfig, experiment: Experiment, origin: Mapping[str, Any], weights: LoadReport | None
) -> dict[str, str]:
    """Return what a report says of the run, in its words."""
    spec, level = experiment.spec, experiment.recipe.level
    return {
        "command": f"{origin['door']} {shlex.join(map(_short, origin['command']))}".strip(),
        "data": f"{spec.name}, {len(experiment.samples)} rows, {spec.task.described(len(spec.classes))}",
        **({} if spec.positive is None else {"positive class": spec.describe_positive()}),
        "notes": "; ".join((*spec.notes, *experiment.plan.notes, *level.notes)),
        **({} if weights is None else {"starts from": weights.summary()}),
        "selection": describe_selection(config.cv),
        "seed": ", ".join(map(str, seeds_of(config.seed))),
        **({"tricks": "; ".join(origin["tricks"])} if "tricks" in origin else {}),
        "device": f"{experiment.recipe.device}, {torch.get_num_threads()} threads",
        **({"went on although": "; ".join(origin["forced"])} if origin["forced"] else {}),
    }


def _rows_files(cv: CvConfig, experiment: Experiment) -> dict[str, bytes]:
    """Return the files that tell of the rows and of the folds, whatever is trained on them."""
    samples, spec = experiment.samples, experiment.spec
    strata_N, strata_names = stratified_by(cv, samples, spec)
    split = describe_split(
        of_one_seed(experiment.plan), replace(samples, target=strata_N), replace(spec, classes=strata_names)
    )
    return {
        ROWS: rows_table(samples.ids_N, samples.target, samples.groups_N),
        TRAINING_ROWS: sealed(row_statistics(samples.inputs, unknown_tokens(experiment)), indent=None),
        "folds.json": experiment.plan.to_json().encode(),
        "split.json": (json.dumps(split, ensure_ascii=False) + "\n").encode(),
    }


def _short(override: str) -> str:
    """Return an override without the most of a very long value, such as a transformer of scikit-learn."""
    return override if len(override) <= LONGEST_OVERRIDE else f"{override[:80]}..."
