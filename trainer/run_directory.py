"""What a run leaves on disk: one directory, one sub-directory per fold, ``DONE`` written last.

Folds are merged from these files only, so folds run in one process or as separate jobs give the same bytes.
"""

import hashlib
import json
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from trainer.checkpoint.files import make_directory, write_bytes
from trainer.config.errors import CheckpointError, ConfigError
from trainer.results import EpochRecord, FoldResult

FREE_KEYS = (
    "run",
    "cv.fold",
    "device",
    "num_workers",
    "preflight",
    "paths",
    "profile",
    "runtime",
    "tracker",
    "checkpoint",
)


@dataclass(frozen=True)
class SavedFold:
    """A finished fold as read back.

    Attributes:
        result: what the fold found.
        amp: skipped steps and final loss scale.
    """

    result: FoldResult
    amp: dict[str, Any]


def fold_directory(run: Path, number: int) -> Path:
    """Return where fold ``number`` (repeat x n_splits + fold) is kept."""
    return run / f"fold_{number}"


def open_run(run: Path, files: Mapping[str, bytes]) -> None:
    """Write the run's own files, or join a run that has the same configuration and folds.

    Args:
        run: existing directory.
        files: content by name: config.yaml, folds.json and whatever else describes the run.

    Raises:
        ConfigError: the directory holds a run with another configuration.
        CheckpointError: the directory holds a run with other folds or other data.
    """
    if (run / "folds.json").exists():
        _require_same_config(run, yaml.safe_load(files["config.yaml"]))
        if (run / "folds.json").read_bytes() != files["folds.json"]:
            raise CheckpointError(
                f"{run}: its folds.json is of other data or another split\n"
                "use another run=NAME, or the same data and cv.* as before"
            )
        return
    for name in sorted(files, key=lambda name: name == "folds.json"):  # folds.json last: it marks the run
        write_bytes(run / name, files[name])


def _require_same_config(run: Path, config: Mapping[str, Any]) -> None:
    saved = yaml.safe_load((run / "config.yaml").read_text(encoding="utf-8"))
    before, now = flatten(saved), flatten(config)
    differing = [
        f"{key}: {before.get(key)} there, {now.get(key)} here"
        for key in sorted(before.keys() | now.keys())
        if before.get(key) != now.get(key) and not _free(key)
    ]
    if differing:
        more = [f"... and {len(differing) - 3} more"] if len(differing) > 3 else []
        raise ConfigError("\n".join([f"{run} holds a run with another configuration:", *differing[:3], *more]))


def _free(key: str) -> bool:
    return any(key == free or key.startswith(f"{free}.") for free in FREE_KEYS)


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested mappings as one mapping with dotted keys."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def rows_table(ids_N: NDArray[np.str_], target: NDArray[np.int64]) -> bytes:
    """Return rows.parquet: the id and target of every row, which is what a merge needs of the data."""
    columns = {"id": ids_N.tolist()} | {
        f"target_{i}": column for i, column in enumerate(target.T if target.ndim == 2 else [target])
    }
    return _parquet(columns)


def read_rows(run: Path, task: str) -> tuple[NDArray[np.str_], NDArray[np.int64]]:
    """Read rows.parquet back: ids (N,) and target (N,) or, multi-label, (N, L)."""
    import pyarrow.parquet as pq

    table = pq.read_table(run / "rows.parquet")
    targets = [table[name].to_numpy() for name in table.column_names[1:]]
    ids_N = np.array(table["id"].to_pylist(), dtype=np.str_)
    return ids_N, np.stack(targets, axis=1) if task == "multilabel" else targets[0]


def _parquet(columns: Mapping[str, Any]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(dict(columns)), sink)
    return bytes(sink.getvalue())


def manifest(**facts: Any) -> bytes:
    """Return manifest.json: versions of what ran, and the given facts."""
    packages = ("torch", "numpy", "scikit-learn", "hydra-core", "omegaconf")
    versions = {"python": platform.python_version(), **{name: version(name) for name in packages}}
    return (json.dumps({"versions": versions, **facts}, indent=2, ensure_ascii=False) + "\n").encode()


def save_fold(
    run: Path, number: int, result: FoldResult, *, amp: Mapping[str, Any], files: Mapping[str, bytes]
) -> None:
    """Write a finished fold; ``DONE`` comes last, so a fold without it does not count.

    Raises:
        StorageError: it cannot be written.
    """
    directory = fold_directory(run, number)
    make_directory(directory)
    for name, data in files.items():
        write_bytes(directory / name, data)
    lines = "".join(json.dumps(asdict(record)) + "\n" for record in result.epochs)
    write_bytes(directory / "metrics.jsonl", lines.encode())
    predictions = _predictions(result)
    write_bytes(directory / "oof.parquet", predictions)
    done = {
        **{key: value for key, value in asdict(result).items() if not isinstance(value, np.ndarray)},
        "amp": dict(amp),
        "oof_sha256": hashlib.sha256(predictions).hexdigest(),
    }
    write_bytes(directory / "DONE", (json.dumps(done, indent=2) + "\n").encode())


def _predictions(result: FoldResult) -> bytes:
    columns: dict[str, NDArray[Any]] = {"row": result.rows, "loss": result.loss}
    columns |= {f"proba_{i}": column for i, column in enumerate(result.proba.T)}
    columns |= {f"logit_{i}": column for i, column in enumerate(result.logits.T)}
    return _parquet(columns)


def is_done(run: Path, number: int) -> bool:
    """Return whether fold ``number`` is finished."""
    return (fold_directory(run, number) / "DONE").exists()


def load_fold(run: Path, number: int) -> SavedFold:
    """Read a finished fold back.

    Raises:
        CheckpointError: its predictions are not the ones that were written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    directory = fold_directory(run, number)
    done = json.loads((directory / "DONE").read_text(encoding="utf-8"))
    data = (directory / "oof.parquet").read_bytes()
    if hashlib.sha256(data).hexdigest() != done.pop("oof_sha256"):
        raise CheckpointError(
            f"{directory}/oof.parquet is damaged (sha256 differs)\ndelete {directory} and run cv.fold={number} again"
        )
    table = pq.read_table(pa.BufferReader(data))
    amp = done.pop("amp")
    done["epochs"] = tuple(EpochRecord(**record) for record in done["epochs"])
    result = FoldResult(
        rows=table["row"].to_numpy(),
        proba=_stacked(table, "proba_"),
        logits=_stacked(table, "logit_"),
        loss=table["loss"].to_numpy(),
        **done,
    )
    return SavedFold(result, amp)


def _stacked(table: Any, prefix: str) -> NDArray[np.float32]:
    names = [name for name in table.column_names if name.startswith(prefix)]
    return np.stack([table[name].to_numpy() for name in names], axis=1)
