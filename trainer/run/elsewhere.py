"""Folds trained as jobs of an engine: submitted, followed by what is in the run directory, started again when lost.

Whoever follows may come and go: the same command finds the jobs that are waiting or running and goes on following.
The jobs of several runs, as of a sweep, are submitted and followed together.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import torch

from trainer.config.executor import ExecutorConfig
from trainer.config.schema import RunConfig
from trainer.errors import CheckpointError, ConfigError, FoldwiseError, Interrupted
from trainer.executors.contract import Executor, FoldJob, JobState
from trainer.executors.fold_command import ASKED_CODES, FINAL_CODES, last_line, log_path, read_attempt
from trainer.executors.ray_tasks import RayTasks
from trainer.executors.slurm import Slurm
from trainer.executors.torchrun import Torchrun
from trainer.run.job_words import called, failure, how_it_ended, unanswered, what_helps, where
from trainer.run.jobs import Fold, Wanted, fold_job, note_submitted, submitted
from trainer.run.torchrun_options import TORCHRUN, check_torchrun
from trainer.store.fold_files import fold_directory
from trainer.store.lock import running_elsewhere
from trainer.store.status import survey
from trainer.store.stop_request import asked
from trainer.system import interrupts

ENGINES: dict[str, Callable[[ExecutorConfig], Executor]] = {"slurm": Slurm, "ray": RayTasks, "torchrun": Torchrun}
LOOK_SECONDS = 2.0
FOLDS_A_SECOND = 100  # looked at: hundreds of folds are looked at more rarely
TOLD_SECONDS = 10.0  # between two lines about a fold that trains
UNANSWERED_SECONDS = 900.0  # a controller that is started again, or another that takes over, needs minutes
QUIET_LOOKS = 3  # a job has to be gone for so many looks: files of another machine may arrive late

Key = tuple[Path, Fold]
Item = TypeVar("Item")


@dataclass
class _Followed:
    """A fold whose job is followed.

    Attributes:
        job: to be submitted.
        of: the run whose fold it is.
        engine: that has it.
        name: of the fold, for a person.
        id: what the engine calls the job.
        restarts: so far.
        tries_before: its job had noted when it was submitted.
        gone_looks: it has been gone for.
        told: last line printed about it, and when.
    """

    job: FoldJob
    of: Wanted
    engine: Executor
    name: str
    id: str = ""
    restarts: int = 0
    tries_before: int = 0
    gone_looks: int = 0
    told: tuple[str, float] = ("", 0.0)


@dataclass
class Elsewhere:
    """Trains folds by engines.

    Args:
        print_line: prints one line.
        records: where an engine keeps its files of the jobs of several runs; None = with the run.
        ended: called with a run, and the error of its folds or None, when the last of them has ended.
    """

    print_line: Callable[[str], None]
    records: Path | None = None
    ended: Callable[[Path, FoldwiseError | None], None] | None = None
    failed: dict[Path, dict[Fold, tuple[int, str]]] = field(default_factory=dict)
    followed: dict[Key, _Followed] = field(default_factory=dict)

    def train(self, runs: Sequence[Wanted]) -> None:
        """Submit the folds whose jobs do not wait or run already, and follow all until they are done.

        Raises:
            ConfigError: the engine is not there, or refuses the jobs.
            FoldwiseError: folds of the first run have failed, of the kind of the first; ``ended`` is told of each run.
            FoldBusyError: the engine does not answer, and nobody trains.
            Interrupted: a signal has come; the jobs go on.
        """
        for number, config in enumerate(each := _different(run.executor for run in runs)):
            engine = ENGINES[config.name](config)
            self._begin(engine, [run for run in runs if each.index(run.executor) == number], several=len(runs) > 1)
        self.followed = {key: one for key, one in self.followed.items() if not one.of.executor.detach}
        try:
            self._follow()
        except Interrupted:
            for one in self.followed.values():
                if one.of.executor.name == TORCHRUN:  # nobody is to find its processes later
                    one.engine.cancel([one.id])
            raise
        for run in [run for run in runs if run.run in self.failed and self.ended is None]:
            raise failure(run.run, self.failed[run.run])

    def _begin(self, engine: Executor, runs: Sequence[Wanted], *, several: bool) -> None:
        """Find the jobs of before, and submit what has none."""
        wanted = dict[Key, _Followed]()
        for run in runs:
            for fold in run.folds:
                job = fold_job(run.executor, run.launch, run.run, fold, self.records)
                name = f"{run.run.name} fold {fold}" if several else f"fold {fold}"
                wanted[run.run, fold] = _Followed(job, run, engine, name)
        self._attach(engine, runs, wanted)
        for key in [key for key, one in wanted.items() if not one.id and self._is_trained(key)]:
            del wanted[key]  # by no job of this engine: left to whoever does
        self.followed |= wanted
        waiting = [one for one in wanted.values() if not one.id]
        if waiting:
            self._submit(waiting)
            self.print_line(f"{waiting[0].of.executor.name}: {_jobs(waiting)} submitted")

    def _attach(self, engine: Executor, runs: Sequence[Wanted], wanted: Mapping[Key, _Followed]) -> None:
        known = {
            (run.run, fold): job for run in runs for fold, job in submitted(run.run, run.executor.name).ids.items()
        }
        known = {key: job for key, job in known.items() if key in wanted}
        if not known:
            return
        states = engine.states(list(known.values()))
        for key, job in known.items():
            if states[job].state != "gone":
                wanted[key].id = job
        there = [one for one in wanted.values() if one.id]
        if there:
            self.print_line(f"{there[0].of.executor.name}: following {_jobs(there)} of before")

    def _submit(self, wanted: Sequence[_Followed]) -> None:
        for one in wanted:
            before = read_attempt(one.of.run, one.job.fold)
            one.tries_before, one.gone_looks = 0 if before is None else before.number, 0
        engine = wanted[0].engine
        for one, name in zip(wanted, engine.submit([one.job for one in wanted]), strict=True):
            one.id = name
        for run in dict.fromkeys(one.of.run for one in wanted):
            ids = {one.job.fold: one.id for one in wanted if one.of.run == run}
            note_submitted(run, wanted[0].of.executor.name, engine.address, ids)

    def _follow(self) -> None:
        answered, words = time.monotonic(), {run: asked(run) for run, _fold in self.followed}
        while self.followed:
            states = self._states()
            if self._is_heard_of(states):
                answered = time.monotonic()
            elif time.monotonic() - answered > UNANSWERED_SECONDS:
                name = next(iter(self.followed.values())).of.executor.name
                raise unanswered(name, UNANSWERED_SECONDS, [state.reason for state in states.values()])
            for run in list(dict.fromkeys(run for run, _fold in self.followed)):
                self._look_at(run, states, is_stopped=asked(run) != words[run])
            interrupts.check()
            if self.followed:
                time.sleep(max(LOOK_SECONDS, len(self.followed) / FOLDS_A_SECOND))

    def _states(self) -> dict[Key, JobState]:
        found = dict[Key, JobState]()
        for engine in _different(one.engine for one in self.followed.values()):
            ids = {key: one.id for key, one in self.followed.items() if one.engine is engine}
            states = engine.states(list(ids.values()))
            found |= {key: states[job] for key, job in ids.items()}
        return found

    def _look_at(self, run: Path, states: Mapping[Key, JobState], *, is_stopped: bool) -> None:
        """See what became of the folds of a run."""
        here = {fold: one for (of, fold), one in self.followed.items() if of == run}
        for found in survey(run, list(here), next(iter(here.values())).of.max_epochs):
            one, key = here[found.fold], (run, found.fold)
            if found.done:
                self.print_line(f"{one.name}: done{where(run, found.fold)}")
                del self.followed[key]
            elif self._has_ended(one, states[key]):
                if not self._start_again(one, states[key], is_stopped=is_stopped):
                    del self.followed[key]
            else:
                self._tell(one, states[key])
        if self.ended is not None and not any(of == run for of, _fold in self.followed):
            self.ended(run, failure(run, self.failed[run]) if run in self.failed else None)

    def _is_heard_of(self, states: Mapping[Key, JobState]) -> bool:
        """Whether the engine answers, or a fold is seen training all the same."""
        return any(state.state != "unknown" for state in states.values()) or any(map(self._is_trained, self.followed))

    def _is_trained(self, key: Key) -> bool:
        return running_elsewhere(fold_directory(*key)) is not None

    def _has_ended(self, one: _Followed, state: JobState) -> bool:
        """Whether a fold's job is gone for good, and no process writes the fold."""
        is_gone = state.state == "gone" and not self._is_trained((one.of.run, one.job.fold))
        one.gone_looks = one.gone_looks + 1 if is_gone else 0
        return one.gone_looks >= (1 if is_gone and self._has_failed(one) else QUIET_LOOKS)

    def _has_failed(self, one: _Followed) -> bool:
        """Whether the job itself has noted that it failed."""
        last = read_attempt(one.of.run, one.job.fold)
        return last is not None and last.number > one.tries_before and bool(last.code)

    def _start_again(self, one: _Followed, state: JobState, *, is_stopped: bool) -> bool:
        """Submit a job again that was lost; note why not, where another try would not help."""
        fold, run, config = one.job.fold, one.of.run, one.of.executor
        last = read_attempt(run, fold)
        began = last is not None and last.number > one.tries_before
        code = last.code if last is not None and began else None
        how, given_up = how_it_ended(last if began else None, state), None
        helps = what_helps(how, config.name)
        if code in FINAL_CODES and last is not None and not last.lacked:
            given_up = code or 1, last.said
        elif state.reason == "cancelled" or (is_stopped and (code in ASKED_CODES or not began)):
            given_up = CheckpointError.exit_code, "its job was cancelled: the same command goes on with it"
        elif state.final or one.restarts >= config.max_restarts:
            tries = last.number - one.tries_before if last is not None and began and state.final else one.restarts + 1
            place = f": {log_path(run, fold)}" if began else f": does the machine see {run}?"
            said = "" if state.final and not began else f", for the {tries}. time{place}"
            given_up = CheckpointError.exit_code, "\n".join(filter(None, [f"{how}{said}", helps]))
        if given_up is not None:
            self.failed.setdefault(run, {})[fold] = given_up
            self.print_line(f"{one.name}: failed: {given_up[1].splitlines()[0]}")
            return False
        one.restarts += 1
        self._submit([one])
        self.print_line(
            f"{one.name}: {how}; submitted again ({one.restarts} of {config.max_restarts})"
            f"{f'; {helps}' if helps and one.restarts == 1 else ''}"
        )
        return True

    def _tell(self, one: _Followed, state: JobState) -> None:
        fold, now, last = one.job.fold, time.monotonic(), read_attempt(one.of.run, one.job.fold)
        line = last_line(one.of.run, fold) if state.state == "running" else ""
        said = line if line.startswith(f"fold {fold} epoch") else ""
        tries = 0 if last is None else last.number
        about = ", ".join(filter(None, [state.reason, f"try {tries}" if tries > 1 else ""]))
        words = f"{one.name}: {state.state}{f' ({about})' if about else ''}{f': {said}' if said else ''}"
        before, at = one.told
        if words != before and (not said or now - at >= TOLD_SECONDS or not before):
            self.print_line(words)
            one.told = words, now


