"""The jobs of a sweep whose folds an engine trains: all are looked at, then their folds are submitted together.

So a mistake costs no place in the queue, and one array job, with one limit on how many run at a time, holds the whole
sweep. The leaderboard is one of runs, and is written from the run directories whichever of their jobs ended last.
"""

import time
from dataclasses import dataclass
from pathlib import Path

from trainer.config.compose import Launch
from trainer.config.sweep_jobs import jobs_of_command, say_failures
from trainer.errors import FoldwiseError, Interrupted, as_foldwise_error
from trainer.report.terminal import line_printer
from trainer.results import CVResult
from trainer.run.begin import Begun
from trainer.run.elsewhere import Elsewhere
from trainer.run.jobs import Wanted
from trainer.run.merge import merge
from trainer.run.missing import missing_folds
from trainer.search import leaderboard
from trainer.search.sweep_job import Entry, sweep_again
from trainer.store.mirror import mirrored
from trainer.store.result_files import read_cv_json
from trainer.system import interrupts

TOGETHER = ("slurm", "ray")  # engines of many machines
MERGE_SECONDS = 60.0  # that the job which ended last may take to merge
LOOK_SECONDS = 0.5


@dataclass(frozen=True)
class _Job:
    """A job of the sweep.

    Attributes:
        entry: of it in the sweep's records.
        wanted: folds of its run.
        is_rival: it is in the leaderboard; those of single folds are not.
        mirror: address below which a copy of the run is kept, or None.
    """

    entry: Entry
    wanted: Wanted
    is_rival: bool
    mirror: str | None


class Together:
    """Jobs that are ready to be submitted; called when all have begun.

    Args:
        launch: of the first.
        begun: the run of the first.
    """

    def __init__(self, launch: Launch, begun: Begun) -> None:
        assert launch.sweep is not None
        self.launch, self.console, self.directory = launch, begun.console, launch.sweep.directory
        self.jobs: list[_Job] = []
        self.errors: list[FoldwiseError] = []

    def __call__(self) -> list[FoldwiseError]:
        """Submit the folds of all jobs and follow them; return the errors of jobs."""
        say_failures()
        for run in dict.fromkeys(job.wanted.run for job in self.jobs):
            if not any(job.wanted.folds for job in self.jobs if job.wanted.run == run):
                self._ended(run, None)
        waiting = [job.wanted for job in self.jobs if job.wanted.folds]
        records = (self.directory / "jobs").absolute()
        again = sweep_again(self.launch)
        try:
            with interrupts.handled():
                Elsewhere(line_printer(self.console), records, self._ended).train(waiting)
        except Interrupted as stop:
            stop.advice = f"; the jobs go on; follow them with: {again}"
            raise
        if any(wanted.executor.detach for wanted in waiting):
            said = f"{self.directory}: the jobs go on; follow them, and write the leaderboard, with: {again}"
            self.console.print(said, highlight=False, soft_wrap=True)
        if any(job.is_rival for job in self.jobs):
            leaderboard.show(self.directory, self.console)
        return self.errors

    def _ended(self, run: Path, error: FoldwiseError | None) -> None:
        """Enter the jobs of a run whose folds have ended."""
        result, jobs = None, [job for job in self.jobs if job.wanted.run == run]
        if error is None:
            try:
                with mirrored(jobs[0].mirror, run, None, line_printer(self.console), here=False):
                    result = _result(run)
            except Exception as problem:  # files of another machine: whatever is wrong with them, the others go on
                error = as_foldwise_error(problem)
        for job in jobs:
            if error is None:
                job.entry.done(run, result if job.is_rival else None)
                continue
            job.entry.failed(error)
            self.errors.append(error)


def gather(launch: Launch, begun: Begun, entry: Entry) -> None:
    """Keep a job whose run is written until all jobs of the sweep have begun.

    Args:
        launch: how it was asked for.
        begun: its run.
        entry: of it in the sweep's records.
    """
    jobs = jobs_of_command()
    assert jobs is not None
    if jobs.rest is None:
        jobs.rest = Together(launch, begun)
    assert isinstance(jobs.rest, Together)
    config = begun.config
    folds = tuple(begun.resume_plan.unfinished)
    wanted = Wanted(begun.directory, launch, config.executor, config.max_epochs, folds)
    jobs.rest.jobs.append(_Job(entry, wanted, config.cv.fold is None, config.paths.mirror))


def _result(run: Path) -> CVResult | None:
    """Return the result of a run whose wanted folds are done, or None where it lacks others.

    The job that ended last merges; where it was lost before it had, this does.
    """
    if missing_folds(run):
        return None
    until = time.monotonic() + MERGE_SECONDS
    while not (run / "report.md").exists() and time.monotonic() < until:
        interrupts.check()
        time.sleep(LOOK_SECONDS)
    if not (run / "report.md").exists():
        return merge(run).result
    return read_cv_json(run / "cv.json")
