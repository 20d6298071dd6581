"""The finished inner fits of a fold under nested cross validation, one sealed record each.

They are there while the fold is not finished, so that a killed run skips them; the finished fold keeps their scores in
``inner.json``.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from trainer.errors import CheckpointError
from trainer.results import EpochRecord
from trainer.store.identity import Identity, require_same_conditions
from trainer.system.files import remove, sealed, unsealed, write_bytes
from trainer.system.folders import is_there, plain_files
from trainer.wording.translations import N_

PATTERN = re.compile(r"inner-\d+-\d+\.json")


@dataclass(frozen=True)
class InnerFit:
    """What one candidate did on one inner fold.

    Attributes:
        epochs: what each epoch recorded.
        diverged: why it ended early, or None.
    """

    epochs: tuple[EpochRecord, ...]
    diverged: str | None = None

    @property
    def seconds(self) -> float:
        """How long it took."""
        return sum(epoch.seconds for epoch in self.epochs)


@dataclass(frozen=True)
class InnerRecords:
    """Where the inner fits of a fold are kept.

    Attributes:
        directory: of the fold, which this process has locked.
        identity: of the run.
        force: take up records of another identity all the same.
        still_ours: raises where another process has taken the fold over.
        print_line: prints one line.
    """

    directory: Path
    identity: Identity
    force: bool
    still_ours: Callable[[], None]
    print_line: Callable[[str], None]

    def load(self, candidate: int, inner: int, made_of: Mapping[str, Any]) -> InnerFit | None:
        """Read a finished fit back; None where it is absent, damaged, or of other settings or rows.

        Raises:
            CheckpointError: it was trained under other conditions.
        """
        path = self._path(candidate, inner)
        if not is_there(path, self.directory.parent):
            return None
        try:
            found = unsealed(path, self.directory.parent)
        except CheckpointError as error:
            self.print_line(f"warning: {error}; fitted again")
            return None
        require_same_conditions(found["identity"], self.identity, what=f"{path} was fitted", force=self.force)
        if found["made_of"] != made_of:
            return None
        return InnerFit(tuple(EpochRecord(**epoch) for epoch in found["epochs"]), found["diverged"])

    def save(self, candidate: int, inner: int, made_of: Mapping[str, Any], fit: InnerFit) -> None:
        """Write a finished fit.

        Raises:
            CheckpointError: another process has taken the fold over.
            StorageError: it cannot be written.
        """
        record = {"made_of": dict(made_of), "identity": dict(self.identity), **asdict(fit)}
        path, run = self._path(candidate, inner), self.directory.parent
        write_bytes(path, sealed(record), root=run, what=N_("inner fit"), may_replace=self.still_ours)

    def _path(self, candidate: int, inner: int) -> Path:
        return self.directory / f"inner-{candidate}-{inner}.json"


def count_fits(directory: Path) -> int:
    """Return how many inner fits of a fold are finished."""
    return len(_names(directory))


def remove_fits(directory: Path) -> None:
    """Delete the records of a fold that is finished."""
    for name in _names(directory):
        remove(directory / name, directory.parent)


def _names(directory: Path) -> list[str]:
    return [name for name in plain_files(directory, directory.parent) if PATTERN.fullmatch(name)]