def check_elsewhere(config: RunConfig, *, in_memory: bool) -> None:
    """Refuse what no other machine can do.

    Raises:
        ConfigError: rows in memory, or a level of precision whose half type the machines would choose differently.
    """
    if config.executor.name == "local":
        return
    named = f"executor={config.executor.name}"
    if config.executor.name == TORCHRUN:
        check_torchrun(config.executor)
    if in_memory:
        raise ConfigError(f"{named}: the rows are in the memory of this process: write them to a file jobs can read")
    half = config.amp.opt_level != "O0" and config.amp.dtype == "auto"
    if half and config.executor.gpus and not torch.cuda.is_available():
        raise ConfigError(
            f"{named} executor.gpus={config.executor.gpus}: amp.dtype=auto is bf16 on this machine, which has no GPU, "
            "and fp16 on one that has: set amp.dtype=fp16 or bf16"
        )


def _jobs(followed: Sequence[_Followed]) -> str:
    folds = dict[str, list[Fold]]()
    for one in followed:
        folds.setdefault(one.of.run.name, []).append(one.job.fold)
    return called(folds, followed[0].id.partition("_")[0])


def _different(items: Iterable[Item]) -> list[Item]:
    """Return those that are equal to none before; they need not have a hash."""
    found: list[Item] = []
    for item in items:
        if item not in found:
            found.append(item)
    return found
