"""The files of a whole run: what is run, by what, on which rows; a job that would run something else is refused."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.errors import CheckpointError
from trainer.store.identity import Identity, describe_differences, differences
from trainer.store.own_files import MARK, sweep_run
from trainer.system import arrow_files
from trainer.system.arrow_files import as_numpy, as_table, as_words, read_parquet
from trainer.system.files import directory_lock, remove, sealed, storage_error, unsealed, write_bytes
from trainer.system.folders import is_there, read_file
from trainer.system.mapped_arrays import MANY_ROWS
from trainer.tasks import Target, Task, of_target
from trainer.wording.translations import N_, _

ROWS = "rows.parquet"
RESTORE_ROWS = f"restore {ROWS} from another copy of the run"
GROUP = "group"  # a column of it


def is_run(run: Path) -> bool:
    """Return whether the directory holds a run.

    Raises:
        StorageError: the place cannot be looked at, such as a name that is too long.
        ForeignFileError: something else than a file bears the name.
    """
    try:
        return is_there(run / MARK, run)
    except OSError as error:
        raise storage_error(error, run, 0) from error


def read_manifest(run: Path) -> dict[str, Any]:
    """Read manifest.json.

    Raises:
        CheckpointError: it is missing, or not what was written.
    """
    return unsealed(run / "manifest.json", run)


def write_manifest(run: Path, facts: Mapping[str, Any]) -> None:
    """Write manifest.json again, under the seal of its values.

    Raises:
        StorageError: it cannot be written.
    """
    write_run(run, {"manifest.json": sealed(facts)})


def require_same_run(run: Path, facts: Mapping[str, Any], identity: Identity, *, force: bool) -> list[str]:
    """Compare a run that is there with what would be run now.

    Args:
        run: holds a run.
        facts: its manifest.json.
        identity: of what would be run now; its hardware may differ.
        force: go on all the same.

    Returns:
        What differs, one line each (empty unless forced).

    Raises:
        CheckpointError: something that alters the numbers differs.
    """
    found = differences(facts.get("identity", {}), identity, hardware=False)
    if found and not force:
        said = _(
            "{run} holds a run that is not this one:\n{differences}\n"
            "use the same options and data, another run=NAME, or force_resume=true to go on all the same"
        )
        raise CheckpointError(said.format(run=run, differences="\n".join(describe_differences(found, most=2))))
    return describe_differences(found, most=len(found))


def longer_training(facts: Mapping[str, Any], identity: Identity) -> str | None:
    """Return what to say where a run is to be trained for more epochs than its manifest.json says, else None."""
    before = facts.get("identity", {}).get("length", {}).get("max_epochs", 0)
    now = identity["length"]["max_epochs"]
    return f"training longer: max_epochs {before} -> {now} (no step depends on it)" if now > before else None


def files_fit(run: Path, facts: Mapping[str, Any], folds_json: str) -> bool:
    """Return whether rows.parquet and folds.json are those of the manifest: a kill may have come between them."""
    try:
        rows, folds = read_file(run / ROWS, run), read_file(run / MARK, run).decode()
    except (OSError, ValueError):
        return False
    return hashlib.sha256(rows).hexdigest() == facts.get("sha256", {}).get(ROWS) and folds == folds_json


def write_run(run: Path, files: Mapping[str, bytes]) -> None:
    """Write the run's own files: config.yaml, manifest.json, rows.parquet, folds.json and others, the mark last."""
    with directory_lock(run, run):
        sweep_run(run)
        if MARK in files:
            remove(run / "cv.json", run)  # of the run as it was before
        for name in sorted(files, key=lambda name: name == MARK):
            write_bytes(run / name, files[name], root=run, what=N_("record of the run"))


def rows_table(ids_N: NDArray[np.str_], target: Target, groups_N: NDArray[np.str_] | None = None) -> bytes:
    """Return rows.parquet: id, target and group of every row, which is what a merge needs of the data.

    Groups are there as numbers: their names may be those of persons.
    """
    columns: dict[str, Any] = {"id": ids_N} | {
        f"target_{i}": column for i, column in enumerate(of_target(target).columns(target))
    }
    if groups_N is not None:
        columns[GROUP] = np.unique(groups_N, return_inverse=True)[1].astype(np.int64)
    return parquet_bytes(columns)


def read_run_rows(
    run: Path, task: Task, scratch: Path | None = None
) -> tuple[NDArray[np.str_], Target, NDArray[np.int64] | None]:
    """Read rows.parquet back: ids (N,), target (N,) or, multi-label, (N, L), and the number of each row's group.

    Args:
        run: its directory.
        task: of the run.
        scratch: folder that may be written to: the ids of very many rows are mapped from a file there.

    Raises:
        CheckpointError: it is missing, or not the file that was written.
    """
    try:
        data = read_file(run / ROWS, run)
    except FileNotFoundError as error:
        raise CheckpointError(f"{run}/{ROWS} is missing\n{RESTORE_ROWS}") from error
    if hashlib.sha256(data).hexdigest() != read_manifest(run).get("sha256", {}).get(ROWS):
        raise CheckpointError(f"{run}/{ROWS} is damaged: sha256 differs from manifest.json\n{RESTORE_ROWS}")
    buffer = arrow_files.copied(data)
    del data  # of many rows it is as large
    table = read_parquet(buffer)
    del buffer
    targets = [as_numpy(table[name]) for name in table.column_names if name not in ("id", GROUP)]
    groups_N = as_numpy(table[GROUP]) if GROUP in table.column_names else None
    many = len(table) > MANY_ROWS
    return as_words(table["id"], scratch if many else None), task.from_columns(targets), groups_N


def has_rows(data: bytes, ids_N: NDArray[np.str_], target: Target) -> bool:
    """Return whether a rows.parquet, whosever it is, has these rows; their groups do not matter."""
    import pyarrow as pa

    try:
        table = read_parquet(arrow_files.copied(data))
    except (OSError, pa.ArrowException):
        return False
    kept = table.select([name for name in table.column_names if name != GROUP])
    return bool(kept.equals(read_parquet(arrow_files.copied(rows_table(ids_N, target)))))


def parquet_bytes(columns: Mapping[str, Any]) -> bytes:
    """Return columns as a Parquet file; the same values give the same bytes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(as_table(columns), sink)
    return bytes(sink.getvalue())
