"""How far each fold of a run is, and who trains it: what ``foldwise status`` shows, from the run directory."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from trainer.config.executor import ExecutorConfig
from trainer.errors import CheckpointError, ForeignFileError
from trainer.executors.contract import Executor, JobState
from trainer.executors.fold_command import Attempt, last_line, read_attempt
from trainer.run.copies import RunCopy, open_copy
from trainer.run.elsewhere import ENGINES
from trainer.run.job_words import how_it_ended
from trainer.run.jobs import submitted
from trainer.store.fold_files import fold_directory
from trainer.store.lock import running_elsewhere
from trainer.store.own_files import MARK, is_search
from trainer.store.run_files import is_run
from trainer.store.status import FoldState, survey
from trainer.store.stop_request import ask_to_stop

EPOCH = re.compile(r"fold \S+ epoch (\d+)  .*  ([\d.]+) s")


@dataclass(frozen=True)
class FoldProgress:
    """How far a fold is.

    Attributes:
        fold: its number.
        state: in words.
        done: whether it is finished.
        holder: machine and process that train it, or "".
        heartbeat_seconds: since that process gave a sign of life, or None.
        tries: how many jobs have begun it.
        seconds_left: about so long until its last epoch, where its job has said how long one takes.
    """

    fold: int
    state: str
    done: bool = False
    holder: str = ""
    heartbeat_seconds: float | None = None
    tries: int = 0
    seconds_left: float | None = None


def progress_of(run: Path) -> list[FoldProgress]:
    """Return how far each fold is; the engine is asked about jobs that wait.

    Raises:
        CheckpointError: it is not a run, or a mark of a finished fold is damaged.
    """
    opened = open_copy(run)
    states = survey(run, range(opened.n_folds), opened.max_epochs)
    jobs = {} if all(state.done for state in states) else _jobs_of(run).states
    return _with_jobs(opened, states, jobs)


def _with_jobs(opened: RunCopy, states: Sequence[FoldState], jobs: Mapping[int | str, JobState]) -> list[FoldProgress]:
    run, found = opened.directory, list[FoldProgress]()
    for state in states:
        fold = int(state.fold)
        attempt, running = read_attempt(run, fold), running_elsewhere(fold_directory(run, fold))
        tries = 0 if attempt is None else attempt.number
        if running is None:
            found.append(FoldProgress(fold, _words(state, jobs.get(fold), attempt), done=state.done, tries=tries))
            continue
        left, holder = _seconds_left(run, fold, opened.max_epochs), f"{running.host} (pid {running.pid})"
        found.append(FoldProgress(fold, "training", False, holder, running.heartbeat_seconds, tries, left))
    return found


def _words(state: FoldState, job: JobState | None, attempt: Attempt | None) -> str:
    """Return the state of a fold that nobody trains, with what is known of its job."""
    if state.done:
        return state.state
    if job is not None and job.state != "gone":
        return f"{state.state}; its job is {job.state}" + (f" ({job.reason})" if job.reason else "")
    if attempt is not None and (attempt.code or (attempt.code is None and job is not None and job.reason)):
        how = how_it_ended(attempt, job or JobState("gone")).removeprefix("its job ")
        return f"{state.state}; its last job: {how}"
    return state.state


def runs_below(place: Path) -> list[Path]:
    """Return the run directories in a folder, or the folder itself where it is one.

    Raises:
        CheckpointError: there is none.
        ForeignFileError: something else than a file bears the name of what makes it a run.
    """
    if is_run(place):
        return [place]
    try:
        found = sorted(mark.parent for mark in place.glob(f"*/{MARK}"))
    except OSError as error:
        raise CheckpointError(f"{place} cannot be looked at: {error.strerror}") from error
    if not found:
        raise CheckpointError(
            f"{place} holds no run, as there is no {MARK} in it or in a folder of it\n"
            "give a run directory such as runs/a1, or the folder of several"
        )
    return found


@dataclass(frozen=True)
class _Jobs:
    """The jobs of a run, where it has some.

    Attributes:
        engine: that has them.
        ids: what it calls the job of each fold.
        states: what it says of each.
    """

    engine: Executor | None = None
    ids: Mapping[int | str, str] = field(default_factory=dict)
    states: Mapping[int | str, JobState] = field(default_factory=dict)


def _jobs_of(run: Path) -> _Jobs:
    """Find the jobs of a run and ask their engine about them, once."""
    for name, make in ENGINES.items():
        try:
            noted = submitted(run, name)
        except ForeignFileError:
            continue
        if noted.ids:
            engine = make(ExecutorConfig(name=name, address=noted.address))
            states = engine.states(list(noted.ids.values()))
            return _Jobs(engine, noted.ids, {fold: states[job] for fold, job in noted.ids.items()})
    return _Jobs()


def _seconds_left(run: Path, fold: int, max_epochs: int) -> float | None:
    said = EPOCH.fullmatch(last_line(run, fold).strip())
    return None if said is None else max(0, max_epochs - int(said[1])) * float(said[2])


def stop_run(run: Path) -> str:
    """Ask what trains a run, or the trials of a search, to save and end; cancel jobs that wait; say what was done.

    Raises:
        CheckpointError: it is not a run.
    """
    if is_search(run):
        ask_to_stop(run)
        return f"{run}: asked the search to save and end: the same command goes on with it"
    opened, jobs = open_copy(run), _jobs_of(run)
    folds = _with_jobs(opened, survey(run, range(opened.n_folds), opened.max_epochs), jobs.states)
    waiting = [fold for fold, job in jobs.states.items() if job.state == "waiting"]
    if jobs.engine is not None:
        jobs.engine.cancel([jobs.ids[fold] for fold in waiting])
    ask_to_stop(run)
    held = ", ".join(f"{fold.fold} on {fold.holder}" for fold in folds if fold.holder)
    cancelled = ", ".join(map(str, waiting))
    said = [f"asked to save and end: fold {held}"] if held else ["no process trains a fold of it"]
    said += [f"cancelled: the waiting job of fold {cancelled}"] if cancelled else []
    return f"{run}: {'; '.join(said)}"
