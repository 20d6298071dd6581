"""The files of a finished fold; ``DONE`` comes last and carries the sha256 of the others.

Folds are merged from these files only, so folds run in one process or as separate jobs give the same bytes.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.errors import CheckpointError
from trainer.results import EpochRecord, FoldResult
from trainer.store.identity import Identity
from trainer.store.own_files import ALL as ALL
from trainer.store.own_files import DIVERGED, DONE
from trainer.store.run_files import parquet_bytes
from trainer.system import arrow_files
from trainer.system.files import make_directory, remove, sealed, unsealed, write_bytes
from trainer.system.folders import is_there, read_file
from trainer.system.mapped_arrays import filled
from trainer.tasks import Target
from trainer.wording.translations import N_

MAPPED_ROWS = 250_000  # of a fold: few files, however many rows there are
CALLED = {"oof.parquet": "out-of-fold predictions", "metrics.jsonl": "curves", "preprocess.json": "preprocessing"}


@dataclass(frozen=True)
class SavedFold:
    """A finished fold as read back.

    Attributes:
        result: what the fold found.
        amp: skipped steps and final loss scale.
        identity: what it was made of.
        scored_on: the labels it was scored on, see ``save_fold``.
    """

    result: FoldResult
    amp: dict[str, Any]
    identity: Identity
    scored_on: str = ""


def fold_directory(run: Path, fold: int | str) -> Path:
    """Return where a fold (repeat x n_splits + fold, or ``all``) is kept."""
    return run / f"fold_{fold}"


def save_fold(
    directory: Path,
    result: FoldResult,
    *,
    amp: Mapping[str, Any],
    identity: Identity,
    files: Mapping[str, bytes],
    scored_on: str = "",
    still_ours: Callable[[], None] = lambda: None,
) -> None:
    """Write a finished fold; ``DONE`` comes last, so a fold without it does not count.

    Args:
        directory: of the fold.
        result: what it found.
        amp: skipped steps and final loss scale.
        identity: what it was made of.
        files: other content by name.
        scored_on: see ``target_hash``; empty = it is scored again when it is merged.
        still_ours: raises where another process has taken the fold over; asked at the last moment before each change.

    Raises:
        StorageError: it cannot be written.
    """
    run = directory.parent
    make_directory(directory, run)
    if is_there(directory / DONE, run):  # of a shorter training: it does not fit the files that follow
        still_ours()
        remove(directory / DONE, run)
    lines = "".join(json.dumps(asdict(record)) + "\n" for record in result.epochs)
    written = {**files, "metrics.jsonl": lines.encode(), "oof.parquet": _predictions(result)}
    for name, data in written.items():
        write_bytes(
            directory / name, data, root=run, what=CALLED.get(name, "result of the fold"), may_replace=still_ours
        )
    done = {
        **{key: value for key, value in asdict(result).items() if not isinstance(value, np.ndarray)},
        "amp": dict(amp),
        "identity": dict(identity),
        "scored_on": scored_on,
        "sha256": {name: hashlib.sha256(data).hexdigest() for name, data in written.items()},
    }
    write_bytes(directory / "DONE", sealed(done), root=run, what=N_("result of the fold"), may_replace=still_ours)
    remove(directory / DIVERGED, run)


def target_hash(target: Target) -> str:
    """Return the sha256 of labels, the same for whatever type they are held in."""
    return hashlib.sha256(np.ascontiguousarray(target, dtype=np.float64).data).hexdigest()


def _predictions(result: FoldResult) -> bytes:
    columns: dict[str, NDArray[Any]] = {"row": result.rows, "loss": result.loss}
    columns |= {f"proba_{i}": column for i, column in enumerate(result.proba.T)}
    columns |= {f"logit_{i}": column for i, column in enumerate(result.logits.T)}
    return parquet_bytes(columns)


def read_done(directory: Path) -> dict[str, Any] | None:
    """Read the mark of a finished fold; None where it is not finished.

    Raises:
        CheckpointError: the mark is damaged.
    """
    if not is_there(directory / "DONE", directory.parent):
        return None
    try:
        return unsealed(directory / "DONE", directory.parent)
    except CheckpointError as error:
        raise CheckpointError(f"{error}\n{_again(directory)}") from error


def trained_epochs(done: Mapping[str, Any]) -> int:
    """Return for how many epochs a finished fold was to be trained."""
    return int(done["identity"]["length"]["max_epochs"])


def load_fold(directory: Path, scratch: Path | None = None) -> SavedFold:
    """Read a finished fold back.

    Args:
        directory: of the fold.
        scratch: folder that may be written to: predictions of many rows are mapped from files there.

    Raises:
        CheckpointError: it is not finished, or one of its files is not the one that was written.
    """
    done = read_done(directory)
    if done is None:
        raise CheckpointError(f"{directory} is not finished")
    files = {name: read_fold_file(directory, name, done) for name in done["sha256"]}
    del done["sha256"]
    table = arrow_files.read_parquet(arrow_files.copied(files["oof.parquet"]))
    amp, identity, scored_on = done.pop("amp"), done.pop("identity"), done.pop("scored_on", "")
    done["epochs"] = tuple(EpochRecord(**record) for record in done["epochs"])
    result = FoldResult(
        rows=_stacked(table, ["row"], scratch)[:, 0],
        proba=_stacked(table, _named(table, "proba_"), scratch),
        logits=_stacked(table, _named(table, "logit_"), scratch),
        loss=_stacked(table, ["loss"], scratch)[:, 0],
        **done,
    )
    return SavedFold(result, amp, identity, scored_on)


def read_fold_file(directory: Path, name: str, done: Mapping[str, Any]) -> bytes:
    """Read a file of a finished fold.

    Args:
        directory: of the fold.
        name: of the file.
        done: the fold's mark, as ``read_done`` returned it.

    Raises:
        CheckpointError: it is missing, or not the one that was written.
    """
    try:
        data = read_file(directory / name, directory.parent)
    except OSError as error:
        raise CheckpointError(f"{directory}/{name} is missing: {error.strerror}\n{_again(directory)}") from error
    if hashlib.sha256(data).hexdigest() != done["sha256"].get(name):
        raise CheckpointError(f"{directory}/{name} is damaged (sha256 differs)\n{_again(directory)}")
    return data


def _again(directory: Path) -> str:
    return f"delete {directory} and run cv.fold={directory.name.removeprefix('fold_')} again"


def _named(table: Any, prefix: str) -> list[str]:
    return [name for name in table.column_names if name.startswith(prefix)]


def _stacked(table: Any, names: Sequence[str], scratch: Path | None) -> NDArray[Any]:
    def fill(start: int, out_BK: NDArray[Any]) -> None:
        for place, name in enumerate(names):
            out_BK[:, place] = arrow_files.as_numpy(table[name].slice(start, len(out_BK)))

    dtype = arrow_files.as_numpy(table[names[0]].slice(0, 0)).dtype
    return filled((len(table), len(names)), dtype, fill, scratch if len(table) >= MAPPED_ROWS else None)
