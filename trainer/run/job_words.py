"""What is said of the jobs of folds: which they are, how they ended, and the error they end a run with."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from trainer.config.compose import Launch
from trainer.errors import FoldBusyError, FoldwiseError, UnexpectedError
from trainer.executors.contract import JobState
from trainer.executors.fold_command import LOST_CODE, OUT_OF_MEMORY, Attempt, log_path, read_attempt
from trainer.run.torchrun_options import TORCHRUN
from trainer.wording.translations import _

MOST_NAMED = 3  # runs whose folds are named

Fold = int | str


def called(folds: Mapping[str, Sequence[Fold]], job: str) -> str:
    """Return jobs in words.

    Args:
        folds: of each run, by its name.
        job: what the engine calls them together.
    """
    n_jobs = sum(map(len, folds.values()))
    jobs = "job" if n_jobs == 1 else "jobs"
    if len(folds) > MOST_NAMED:
        return f"{n_jobs} {jobs} of {len(folds)} runs ({job})"
    of = [
        f"fold {', '.join(map(str, names))}" + (f" of {run}" if len(folds) > 1 else "") for run, names in folds.items()
    ]
    return f"{jobs} of {' and '.join(of)} ({job})"


def where(run: Path, fold: Fold) -> str:
    """Say where a fold was trained, and at which try."""
    last = read_attempt(run, fold)
    if last is None:
        return ""
    return f" on {last.host}" + (f", at try {last.number}" if last.number > 1 else "")


def how_it_ended(last: Attempt | None, state: JobState) -> str:
    """Say how a job ended that did not finish its fold.

    Args:
        last: its try; None = it has not begun one.
        state: what the engine says of it.
    """
    if last is None:
        return f"its job ended before it began{f' ({state.reason})' if state.reason else ''}"
    if last.lacked or state.reason == OUT_OF_MEMORY:
        return last.lacked or OUT_OF_MEMORY
    code = last.code
    if code is None:
        return f"its job was lost{f' ({state.reason})' if state.reason else ''}"
    if code < 0:
        return f"killed by signal {-code}" + (" (out of memory?)" if code == -9 else "")
    if code == LOST_CODE and last.said:  # said by the one that is gone, or of it
        return last.said.splitlines()[0].removeprefix(f"{_(UnexpectedError.kind)}: ")
    return f"ended with exit code {code}"


def what_helps(how: str, engine: str) -> str:
    """Return what helps a fold that ended so, as words to be put behind it; "" where nothing is known."""
    if not how.startswith(OUT_OF_MEMORY):
        return ""
    asked = "" if engine == TORCHRUN else "executor.memory_gib=... asks for more, "
    return f"{asked}a smaller batch_size with fit.accumulate_steps takes less"


def unanswered(engine: str, seconds: float, reasons: Sequence[str]) -> FoldBusyError:
    """Return the error of an engine that has not answered for so long."""
    reason = next(filter(None, reasons), "")
    said = f"{engine} has not answered for {seconds / 60:.0f} minutes{f' ({reason})' if reason else ''}"
    return FoldBusyError(f"{said}, and no fold is seen training\nits jobs may go on: the same command follows them")


def failure(run: Path, failed: Mapping[Fold, tuple[int, str]]) -> FoldwiseError:
    """Return the error of the first fold that failed, of the kind its exit code stands for."""
    fold, *others = sorted(failed, key=lambda name: (isinstance(name, str), name))
    code, said = failed[fold]
    kind = {one.exit_code: one for one in reversed(FoldwiseError.__subclasses__())}.get(code, FoldwiseError)
    lines = f"fold {fold}: {said.removeprefix(f'{_(kind.kind)}: ')}".splitlines()[:3]
    more = [f"fold {', '.join(map(str, others))} failed too"] if others else []
    return kind("\n".join([*lines, *more, f"what the job printed: {log_path(run, fold)}"]))


def follow_later(run: Path, launch: Launch) -> str:
    """Say how jobs that were left in the queue are found again."""
    same = f"{launch.door} with run={run.name} and the same options"
    return f"{run}: the jobs go on; {same} follows them, foldwise status {run} looks at them"
