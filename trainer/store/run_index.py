"""The records of the runs below a folder, kept in one file there, so that a list of 10,000 runs comes at once.

It is nothing but a cache: what is in it of a run counts while the run's directory, manifest.json and cv.json are the
same files, by time, size and number. It may be deleted at any time, is replaced in one piece, and a folder that may not
be written, or a file that is not what was written, costs time and nothing else.
"""

import json
import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trainer.errors import ForeignFileError, StorageError
from trainer.store.run_records import MANIFEST, RESULT, RunRecord
from trainer.system.files import write_bytes
from trainer.system.folders import read_file

INDEX = ".foldwise-runs.json"
FORM = 1  # of the file; another one is not read
FEWEST = 100  # runs: fewer are read as fast without
_TOLD = ("primary", "data", "folds", "about", "n_done", "n_folds", "seconds", "started", "sweep", "job")

Stamp = tuple[int, ...]


@dataclass
class RunIndex:
    """What is known of the finished runs below a folder.

    Attributes:
        known: by name, the stamp of a run's files and its record.
    """

    known: dict[str, tuple[Stamp, RunRecord]] = field(default_factory=dict)

    def record(self, name: str, stamp: Stamp | None) -> RunRecord | None:
        """Return the record of a run whose files are still the same."""
        found = self.known.get(name)
        return found[1] if found is not None and found[0] == stamp else None


def stamp_of(run: Path | str) -> Stamp | None:
    """Return what changes when a finished run changes; None where it has no result."""
    try:
        folder = os.lstat(run)
        files = [os.lstat(f"{run}/{name}") for name in (MANIFEST, RESULT)]
    except OSError:
        return None
    if not all(stat.S_ISREG(one.st_mode) for one in files):
        return None
    return (folder.st_mtime_ns, *(number for one in files for number in (one.st_mtime_ns, one.st_size, one.st_ino)))


def read_index(folder: Path) -> RunIndex:
    """Return what was kept for a folder; nothing where there is nothing, or anything but what was written."""
    try:
        kept = json.loads(read_file(folder / INDEX, folder))
        if kept["form"] != FORM:
            return RunIndex()
        base = dict(kept["base"])
        return RunIndex({str(name): _restored(name, values, base) for name, values in kept["runs"].items()})
    except (OSError, ForeignFileError, ValueError, TypeError, KeyError, AttributeError):
        return RunIndex()


def keep_index(folder: Path, found: Mapping[str, tuple[Stamp, RunRecord]], before: RunIndex) -> None:
    """Write the index where it differs from what was there; a folder that may not be written is left as it is."""
    if len(found) < FEWEST or found == before.known:
        return
    base = dict(next(iter(found.values()))[1].config)  # most settings are the same in all runs
    runs = {name: _kept(stamp, record, base) for name, (stamp, record) in found.items()}
    data = json.dumps({"form": FORM, "base": base, "runs": runs}, ensure_ascii=False, separators=(",", ":"))
    with suppress(StorageError, ForeignFileError, OSError):
        write_bytes(folder / INDEX, data.encode(), root=folder)


def _kept(stamp: Stamp, record: RunRecord, base: Mapping[str, Any]) -> dict[str, Any]:
    config = record.config
    return {
        "stamp": stamp,
        "told": [getattr(record, name) for name in _TOLD],
        "metrics": record.metrics,
        "other": {key: value for key, value in config.items() if key not in base or repr(base[key]) != repr(value)},
        "without": [key for key in base if key not in config],
    }


def _restored(name: str, kept: Mapping[str, Any], base: Mapping[str, Any]) -> tuple[Stamp, RunRecord]:
    config = {**base, **kept["other"]}
    for key in kept["without"]:
        del config[key]
    told = dict(zip(_TOLD, kept["told"], strict=True))
    return tuple(kept["stamp"]), RunRecord(name, "finished", metrics=kept["metrics"], config=config, **told)
