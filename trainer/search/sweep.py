"""Where every command to train arrives: one run, or one job of a sweep, entered in the sweep's leaderboard."""

import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from rich.console import Console

from trainer.config.compose import Launch, SweepJob
from trainer.config.search import NONE
from trainer.errors import CheckpointError, ConfigError, as_foldwise_error
from trainer.metrics.find import metric_named
from trainer.report.terminal import make_console
from trainer.run.cross_validate import cross_validate
from trainer.run.merge import Merged
from trainer.run.steps.threads import same_threads
from trainer.search import leaderboard
from trainer.search.picked import drawn_run, keep
from trainer.search.search import search
from trainer.system import interrupts

if TYPE_CHECKING:
    from trainer.config.schema import RunConfig
    from trainer.data.sources.in_memory import Given


def run(config: "RunConfig", launch: Launch, given: "Given | None" = None) -> Merged | None:
    """Run a configuration, or search for a better one; in a sweep, keep the sweep's leaderboard up to date.

    Args:
        config: as composed.
        launch: how it was asked for.
        given: rows that are in memory already; None = the configuration says where they are.

    Returns:
        The merged result, or None where other folds are still missing or only the profile was wanted.

    Raises:
        FoldwiseError: anything a user can cause.
    """
    many = config.search.name != NONE
    train = partial(search if many else cross_validate, config, launch, given)
    with interrupts.handled(), same_threads():
        if launch.sweep is None:
            return train()
        rivals = config.cv.fold is None  # the folds of one run are none
        return run_job(train, launch.sweep, make_console(config.runtime.progress) if rivals else None)


def run_job(train: Callable[[], Merged | None], sweep: SweepJob, console: Console | None) -> Merged | None:
    """Run a job, record how it ended and print the leaderboard.

    Args:
        train: runs the configuration.
        sweep: which job it is, and where the sweep's files are.
        console: where the leaderboard is printed, or None.

    Returns:
        What ``train`` returns; what it raises is raised after it is recorded.
    """
    started = time.perf_counter()

    def enter(outcome: dict[str, Any]) -> None:
        facts = {"num": sweep.number, "overrides": list(sweep.overrides), "seconds": time.perf_counter() - started}
        leaderboard.record(sweep.directory, {**facts, **outcome})
        leaderboard.write(sweep.directory)
        if console is not None:
            leaderboard.show(sweep.directory, console)

    try:
        merged = train()
    except Exception as error:  # a user's model may raise anything; the sweep goes on
        enter({"status": "failed", "error": str(as_foldwise_error(error)).splitlines()[0]})
        raise
    if merged is not None:
        _keep_draws(sweep, merged)
    enter({"status": "done", **_scores(merged)})
    return merged


def _keep_draws(sweep: SweepJob, merged: Merged) -> None:
    """Keep what the leaderboard needs to say what picking the best costs; without it, it says that it cannot."""
    with suppress(CheckpointError, ConfigError):
        drawn = drawn_run(merged.report.parent, f"job {sweep.number}")
        keep(sweep.directory, sweep.number, drawn)


def _scores(merged: Merged | None) -> dict[str, Any]:
    if merged is None:
        return {}
    primary = merged.result.primary
    summary = merged.result.metrics[primary]
    return {
        "primary": primary,
        "greater_is_better": metric_named(primary).greater_is_better,
        "mean": summary.mean,
        "sd": summary.sd,
        "oof": summary.oof,
        "undefined": merged.result.undefined.get(primary, ""),
        "run_dir": str(merged.report.parent),
    }
