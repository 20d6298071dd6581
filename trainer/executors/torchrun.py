"""torchrun on this machine: each fold by several processes at once, the folds one after the other.

A job is a torchrun of its own (``torchrun_agent``): one whose processes were lost is a new torchrun when it is started
again, so that no process meets what those before it have left in torchrun's store.
"""

import signal
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress

from trainer.config.executor import ExecutorConfig
from trainer.executors.contract import FoldJob, JobState
from trainer.executors.fold_command import RunFold

END_SECONDS = 40.0  # for processes that were told to save and end; torchrun kills them after 30


class Torchrun:
    """Runs folds as commands of this machine, in the order they are handed over.

    Args:
        config: the ``executor`` section.
    """

    def __init__(self, config: ExecutorConfig) -> None:
        self.address: str | None = None  # its jobs are this process's
        self._thread = ThreadPoolExecutor(1, "foldwise-torchrun")
        self._jobs: dict[str, tuple[RunFold, Future[int]]] = {}

    def submit(self, jobs: Sequence[FoldJob]) -> list[str]:
        """Put jobs into the queue; return their numbers."""
        names = [str(len(self._jobs) + number) for number in range(len(jobs))]
        for name, job in zip(names, jobs, strict=True):
            run = RunFold(job)
            self._jobs[name] = run, self._thread.submit(run)
        return names

    def states(self, ids: Sequence[str]) -> Mapping[str, JobState]:
        """Return the state of each job; one of an earlier process is gone."""
        return {name: self._state(name) for name in ids}

    def _state(self, name: str) -> JobState:
        if name not in self._jobs or self._jobs[name][1].done():
            return JobState("gone")
        return JobState("running" if self._jobs[name][1].running() else "waiting")

    def cancel(self, ids: Sequence[str]) -> None:
        """Take waiting jobs out of the queue, and have the one that runs save and end."""
        known = [self._jobs[name] for name in ids if name in self._jobs]
        for _, future in known:
            future.cancel()
        for run, _ in known:
            if run.child is not None:
                with suppress(ProcessLookupError):
                    run.child.send_signal(signal.SIGUSR1)  # which may come twice, unlike SIGTERM (``torchrun_agent``)
        wait([future for _, future in known], END_SECONDS)
