"""Every run below a folder, with what is broken or no run among them, and the jobs of sweeps that failed before one."""

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from trainer.errors import ConfigError, FoldwiseError
from trainer.store.run_index import RunIndex, Stamp, keep_index, read_index, stamp_of
from trainer.store.run_records import OF_A_RUN, WHOLE, RunRecord, read_record

DEEPEST = 5  # folders below the one that is listed
SWEEP_MARKS = ("multirun.yaml", "leaderboard.md")
FOLD_JOB = "cv.fold"


@dataclass
class _Found:
    """What a walk has come across; ``indexed`` has the finished runs."""

    before: RunIndex
    records: list[RunRecord] = field(default_factory=list)
    indexed: dict[str, tuple[Stamp, RunRecord]] = field(default_factory=dict)
    sweeps: list[str] = field(default_factory=list)


def read_runs(folder: Path) -> list[RunRecord]:
    """Return the records of everything below a folder, by name; a run directory is a list of one.

    Raises:
        ConfigError: there is no such folder, or it cannot be read.
    """
    if not folder.is_dir():
        what = "it is a file" if folder.exists() else "no such folder"
        raise ConfigError(f"{folder}: {what}\nname the folder that the runs are in: foldwise runs DIR")
    if any(os.path.lexists(folder / name) for name in OF_A_RUN):
        return [read_record(folder, folder.resolve().name)]
    with _no_collection():
        found = _Found(read_index(folder))
        try:
            entries = _folders(folder)
        except OSError as error:
            raise ConfigError(f"{folder} cannot be read: {error.strerror}") from error
        for entry in entries:
            if not _walk(entry.path, entry.name, found, 1):
                found.records.append(RunRecord(entry.name, "no run", "nothing of a run in it"))
    keep_index(folder, found.indexed, found.before)
    known = {(record.sweep, record.job) for record in found.records}
    for name in found.sweeps:
        found.records += _jobs_without_run(folder, name, known)
    return found.records


@contextmanager
def _no_collection() -> Iterator[None]:
    """Let no garbage be looked for: of ten thousand records none is, and the search takes a quarter of the time."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def _folders(folder: Path | str) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        inside = [entry for entry in entries if entry.name[0] != "." and entry.is_dir(follow_symlinks=False)]
    return sorted(inside, key=lambda entry: entry.name)


def _walk(folder: str, name: str, found: _Found, depth: int) -> bool:
    """Enter what is in a folder; return whether there was anything."""
    stamp = stamp_of(folder)
    record = None if stamp is None else found.before.record(name, stamp)
    if record is None:
        try:
            names = {entry.name for entry in Path(folder).iterdir()}
        except OSError as error:
            found.records.append(RunRecord(name, "broken", f"cannot be read: {error.strerror}"))
            return True
        if names.isdisjoint(OF_A_RUN):
            return _below(folder, name, names, found, depth)
        record = read_record(Path(folder), name)
    found.records.append(record)
    if stamp is not None and record.state == "finished":
        found.indexed[name] = stamp, record
    return True


def _below(folder: str, name: str, names: set[str], found: _Found, depth: int) -> bool:
    if "jobs" in names and not names.isdisjoint(SWEEP_MARKS):
        found.sweeps.append(name)
        return True
    if depth == DEEPEST:
        return False
    inside = [_walk(entry.path, f"{name}/{entry.name}", found, depth + 1) for entry in _folders(folder)]
    return any(inside)


def _jobs_without_run(folder: Path, name: str, known: set[tuple[str, int | None]]) -> Iterator[RunRecord]:
    """Yield the failed jobs of a sweep that left no run directory; those of single folds are no runs."""
    from trainer.search.leaderboard import leaderboard, overrides_of, swept_parameters  # which imports Arrow

    place = folder / name
    try:
        jobs = leaderboard(place)
        swept = swept_parameters(jobs)
        for job in jobs:
            overrides = overrides_of(job)
            if job["status"] == "failed" and FOLD_JOB not in overrides and (place.name, job["num"]) not in known:
                said = (job.get("error") or "").strip().splitlines()
                yield RunRecord(
                    f"{name}/jobs/{job['num']}",
                    "failed",
                    said[0] if said else "",
                    seconds=job.get("seconds"),
                    config={WHOLE.get(key, key): overrides[key] for key in swept if key in overrides},
                    sweep=place.name,
                    job=job["num"],
                )
    except (FoldwiseError, OSError, ValueError, KeyError, TypeError, AttributeError):
        yield RunRecord(name, "broken", "the records of the sweep's jobs are damaged")
