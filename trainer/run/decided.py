"""What was decided on a run, for its report."""

import hashlib

from trainer.run.copies import RunCopy
from trainer.store.fold_files import fold_directory
from trainer.store.own_files import DECISION
from trainer.system.files import unsealed
from trainer.system.folders import is_there, read_file

FOLDS_SHA256 = "folds (sha256)"  # a key of decision.json and of the runs in blend.json


def folds_sha256(run: RunCopy) -> str:
    """Return one sha256 of all that the folds of a run found: training one of them again changes it."""
    digest = hashlib.sha256()
    for number in range(run.n_folds):
        digest.update(read_file(fold_directory(run.directory, number) / "DONE", run.directory))
    return digest.hexdigest()


def decided_lines(run: RunCopy) -> list[str]:
    """Return what was decided and what it is worth; nothing where nothing was, or the folds are others by now.

    Raises:
        CheckpointError: decision.json is damaged.
    """
    path = run.directory / DECISION
    if not is_there(path, run.directory):
        return []
    facts = unsealed(path, run.directory)
    same = facts.get(FOLDS_SHA256) == folds_sha256(run)
    return [str(line) for line in facts.get("lines", [])] if same else []
