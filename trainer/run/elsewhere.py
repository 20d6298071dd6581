"""Folds trained as jobs of an engine: submitted, followed by what is in the run directory, started again when lost.

Whoever follows may come and go: the same command finds the jobs that are waiting or running and goes on following.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch

from trainer.config.compose import Launch
from trainer.config.executor import ExecutorConfig
from trainer.config.schema import RunConfig
from trainer.errors import CheckpointError, ConfigError, FoldBusyError, FoldwiseError, Interrupted
from trainer.executors.contract import Executor, FoldJob, JobState
from trainer.executors.fold_command import FINAL_CODES, last_line, log_path, read_attempt
from trainer.executors.ray_tasks import RayTasks
from trainer.executors.slurm import Slurm
from trainer.executors.torchrun import Torchrun
from trainer.run.jobs import fold_job, note_submitted, submitted
from trainer.run.torchrun_options import TORCHRUN, check_torchrun
from trainer.store.fold_files import fold_directory
from trainer.store.lock import running_elsewhere
from trainer.store.status import survey
from trainer.system import interrupts
from trainer.wording.translations import _

ENGINES: dict[str, Callable[[ExecutorConfig], Executor]] = {"slurm": Slurm, "ray": RayTasks, "torchrun": Torchrun}
LOOK_SECONDS = 2.0
TOLD_SECONDS = 10.0  # between two lines about a fold that trains
UNANSWERED_SECONDS = 900.0  # a controller that is started again, or another that takes over, needs minutes
QUIET_LOOKS = 3  # a job has to be gone for so many looks: files of another machine may arrive late


@dataclass
class _Followed:
    """A fold whose job is followed.

    Attributes:
        job: to be submitted.
        id: what the engine calls it.
        restarts: so far.
        tries_before: its job had noted when it was submitted.
        gone_looks: it has been gone for.
        told: last line printed about it, and when.
    """

    job: FoldJob
    id: str = ""
    restarts: int = 0
    tries_before: int = 0
    gone_looks: int = 0
    told: tuple[str, float] = ("", 0.0)


@dataclass
class Elsewhere:
    """Trains folds by an engine.

    Args:
        config: of the run.
        launch: how it was asked for.
        run: directory of the run.
        print_line: prints one line.
    """

    config: RunConfig
    launch: Launch
    run: Path
    print_line: Callable[[str], None]
    failed: dict[int | str, tuple[int, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.engine = ENGINES[self.config.executor.name](self.config.executor)

    def train(self, folds: Sequence[int | str]) -> None:
        """Submit the folds whose jobs do not wait or run already, and follow all until they are done.

        Raises:
            ConfigError: the engine is not there, or refuses the jobs.
            FoldwiseError: folds have failed, of the kind of the first.
            FoldBusyError: the engine does not answer, and nobody trains.
            Interrupted: a signal has come; the jobs go on.
        """
        followed = {fold: _Followed(fold_job(self.config.executor, self.launch, self.run, fold)) for fold in folds}
        self._attach(followed)
        others = [fold for fold, one in followed.items() if not one.id and self._is_trained(fold)]
        for fold in others:  # by no job of this engine: left to whoever does
            del followed[fold]
        waiting = [one for one in followed.values() if not one.id]
        if waiting:
            self._submit(waiting)
            self.print_line(f"{self.config.executor.name}: {_jobs(waiting)} submitted")
        if self.config.executor.detach:
            return
        try:
            self._follow(followed)
        except Interrupted:
            if self.config.executor.name == TORCHRUN:  # nobody is to find its processes later
                self.engine.cancel([one.id for one in followed.values()])
            raise

    def _attach(self, followed: Mapping[int | str, _Followed]) -> None:
        before = submitted(self.run, self.config.executor.name)
        known = {fold: name for fold, name in before.ids.items() if fold in followed}
        if not known:
            return
        states = self.engine.states(list(known.values()))
        for fold, name in known.items():
            if states[name].state != "gone":
                followed[fold].id = name
        there = [one for one in followed.values() if one.id]
        if there:
            self.print_line(f"{self.config.executor.name}: following {_jobs(there)} of before")

    def _submit(self, wanted: Sequence[_Followed]) -> None:
        for one in wanted:
            before = read_attempt(self.run, one.job.fold)
            one.tries_before, one.gone_looks = 0 if before is None else before.number, 0
        for one, name in zip(wanted, self.engine.submit([one.job for one in wanted]), strict=True):
            one.id = name
        ids = {one.job.fold: one.id for one in wanted}
        note_submitted(self.run, self.config.executor.name, self.engine.address, ids)

    def _follow(self, followed: dict[int | str, _Followed]) -> None:
        answered = time.monotonic()
        while followed:
            states = self.engine.states([one.id for one in followed.values()])
            if self._is_heard_of(followed, states):
                answered = time.monotonic()
            elif time.monotonic() - answered > UNANSWERED_SECONDS:
                raise _unanswered(self.config.executor.name, states)
            folds = survey(self.run, list(followed), self.config.max_epochs)
            for fold in folds:
                one = followed[fold.fold]
                if fold.done:
                    self.print_line(f"fold {fold.fold}: done{_where(self.run, fold.fold)}")
                    del followed[fold.fold]
                elif self._has_ended(one, states[one.id]):
                    if self._start_again(one, states[one.id]):
                        continue
                    del followed[fold.fold]
                else:
                    self._tell(one, states[one.id])
            interrupts.check()
            if followed:
                time.sleep(LOOK_SECONDS)
        if self.failed:
            raise _failure(self.run, self.failed)

    def _is_heard_of(self, followed: Mapping[int | str, _Followed], states: Mapping[str, JobState]) -> bool:
        """Whether the engine answers, or a fold is seen training all the same."""
        return any(state.state != "unknown" for state in states.values()) or any(map(self._is_trained, followed))

    def _is_trained(self, fold: int | str) -> bool:
        return running_elsewhere(fold_directory(self.run, fold)) is not None

    def _has_ended(self, one: _Followed, state: JobState) -> bool:
        """Whether a fold's job is gone for good, and no process writes the fold."""
        is_gone = state.state == "gone" and not self._is_trained(one.job.fold)
        one.gone_looks = one.gone_looks + 1 if is_gone else 0
        return one.gone_looks >= QUIET_LOOKS

    def _start_again(self, one: _Followed, state: JobState) -> bool:
        """Submit a job again that was lost; note why not, where another try would not help."""
        fold, last = one.job.fold, read_attempt(self.run, one.job.fold)
        began = last is not None and last.number > one.tries_before
        code = last.code if last is not None and began else None
        how = _how(code, state, began=began)
        if code in FINAL_CODES and last is not None:
            self.failed[fold] = code or 1, last.said
        elif state.reason == "cancelled":
            self.failed[fold] = CheckpointError.exit_code, "its job was cancelled: the same command goes on with it"
        elif state.final or one.restarts >= self.config.executor.max_restarts:
            tries = last.number - one.tries_before if last is not None and began and state.final else one.restarts + 1
            where = f": {log_path(self.run, fold)}" if began else f": does the machine see {self.run}?"
            said = "" if state.final and not began else f", for the {tries}. time{where}"
            self.failed[fold] = CheckpointError.exit_code, f"{how}{said}"
        if fold in self.failed:
            self.print_line(f"fold {fold}: failed: {self.failed[fold][1].splitlines()[0]}")
            return False
        one.restarts += 1
        self._submit([one])
        self.print_line(f"fold {fold}: {how}; submitted again ({one.restarts} of {self.config.executor.max_restarts})")
        return True

    def _tell(self, one: _Followed, state: JobState) -> None:
        fold, now, last = one.job.fold, time.monotonic(), read_attempt(self.run, one.job.fold)
        line = last_line(self.run, fold) if state.state == "running" else ""
        said = line if line.startswith(f"fold {fold} epoch") else ""
        tries = 0 if last is None else last.number
        about = ", ".join(filter(None, [state.reason, f"try {tries}" if tries > 1 else ""]))
        words = f"fold {fold}: {state.state}{f' ({about})' if about else ''}{f': {said}' if said else ''}"
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


