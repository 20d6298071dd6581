"""One job of a sweep in the sweep's records: that it has begun, how it ended, and which run it had before."""

import shlex
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from trainer.config.compose import Launch, SweepJob
from trainer.config.overrides import key_of
from trainer.errors import CheckpointError, ConfigError, as_foldwise_error
from trainer.metrics.find import metric_named
from trainer.results import CVResult
from trainer.search import leaderboard
from trainer.search.picked import drawn_run, keep
from trainer.search.run_folder import read_runs

SWEEP_DIR = "hydra.sweep.dir"
HOW = ("executor", "runtime")


class Entry:
    """A job's place in the records of its sweep.

    Args:
        sweep: which job it is, and where the sweep's files are.
    """

    def __init__(self, sweep: SweepJob) -> None:
        self.sweep, self.started = sweep, time.perf_counter()

    def begun(self) -> None:
        """Note that the job has begun."""
        self._write({"status": "running"})

    def done(self, run: Path | None, result: CVResult | None) -> None:
        """Note how it ended; what the leaderboard needs to say what picking the best costs is kept too."""
        if run is not None and result is not None:
            with suppress(CheckpointError, ConfigError):  # without it, the leaderboard says that it cannot
                keep(self.sweep.directory, self.sweep.number, drawn_run(run, f"job {self.sweep.number}"))
        self._write({"status": "done", **_scores(run, result)})

    def failed(self, error: Exception) -> None:
        """Note why it has failed."""
        self._write({"status": "failed", "error": str(as_foldwise_error(error)).splitlines()[0]})

    def _write(self, outcome: dict[str, Any]) -> None:
        seconds = {} if outcome["status"] == "running" else {"seconds": time.perf_counter() - self.started}
        facts = {"num": self.sweep.number, "overrides": list(self.sweep.overrides), **seconds}
        leaderboard.record(self.sweep.directory, {**facts, **outcome})
        leaderboard.write(self.sweep.directory)


def run_before(runs: Path, sweep: SweepJob) -> str | None:
    """Return the name of the run that this job had when the sweep was begun; None where it is begun now."""
    before = leaderboard.recorded(sweep.directory, sweep.number)
    if before is None or _what(before.get("overrides", [])) != _what(sweep.overrides):
        return None
    return _runs_of(runs, sweep.directory).get(sweep.number)


def _what(overrides: Sequence[str]) -> list[str]:
    """Return the overrides that make a job another one: not where and how it is trained."""
    return [item for item in overrides if key_of(item).partition(".")[0] not in HOW]


@lru_cache(maxsize=1)  # of each sweep once: what is asked for was there before it was continued
def _runs_of(runs: Path, sweep_dir: Path) -> dict[int, str]:
    try:
        found = [record for record in read_runs(runs) if record.sweep == sweep_dir.name]
    except ConfigError:  # the folder is not there
        return {}
    return {record.job: record.name for record in found if record.job is not None and "/" not in record.name}


def sweep_again(launch: Launch) -> str:
    """Return the command that goes on with a sweep, whose runs keep their names: what was typed, in its folder."""
    assert launch.sweep is not None
    kept: Sequence[str] = [item for item in launch.sweep.typed if key_of(item) != SWEEP_DIR]
    return f"{launch.door} {shlex.join([*kept, f'{SWEEP_DIR}={launch.sweep.directory}'])}"


def _scores(run: Path | None, result: CVResult | None) -> dict[str, Any]:
    if run is None or result is None:
        return {}
    primary = result.primary
    summary = result.metrics[primary]
    return {
        "primary": primary,
        "greater_is_better": metric_named(primary).greater_is_better,
        "mean": summary.mean,
        "sd": summary.sd,
        "oof": summary.oof,
        "undefined": result.undefined.get(primary, ""),
        "run_dir": str(run),
    }
