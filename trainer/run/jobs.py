"""The jobs of a run's folds: the command of each, and the record of what was submitted, in the run directory."""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from trainer.config.compose import Launch
from trainer.config.executor import ExecutorConfig
from trainer.config.overrides import key_of, quoted
from trainer.executors.contract import FoldJob
from trainer.run.torchrun_options import in_processes
from trainer.store.own_files import JOBS
from trainer.store.run_files import read_manifest
from trainer.system.files import make_directory, write_bytes
from trainer.system.folders import read_file
from trainer.system.resources import own_bytes

SUBMITTED = "submitted.json"
SAID_ALREADY = (
    "run",
    "resume",
    "cv.fold",
    "cv.parallel",
    "paths.runs",
    "runtime.progress",
    "audit",
    "preflight",
    "budget.hours",
)
ROUND_BYTES = 64 << 20


Fold = int | str


@dataclass(frozen=True)
class Wanted:
    """Folds of a run that are to be trained by an engine.

    Attributes:
        run: its directory.
        launch: how it was asked for.
        executor: which engine, and what of it.
        max_epochs: of each fold.
        folds: that are not done.
    """

    run: Path
    launch: Launch
    executor: ExecutorConfig
    max_epochs: int
    folds: tuple[Fold, ...]


@dataclass(frozen=True)
class Submitted:
    """What was submitted last.

    Attributes:
        ids: what the engine calls the job of each fold.
        address: of the engine, where it has one.
    """

    ids: Mapping[int | str, str] = field(default_factory=dict)
    address: str | None = None


def fold_job(
    executor: ExecutorConfig, launch: Launch, run: Path, fold: int | str, records: Path | None = None
) -> FoldJob:
    """Return the job of one fold: the command that was typed, for this fold alone, in the run that is there."""
    kept = [item for item in launch.command if key_of(item) not in SAID_ALREADY and not _of_executor(item)]
    place = run.absolute()
    own = [
        f"run={quoted(place.name)}",
        f"paths.runs={quoted(str(place.parent))}",
        f"cv.fold={fold}",
        *("cv.parallel=1", "resume=wait", "runtime.progress=plain", "audit=off", "preflight=off"),
    ]
    program, how = in_processes(executor, (sys.executable, "-m", "trainer", "train"))
    command = (*program, *_config_folder(), *kept, *own, *how)
    return FoldJob(fold, command, place, Path.cwd(), measured_bytes(run), records)


def _of_executor(item: str) -> bool:
    return key_of(item).partition(".")[0] == "executor"


def _config_folder() -> list[str]:
    """Return ``--config-dir DIR`` as it was typed: it is no override, so that no run keeps it."""
    typed = sys.argv[1:]
    pairs = zip(typed, [*typed[1:], ""], strict=True)
    return [part for word, after in pairs if word in ("--config-dir", "-cd") for part in (word, after)] + [
        word for word in typed if word.startswith("--config-dir=")
    ]


def submitted(run: Path, engine: str) -> Submitted:
    """Return which jobs of an engine were submitted last."""
    try:
        note = json.loads(read_file(run / JOBS / SUBMITTED, run))
        jobs = note["jobs"] if note["engine"] == engine else {}
        ids = {int(fold) if fold.isdecimal() else fold: str(name) for fold, name in jobs.items()}
        return Submitted(ids, note.get("address"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return Submitted()


def note_submitted(run: Path, engine: str, address: str | None, ids: Mapping[int | str, str]) -> None:
    """Add jobs to the record, for the commands that come later."""
    known = {**submitted(run, engine).ids, **ids}
    note = {"engine": engine, "address": address, "jobs": {str(fold): name for fold, name in known.items()}}
    make_directory(run / JOBS, run)
    write_bytes(run / JOBS / SUBMITTED, json.dumps(note).encode(), root=run, what="record of the jobs")


def measured_bytes(run: Path) -> int | None:
    """Return about what a fold takes: a process with the data, as this one is now, and a step as the profile found it.

    None where there is no profile, or where the step takes the memory of a GPU.
    """
    profile = read_manifest(run).get("profile") or {}
    peak, on_gpu, own = profile.get("peak_bytes"), profile.get("peak_measured"), own_bytes()
    if not peak or not own or on_gpu:
        return None
    return -(-(own + int(peak)) // ROUND_BYTES) * ROUND_BYTES
