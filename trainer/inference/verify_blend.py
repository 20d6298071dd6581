"""The proof of a blend: its weights fitted again on what its runs kept, and each fold's rows predicted by them."""

from pathlib import Path

from trainer.errors import CheckpointError
from trainer.inference.blend import make_blend
from trainer.inference.blend_run import SavedBlend, read_blend
from trainer.inference.fold_check import TOLERANCE, FoldCheck, compared
from trainer.inference.level_two import read_columns
from trainer.inference.members import members_sha256, read_members
from trainer.metrics.find import load_metric
from trainer.store.fold_files import fold_directory, load_fold


def verify_blend(directory: Path, *, plugins: tuple[str, ...] = (), tolerance: float = TOLERANCE) -> list[FoldCheck]:
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
    own = saved.combination.columns
    columns = None if own is None else read_columns(members, own.names, plugins)
    again = make_blend(members, saved.combination.method, saved.metric, seed=saved.seed, columns=columns)
    checks = list[FoldCheck]()
    first = members.first
    unit = 1.0 if first.task.has_classes else float(first.target.std()) or 1.0
    for number, part in enumerate(again.folds):
        kept = load_fold(fold_directory(directory, number)).result
        check = compared(number, first.ids_N[part.rows], part.proba, kept.proba, unit)
        if not check.largest <= tolerance:
            raise CheckpointError(
                f"{directory}: fold {number} is not what its runs blend to: row '{check.row}' differs by "
                f"{check.largest:.2g}"
            )
        checks.append(check)
    return checks


def _require_same_runs(directory: Path, saved: SavedBlend, found: list[str]) -> None:
    for member, before, now in zip(saved.members, saved.folds_sha256, found, strict=True):
        if before != now:
            raise CheckpointError(
                f"{member} has other folds than {directory} was made of\nblend again, under another --out"
            )