def follow_later(run: Path, launch: Launch) -> str:
    """Say how jobs that were left in the queue are found again."""
    same = f"{launch.door} with run={run.name} and the same options"
    return f"{run}: the jobs go on; {same} follows them, foldwise status {run} looks at them"


def _jobs(followed: Sequence[_Followed]) -> str:
    names = ", ".join(str(one.job.fold) for one in followed)
    return f"{'job' if len(followed) == 1 else 'jobs'} of fold {names} ({followed[0].id.partition('_')[0]})"


def _where(run: Path, fold: int | str) -> str:
    last = read_attempt(run, fold)
    if last is None:
        return ""
    return f" on {last.host}" + (f", at try {last.number}" if last.number > 1 else "")


def _how(code: int | None, state: JobState, *, began: bool) -> str:
    """Say how a job ended that did not finish its fold."""
    if not began:
        return f"its job ended before it began{f' ({state.reason})' if state.reason else ''}"
    if code is None:
        return f"its job was lost{f' ({state.reason})' if state.reason else ''}"
    if code < 0:
        return f"killed by signal {-code}" + (" (out of memory?)" if code == -9 else "")
    return f"ended with exit code {code}"


def _unanswered(engine: str, states: Mapping[str, JobState]) -> FoldBusyError:
    reason = next((state.reason for state in states.values() if state.reason), "")
    said = f"{engine} has not answered for {UNANSWERED_SECONDS / 60:.0f} minutes{f' ({reason})' if reason else ''}"
    return FoldBusyError(f"{said}, and no fold is seen training\nits jobs may go on: the same command follows them")


def _failure(run: Path, failed: Mapping[int | str, tuple[int, str]]) -> FoldwiseError:
    """Return the error of the first fold that failed, of the kind its exit code stands for."""
    fold, *others = sorted(failed, key=lambda name: (isinstance(name, str), name))
    code, said = failed[fold]
    kind = {one.exit_code: one for one in reversed(FoldwiseError.__subclasses__())}.get(code, FoldwiseError)
    lines = f"fold {fold}: {said.removeprefix(f'{_(kind.kind)}: ')}".splitlines()[:3]
    more = [f"fold {', '.join(map(str, others))} failed too"] if others else []
    return kind("\n".join([*lines, *more, f"what the job printed: {log_path(run, fold)}"]))
