"""``foldwise verify RUN --export DIR``: what was handed over is what was scored.

The model in the folder predicts each row by the fold that held it out, and that is compared with oof.parquet. The code
of the folder is not run: its model and model.json are read by the same modules that were copied into it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.data.samples import Samples
from trainer.data.sources.in_memory import Given
from trainer.errors import CheckpointError, FoldwiseError, first_line_of, shown
from trainer.inference.blend_run import read_blend
from trainer.inference.export.against_torch import TOLERANCE
from trainer.inference.export.blended import Asked, compared_blend
from trainer.inference.export.facts import FORMAT_VERSION
from trainer.inference.export.networks import in_float32, raw_inputs
from trainer.inference.export.of_run import DONE_SHA256, folds_done
from trainer.inference.export.soup import mean_weights
from trainer.inference.export.steps.predict_file import BLEND, PASS_ROWS, facts_in, model_of, said_by
from trainer.inference.export.wanted import ALL, SOUP
from trainer.inference.fold_check import FoldCheck, compared
from trainer.inference.predict_blend import Models, open_blend
from trainer.inference.predictor import Predictor, open_predictor
from trainer.inference.trained import samples_of
from trainer.inference.verify import kept_oof, kept_proba
from trainer.report.formatting import folds_named
from trainer.results import OutOfFold
from trainer.store.fold_files import fold_directory, load_fold

PASSES = 8  # of rows that are read at a time


@dataclass(frozen=True)
class ExportCheck:
    """What a proof finds of an exported folder.

    Attributes:
        folds: compared with what the run kept of the rows they held out.
        notes: what else was compared with what, and what was not.
    """

    folds: tuple[FoldCheck, ...]
    notes: tuple[str, ...]


def verify_export(
    directory: Path,
    folder: Path,
    *,
    given: Given | None = None,
    places: Mapping[str, str] | None = None,
    plugins: Sequence[str] = (),
    tolerance: float | None = None,
) -> ExportCheck:
    """Predict rows of a run with a folder that was exported from it, and compare.

    Args:
        directory: of the run.
        folder: with the exported model.
        given: rows of the run, where they were in memory.
        places: where its files are now.
        plugins: packages whose classes may be built.
        tolerance: largest difference that is none; None = 1e-4, of a smaller graph whatever it is.

    Raises:
        CheckpointError: the folder is no export, of other folds, or predicts otherwise.
        DataError: the rows are not those of the run.
    """
    facts = _facts(folder)
    if facts["kind"] == BLEND:
        return _of_blend(directory, folder, facts, Asked({}, given, places or {}, plugins), tolerance)
    names = list(facts[DONE_SHA256])
    _require_same_folds(directory, folder, facts)
    predictor = open_predictor(directory, folds=[_number(name) for name in names], device="cpu", plugins=plugins)
    samples = samples_of(predictor.run, given, dict(places or {}))
    if facts["folds"] == [SOUP]:
        return _of_one(predictor, samples, folder, facts, tolerance)
    kept = kept_oof(predictor.run)
    checks = [
        _of_fold(predictor, samples, folder, facts, place, kept)
        for place, name in enumerate(facts["folds"])
        if name != ALL
    ]
    if not checks:
        return _of_one(predictor, samples, folder, facts, tolerance)
    exact = not predictor.run.recipe.level.computes_in_half
    notes = _notes(predictor, facts, exact=exact)
    if not exact:
        return ExportCheck(tuple(checks), (*notes, *_of_one(predictor, samples, folder, facts, tolerance).notes))
    _require_equal(folder, directory, checks, _most(facts, tolerance))
    return ExportCheck(tuple(checks), notes)


def _facts(folder: Path) -> dict[str, Any]:
    """Return model.json.

    Raises:
        CheckpointError: there is none, or of another form.
    """
    try:
        facts = facts_in(folder)
        known = facts["version"] == FORMAT_VERSION and bool(facts["kind"]) and bool(facts[DONE_SHA256])
    except (OSError, json.JSONDecodeError, KeyError, TypeError) as problem:
        raise CheckpointError(
            f"{folder} is no folder that foldwise export wrote, or it is damaged: no model.json that can be read"
        ) from problem
    if not known:
        raise CheckpointError(f"{folder}/model.json is of another version: export the run again")
    return facts


def _number(name: str) -> int | str:
    return int(name) if name.isdecimal() else name


def _require_same_folds(directory: Path, folder: Path, facts: Mapping[str, Any]) -> None:
    names = [_number(name) for name in facts[DONE_SHA256]]
    there = [name for name in names if (fold_directory(directory, name) / "DONE").is_file()]
    now = folds_done(directory, there)
    other = [name for name, sha256 in facts[DONE_SHA256].items() if now.get(name) != sha256]
    if other:
        raise CheckpointError(
            f"{folder} was not made of {folds_named(other)} that {directory} has now: it is of another run, or they "
            "were trained again\nexport the run again, or name the run it is of"
        )


def _of_fold(
    predictor: Predictor,
    samples: Samples,
    folder: Path,
    facts: Mapping[str, Any],
    place: int,
    kept: OutOfFold | None,
) -> FoldCheck:
    """Compare a fold's held-out rows with oof.parquet."""
    number = int(facts["folds"][place])
    rows = load_fold(fold_directory(predictor.run.directory, number)).result.rows.copy()
    now, before = _said(samples, rows, folder, facts)[place], kept_proba(predictor.run, number, kept)
    if now.shape != before.shape:
        raise CheckpointError(f"{folder} makes {now.shape} predictions for fold {number}, which kept {before.shape}")
    return compared(number, samples.ids_N[rows], now, before, _unit(predictor))


