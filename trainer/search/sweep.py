"""Where every command to train arrives: one run, or one job of a sweep, entered in the sweep's leaderboard."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from trainer.config.compose import Launch, SweepJob
from trainer.config.home import with_home
from trainer.config.search import NONE
from trainer.config.sweep_jobs import say_failures
from trainer.errors import Interrupted
from trainer.report.terminal import make_console
from trainer.run.begin import begin
from trainer.run.cross_validate import cross_validate
from trainer.run.merge import Merged
from trainer.run.steps.threads import same_threads
from trainer.search import leaderboard
from trainer.search.search import search
from trainer.search.sweep_job import Entry, run_before, sweep_again
from trainer.search.together import TOGETHER, gather
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
    with interrupts.handled(), same_threads():
        if launch.sweep is None:
            return search(config, launch, given) if many else cross_validate(config, launch, given)
        entry, config = Entry(launch.sweep), _under_its_name(with_home(config), launch.sweep)
        entry.begun()
        if launch.sweep.typed and config.executor.name in TOGETHER and not many:
            _begin(config, launch, entry)
            return None
        rivals = config.cv.fold is None  # the folds of one run are none
        train = partial(search if many else cross_validate, config, launch, given)
        try:
            return run_job(train, entry, make_console(config.runtime.progress) if rivals else None)
        except Interrupted as stop:
            if launch.sweep.typed:
                stop.advice = f"; go on with the whole sweep with: {sweep_again(launch)}"
            raise


def run_job(train: Callable[[], Merged | None], entry: Entry, console: Console | None) -> Merged | None:
    """Run a job, record how it ended and print the leaderboard.

    Args:
        train: runs the configuration.
        entry: of the job in the sweep's records.
        console: where the leaderboard is printed, or None.

    Returns:
        What ``train`` returns; what it raises is raised after it is recorded.
    """
    try:
        merged = train()
    except Exception as error:  # a user's model may raise anything; the sweep goes on
        entry.failed(error)
        if console is not None and leaderboard.has_scores(entry.sweep.directory):
            leaderboard.show(entry.sweep.directory, console)
        raise
    say_failures()
    entry.done(*(None, None) if merged is None else (merged.report.parent, merged.result))
    if console is not None:
        leaderboard.show(entry.sweep.directory, console)
    return merged


def _begin(config: "RunConfig", launch: Launch, entry: Entry) -> None:
    """Look at a job whose folds an engine trains; they are submitted with those of the other jobs."""
    try:
        begun = begin(config, launch)
    except Exception as error:
        entry.failed(error)
        raise
    if begun is None:
        entry.done(None, None)
    else:
        gather(launch, begun, entry)


def _under_its_name(config: "RunConfig", sweep: SweepJob) -> "RunConfig":
    """Return the configuration of a job of a sweep that is continued under the name that its run has."""
    name = run_before(Path(config.paths.runs), sweep) if config.run is None else None
    return config if name is None else replace(config, run=name)
