"""Of which folds a folder was made: kept in model.json, so that it is never compared with others."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from trainer.store.fold_files import fold_directory
from trainer.system.folders import read_file

DONE_SHA256 = "folds_sha256"  # a key of model.json


def folds_done(directory: Path, names: Sequence[int | str]) -> dict[str, str]:
    """Return the sha256 of what seals each of some folds, which names its weights and predictions by theirs.

    Args:
        directory: of the run.
        names: of the folds.
    """
    sealed = {str(name): read_file(fold_directory(directory, name) / "DONE", directory) for name in names}
    return {name: hashlib.sha256(data).hexdigest() for name, data in sealed.items()}
