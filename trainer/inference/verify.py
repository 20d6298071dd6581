"""The proof of a run: each row predicted again by the fold that held it out, from the saved files alone.

The rows are computed in the batches in which they were scored, under the same number of threads; on the same device
the numbers are those of ``oof.parquet``.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray

from trainer.data.samples import Samples
from trainer.data.sources.in_memory import Given
from trainer.errors import CheckpointError, ConfigError, shown
from trainer.inference.fold_check import TOLERANCE, FoldCheck, compared
from trainer.inference.fold_model import load_fold_model
from trainer.inference.predictor import Predictor
from trainer.inference.trained import TrainedRun, open_trained, samples_of, threads_of, wanted_folds
from trainer.inference.verify_blend import verify_blend
from trainer.report.formatting import folds_named
from trainer.results import OutOfFold
from trainer.run.identify import deciding_rows, sha256_of
from trainer.run.source_hash import code, versions
from trainer.store.fold_files import fold_directory, load_fold
from trainer.store.identity import describe_differences
from trainer.store.own_files import BLEND
from trainer.store.result_files import read_oof
from trainer.system.folders import is_there

AT_A_TIME = 8  # folds whose models are in memory together
DATA = "data (sha256)"  # a key of the identity


def verify(
    directory: Path,
    *,
    given: Given | None = None,
    places: dict[str, str] | None = None,
    folds: Sequence[int] | None = None,
    device: str | None = None,
    plugins: Sequence[str] = (),
    tolerance: float = TOLERANCE,
    track: Callable[[Iterable[Any], str, int], Iterable[Any]] = lambda items, *_: items,
) -> list[FoldCheck]:
    """Predict the held-out rows of every fold again and compare.

    Args:
        directory: of the run.
        given: its rows, where they were in memory when it was trained.
        places: where its files are now, by option: ``{"path": ...}``.
        folds: to look at; None = all.
        device: to predict on.
        plugins: packages whose classes may be built.
        tolerance: largest difference that is none.
        track: shows the progress over the folds.

    Raises:
        ConfigError: no such tolerance.
        DataError: the rows are not those of the run.
        CheckpointError: the run cannot be read, or a row is predicted otherwise than it was.
    """
    if not 0 <= tolerance < math.inf:
        raise ConfigError(f"tolerance {tolerance:g}: must be at least 0 and finite, such as {TOLERANCE:g}")
    if is_there(directory / BLEND, directory):
        return verify_blend(directory, plugins=tuple(plugins), tolerance=tolerance)
    run = open_trained(directory, device=device, plugins=plugins)
    names = wanted_folds(run, folds)
    samples = samples_of(run, given, places or {})
    kept = kept_oof(run)
    with threads_of(run):
        numbers = [int(name) for name in names]
        parts = [numbers[place : place + AT_A_TIME] for place in range(0, len(numbers), AT_A_TIME)]
        at_work = track(parts, "predicting held-out rows", len(parts))
        checks = [check for part in at_work for check in _checks(run, part, samples, kept)]
    _require_equal(run, checks, samples, tolerance)
    return checks


def _require_equal(run: TrainedRun, checks: Sequence[FoldCheck], samples: Samples, tolerance: float) -> None:
    wrong = [check for check in checks if not check.largest <= tolerance]
    if not wrong:
        return
    worst = max(wrong, key=lambda check: check.largest)
    folds = folds_named([check.fold for check in wrong])
    raise CheckpointError(
        f"{run.directory}: {folds} no longer predict{'' if len(wrong) > 1 else 's'} what oof.parquet says: row "
        f"'{shown(worst.row, 60)}' is {worst.largest:.2g} apart (more than {tolerance:g})\n"
        + ("\n".join(_reasons(run, samples)) or "nothing else differs: weights and oof.parquet are of two runs")
    )


def _reasons(run: TrainedRun, samples: Samples) -> list[str]:
    """Return what differs from when the run was trained, at most three lines."""
    identity, device = run.facts["identity"], run.recipe.device
    sha256, _ = sha256_of(deciding_rows(samples))
    reasons = ["the inputs are others than it was trained on"] if sha256 != identity["content"].get(DATA) else []
    trained_on = str(identity["hardware"].get("device"))
    here = device.type if device.type == "cpu" else f"{device.type} {torch.cuda.get_device_name(device)}"
    if trained_on != here:
        reasons.append(f"it was trained on {trained_on}, this is {here}: --tolerance 1e-3 leaves room for that")
    software = {**versions(run.recipe.sections, run.recipe.plugins), **code(run.recipe.sections, run.recipe.plugins)}
    before = {name: identity["software"].get(name, "absent") for name in software}
    changed = {name: (before[name], now) for name, now in software.items() if before[name] != now}
    return [*reasons, *describe_differences(changed, most=1)][:3]


def kept_oof(run: TrainedRun) -> OutOfFold | None:
    """Return the merged out-of-fold predictions; None where the run is not merged."""
    path = run.directory / "oof.parquet"
    return read_oof(path) if is_there(path, run.directory) else None


def _checks(run: TrainedRun, numbers: Sequence[int], samples: Samples, kept: OutOfFold | None) -> list[FoldCheck]:
    """Compare a few folds, whose models are in memory together."""
    rows_K = [load_fold(fold_directory(run.directory, number)).result.rows.copy() for number in numbers]
    models = tuple(load_fold_model(run, number) for number in numbers)
    checks = []
    for model, rows, output in zip(models, rows_K, Predictor(run, models).predict(samples.inputs, rows_K), strict=True):
        number = int(model.name)
        before = kept_proba(run, number, kept)
        if output.proba.shape != before.shape:
            said = f"fold {number} kept {before.shape} predictions, and makes {output.proba.shape}"
            raise CheckpointError(f"{run.directory}: {said}")
        unit = 1.0 if model.scale is None else model.scale.sd
        checks.append(compared(number, samples.ids_N[rows], output.proba, before, unit))
    return checks


def kept_proba(run: TrainedRun, number: int, kept: OutOfFold | None) -> NDArray[Any]:
    """Return what a fold predicted for the rows it held out, of which oof.parquet may have been read."""
    if kept is None:
        return load_fold(fold_directory(run.directory, number)).result.proba
    repeat, fold = divmod(number, run.plan.n_splits)
    proba: NDArray[Any] = kept.proba[(kept.fold == fold) & (kept.repeat == repeat)]
    return proba
