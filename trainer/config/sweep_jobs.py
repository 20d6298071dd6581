"""The jobs of one command: those that have failed, when that is said, and what is done when all have begun.

A mistake that all jobs of a sweep share is said once: failures are kept until a job is seen that can be trained.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from trainer.errors import FoldwiseError
from trainer.wording.printable import printable_message
from trainer.wording.translations import _

Rest = Callable[[], Sequence[FoldwiseError]]  # returns the errors of jobs


@dataclass
class Jobs:
    """The jobs of the command that is at work.

    Attributes:
        rest: what is done when all have begun, or None.
        n_jobs: that have been begun.
        failed: numbers and errors, in turn.
        n_said: how many of these have been said.
        may_say: a job has been seen that can be trained.
    """

    rest: Rest | None = None
    n_jobs: int = 0
    failed: list[tuple[int, FoldwiseError]] = field(default_factory=list)
    n_said: int = 0
    may_say: bool = False


_jobs: Jobs | None = None  # None in a process that a launcher has made for a job


def begin_command() -> Jobs:
    """Begin to keep the failures of the jobs of a command."""
    global _jobs
    _jobs = Jobs()
    return _jobs


def jobs_of_command() -> Jobs | None:
    """Return the jobs of the command that is at work, or None in a process that a launcher has made for a job."""
    return _jobs


def job_failed(number: int | None, error: FoldwiseError) -> None:
    """Keep an error until Hydra is done, so that a sweep continues with the next job.

    Args:
        number: of the job in its sweep; None where there is none.
        error: of the job.

    Raises:
        FoldwiseError: this process was made for the job.
    """
    if _jobs is None:
        if number is not None:
            _print(number, str(printable_message(f"{_(error.kind)}: {error}")))
        raise error from None
    _jobs.failed.append((0 if number is None else number, error))
    if number is not None and _jobs.may_say:
        say_failures()


def say_failures() -> None:
    """Say which jobs have failed so far, and say the others when they fail: this job of the sweep can be trained."""
    if _jobs is None:
        return
    _jobs.may_say = True
    for place in range(_jobs.n_said, len(_jobs.failed)):
        number, error = _jobs.failed[place]
        alike = [other for other, before in _jobs.failed[:place] if _is_alike(before, error)]
        _print(number, f"as job {alike[0]}" if alike else f"{_(error.kind)}: {error}")
    _jobs.n_said = len(_jobs.failed)


def end_command() -> None:
    """Do what is left to do when all jobs have begun, and raise the first error of a job.

    Raises:
        FoldwiseError: a job has failed.
    """
    jobs = _jobs
    assert jobs is not None
    try:
        later = list(jobs.rest()) if jobs.rest is not None else []
        errors = [*(error for _number, error in jobs.failed), *later]
        if not errors:
            return
        alike = sum(_is_alike(errors[0], error) for error in errors)
        if jobs.n_jobs > 1 and alike == jobs.n_jobs and not jobs.may_say:
            print(f"all {jobs.n_jobs} jobs of the sweep fail alike: none was trained", file=sys.stderr)
        elif jobs.n_jobs > 1:
            say_failures()
        raise errors[0]
    finally:
        jobs.failed, jobs.rest = [], None


def _is_alike(one: FoldwiseError, other: FoldwiseError) -> bool:
    return type(one) is type(other) and str(one) == str(other)


def _print(number: int, said: str) -> None:
    print(printable_message(f"job {number} failed: {said}"), file=sys.stderr)
