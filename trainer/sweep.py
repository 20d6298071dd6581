"""One job of a sweep: run it, and enter what came of it in the sweep's leaderboard."""

import time
from collections.abc import Callable
from typing import Any

from rich.console import Console

from trainer.config.compose import SweepJob
from trainer.config.errors import as_foldwise_error
from trainer.config.schema import RunConfig
from trainer.merge import Merged
from trainer.metrics import METRICS
from trainer.report import leaderboard


def run_job(config: RunConfig, sweep: SweepJob, console: Console, job: Callable[[], Merged | None]) -> Merged | None:
    """Call ``job``, record how it ended and print the leaderboard.

    Args:
        config: of the job.
        sweep: which job it is, and where the sweep's files are.
        console: where the leaderboard is printed.
        job: runs the configuration.

    Returns:
        What ``job`` returns; what it raises is raised after it is recorded.
    """
    started = time.perf_counter()

    def enter(outcome: dict[str, Any]) -> None:
        facts = {"num": sweep.number, "overrides": list(sweep.overrides), "seconds": time.perf_counter() - started}
        leaderboard.record(sweep.directory, {**facts, **outcome})
        leaderboard.write(sweep.directory)
        if config.cv.fold is None:  # the folds of one run are no rivals
            leaderboard.show(sweep.directory, console)

    try:
        merged = job()
    except Exception as error:  # a user's model may raise anything; the sweep goes on
        enter({"status": "failed", "error": str(as_foldwise_error(error)).splitlines()[0]})
        raise
    enter({"status": "done", **_scores(merged)})
    return merged


def _scores(merged: Merged | None) -> dict[str, Any]:
    if merged is None:
        return {}
    primary = merged.result.primary
    summary = merged.result.metrics[primary]
    return {
        "primary": primary,
        "greater_is_better": METRICS[primary].greater_is_better,
        "mean": summary.mean,
        "sd": summary.sd,
        "oof": summary.oof,
        "run_dir": str(merged.report.parent),
    }