def _said(samples: Samples, rows: NDArray[np.int64], folder: Path, facts: Mapping[str, Any]) -> NDArray[Any]:
    """Return what each fold of the folder says of rows (K, B, C), some at a time."""
    parts, at_once = [], PASSES * PASS_ROWS[facts["kind"]]
    try:
        run = model_of(folder, facts)
        for start in range(0, len(rows), at_once):
            kept_N = np.zeros(len(samples), dtype=bool)
            kept_N[rows[start : start + at_once]] = True
            parts.append(said_by(run, raw_inputs(folder, facts, samples.only(kept_N).inputs), facts, None))
    except FoldwiseError:
        raise
    except Exception as error:  # of whichever runtime
        said = shown(first_line_of(error), 200)
        raise CheckpointError(f"the model in {folder} cannot be run: {said}\nexport the run again") from error
    return np.concatenate(parts, axis=1) if parts else said_by(run, {"": np.zeros(0)}, facts, None)


def _of_one(
    predictor: Predictor, samples: Samples, folder: Path, facts: Mapping[str, Any], tolerance: float | None
) -> ExportCheck:
    """Compare a model that has seen all rows, or was trained in half precision, with what torch says in float32."""
    rows = np.arange(min(len(samples), PASSES * PASS_ROWS[facts["kind"]]))
    part = samples.only(np.arange(len(samples)) < len(rows))
    if facts["folds"] == [SOUP]:
        predictor = mean_weights(predictor)
    wanted = [output.proba for output in in_float32(predictor).predict(part.inputs)]
    now = _said(samples, rows, folder, facts)
    unit = _unit(predictor)
    checks = [compared(0, part.ids_N, one, other, unit) for one, other in zip(now, wanted, strict=True)]
    _require_equal(folder, predictor.run.directory, checks, _most(facts, tolerance))
    largest = max(check.largest for check in checks)
    why = {
        SOUP: "the mean of weights has seen every row, so it has no held-out rows",
        ALL: "the model of all rows has seen every row, so it has no held-out rows",
    }.get(facts["folds"][0], "the run was trained in half precision, the folder computes in float32")
    return ExportCheck((), (f"{why}: compared with torch in float32 on {len(rows)} rows, {largest:.2g} apart at most",))


def _unit(predictor: Predictor) -> float:
    return max((fold.scale.sd for fold in predictor.models if fold.scale is not None), default=1.0)


def _most(facts: Mapping[str, Any], tolerance: float | None) -> float:
    return tolerance if tolerance is not None else np.inf if facts.get("reduced") else TOLERANCE


def _notes(predictor: Predictor, facts: Mapping[str, Any], *, exact: bool) -> tuple[str, ...]:
    notes = []
    left = [str(number) for number in range(predictor.run.plan.n_folds) if str(number) not in facts["folds"]]
    if left:
        notes.append(f"{folds_named(left)} not in the folder: the rows held out there were not compared")
    if facts.get("reduced"):
        notes.append(f"the graph was made smaller ({facts['reduced']}): --tolerance says which difference is too much")
    if exact and len(facts["folds"]) > 1:
        notes.append("the mean of the folds has seen every row: each row was asked of the fold that held it out")
    return tuple(notes)


def _require_equal(folder: Path, directory: Path, checks: Sequence[FoldCheck], most: float) -> None:
    worst = max(checks, key=lambda check: check.largest)
    if not worst.largest <= most:
        raise CheckpointError(
            f"{folder} predicts otherwise than {directory}: row '{worst.row}' is {worst.largest:.2g} apart (more than "
            f"{most:g})\nexport the run again: the model in the folder, or model.json, is not what was written"
        )


def _of_blend(
    directory: Path, folder: Path, facts: Mapping[str, Any], asked: Asked, tolerance: float | None
) -> ExportCheck:
    """Prove the folder of each run, and compare what they say together with torch."""
    saved = read_blend(directory)
    if saved is None or len(saved.members) != len(facts["members"]):
        raise CheckpointError(f"{folder} is of a blend, which {directory} is not: name the blend that was exported")
    notes = []
    for member, name in zip(saved.members, facts["members"], strict=True):
        found = verify_export(
            member,
            folder / name,
            given=asked.given,
            places=asked.places,
            plugins=asked.plugins,
            tolerance=tolerance,
        )
        n_rows = sum(check.n_rows for check in found.folds)
        largest = max((check.largest for check in found.folds), default=0.0)
        notes += [f"{name}: {n_rows} held-out predictions, {largest:.2g} apart at most"] if n_rows else []
        notes += [f"{name}: {note}" for note in found.notes]
    done = compared_blend(open_blend(directory, Models("cpu", plugins=asked.plugins)), folder, facts, asked)
    return ExportCheck((), (*notes, f"the blend: {done.line}"))
