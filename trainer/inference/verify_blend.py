"""The proof of a blend: its weights fitted again on what its runs kept, and each fold's rows predicted by them."""

from pathlib import Path

import numpy as np

from trainer.errors import CheckpointError
from trainer.inference.blend import make_blend
from trainer.inference.blend_run import SavedBlend, read_blend
from trainer.inference.fold_check import FoldCheck
from trainer.inference.members import members_sha256, read_members
from trainer.metrics.find import load_metric
from trainer.store.fold_files import fold_directory, load_fold


def verify_blend(directory: Path, *, plugins: tuple[str, ...] = (), tolerance: float = 1e-6) -> list[FoldCheck]:
    """Blend the runs again and compare with what the blend kept of each fold.

    Raises:
        CheckpointError: a run is gone or was trained again, or a row is predicted otherwise than it was.
    """
    saved = read_blend(directory)
    assert saved is not None
    members = read_members(saved.members, allow_different_folds=True)
    _require_same_runs(directory, saved, members_sha256(members))
    for name in members.first.run.facts["metrics"]:
        load_metric(name, plugins)
    again = make_blend(members, saved.combination.method, saved.metric, seed=saved.seed)
    checks = list[FoldCheck]()
    for number, part in enumerate(again.folds):
        kept = load_fold(fold_directory(directory, number)).result
        gap_V = np.abs(part.proba.astype(np.float64) - kept.proba).max(axis=1)
        if not members.first.task.has_classes:
            gap_V = gap_V / (members.first.target.std() or 1.0)
        worst = int(gap_V.argmax())
        row = str(members.first.ids_N[part.rows[worst]])
        if not gap_V[worst] <= tolerance:
            raise CheckpointError(
                f"{directory}: fold {number} is not what its runs blend to: row '{row}' differs by {gap_V[worst]:.2g}"
            )
        equal = int((part.proba == kept.proba).all(axis=1).sum())
        checks.append(FoldCheck(number, len(part.rows), equal, float(gap_V[worst]), row))
    return checks


def _require_same_runs(directory: Path, saved: SavedBlend, found: list[str]) -> None:
    for member, before, now in zip(saved.members, saved.folds_sha256, found, strict=True):
        if before != now:
            raise CheckpointError(
                f"{member} has other folds than {directory} was made of\nblend again, under another --out"
            )
