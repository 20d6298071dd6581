"""What the baselines predicted of a fold's held-out rows; ``baselines.json`` comes last and carries their sha256.

They lie beside the finished fold and are no part of it: whoever has the rows may fit one later, and a fold without
them, or with damaged ones, is as good as any.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.errors import CheckpointError, ForeignFileError
from trainer.store.run_files import parquet_bytes
from trainer.system import arrow_files
from trainer.system.files import make_directory, sealed, unsealed, write_bytes
from trainer.system.folders import is_there, read_file

RECORD = "baselines.json"
WHAT = "baseline of the fold"


@dataclass(frozen=True)
class FoldBaseline:
    """One baseline on one fold.

    Attributes:
        model: what was fitted, in words.
        proba: (V, n_classes), multi-label (V, L), of numbers (V, 1), in the order of the held-out rows; None where it
            was not fitted.
        seconds: that fitting and predicting took.
        skipped: why it was not fitted, or empty.
    """

    model: str
    proba: NDArray[np.float64] | None = None
    seconds: float = 0.0
    skipped: str = ""


def write_baselines(directory: Path, found: Mapping[str, FoldBaseline], made_of: Mapping[str, Any]) -> None:
    """Write what is known of a fold's baselines.

    Args:
        directory: of the fold.
        found: by name.
        made_of: sha256 of data and folds, as in the identity of the run.

    Raises:
        StorageError: it cannot be written.
    """
    run, record = directory.parent, dict[str, Any]()
    make_directory(directory, run)
    for name, one in found.items():
        record[name] = {"model": one.model, "seconds": one.seconds, "skipped": one.skipped}
        if one.proba is not None:
            data = parquet_bytes({f"proba_{i}": column for i, column in enumerate(one.proba.T)})
            record[name]["sha256"] = hashlib.sha256(data).hexdigest()
            write_bytes(directory / _predictions(name), data, root=run, what=WHAT)
    write_bytes(directory / RECORD, sealed({"made_of": dict(made_of), "baselines": record}), root=run, what=WHAT)


def read_baselines(directory: Path, made_of: Mapping[str, Any]) -> dict[str, FoldBaseline]:
    """Read them back; those that are damaged, or of other rows or folds, are left out.

    Raises:
        ForeignFileError: a link, or something else that is no file, stands in their place.
    """
    try:
        if not is_there(directory / RECORD, directory.parent):
            return {}
        record = unsealed(directory / RECORD, directory.parent)
        read = {name: _read(directory, name, values) for name, values in record["baselines"].items()}
    except ForeignFileError:
        raise
    except (CheckpointError, OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
    return {name: one for name, one in read.items() if one is not None} if record["made_of"] == made_of else {}


def _read(directory: Path, name: str, values: Mapping[str, Any]) -> FoldBaseline | None:
    fields, sha256 = dict(values), values.get("sha256")
    fields.pop("sha256", None)
    if sha256 is None:
        return FoldBaseline(**fields)
    data = read_file(directory / _predictions(name), directory.parent)
    if hashlib.sha256(data).hexdigest() != sha256:
        return None
    table = arrow_files.read_parquet(arrow_files.copied(data))
    return FoldBaseline(**fields, proba=np.stack([arrow_files.as_numpy(column) for column in table.columns], axis=1))


def _predictions(name: str) -> str:
    return f"baseline-{name}.parquet"
