"""Slurm, through submitit: one array job over the folds.

submitit writes the batch script, and requeues a job that Slurm warns of its time limit or of a pre-emption. The warning
is SIGUSR1, which the command of a fold answers by saving. States come from squeue, which every cluster has: sacct,
which submitit asks, needs an accounting data base, and without one a lost job looks alive for ever.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

from trainer.config.executor import ExecutorConfig
from trainer.errors import ConfigError, shown
from trainer.executors.contract import FoldJob, JobState, State
from trainer.executors.fold_command import OUT_OF_MEMORY, RunFold
from trainer.store.own_files import JOBS
from trainer.system.paths import import_path

WARNING_SECONDS = 120  # before the time limit; Slurm may warn a minute earlier still
ANSWER_SECONDS = 60  # a Slurm command that takes longer has no answer
WAITS = ("PENDING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SUSPENDED", "SPECIAL_EXIT", "STOPPED")
MOST_TASKS = 1000  # of an array: MaxArraySize of Slurm is 1001 unless somebody has changed it
RUNS = ("RUNNING", "COMPLETING", "CONFIGURING", "RESIZING", "STAGE_OUT", "SIGNALING")


class Slurm:
    """Runs folds as the tasks of one array job.

    Args:
        config: the ``executor`` section.
    """

    def __init__(self, config: ExecutorConfig) -> None:
        self.config = config
        self.address: str | None = None  # its commands know

    def submit(self, jobs: Sequence[FoldJob]) -> list[str]:
        """Submit one array job, or several where one would be too long; return what Slurm calls each of their tasks.

        Raises:
            ConfigError: submitit is not installed, there is no sbatch, or it refuses the job.
        """
        if find_spec("submitit") is None:
            raise ConfigError("executor=slurm needs submitit: pip install 'foldwise[slurm]'")
        if shutil.which("sbatch") is None or shutil.which("srun") is None:
            raise ConfigError("executor=slurm: there is no sbatch here: type this on a login node of the cluster")
        import submitit

        records = jobs[0].records or jobs[0].run / JOBS
        with _as_jobs_see_it():
            engine = submitit.SlurmExecutor(folder=records / "slurm", max_num_timeout=self.config.max_restarts)
            engine.update_parameters(**_parameters(self.config, records.parent.name))
            try:
                made = []
                for first in range(0, len(jobs), MOST_TASKS):
                    with engine.batch():
                        made += [engine.submit(RunFold(job)) for job in jobs[first : first + MOST_TASKS]]
            except submitit.core.utils.FailedJobError as error:
                raise ConfigError(f"executor=slurm: sbatch refuses the job: {_last_line(str(error))}") from error
        return [str(job.job_id) for job in made]

    def states(self, ids: Sequence[str]) -> Mapping[str, JobState]:
        """Ask squeue; a job that it does not list is gone, and sacct, where there is one, may know how it ended."""
        arrays = sorted({name.partition("_")[0] for name in ids})
        asked = ("squeue", "--noheader", "--array", "--states=all", "--format=%i|%T|%R", f"--jobs={','.join(arrays)}")
        try:
            done = subprocess.run(asked, capture_output=True, text=True, timeout=ANSWER_SECONDS, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            return dict.fromkeys(ids, JobState("unknown", str(error)))
        if done.returncode and "invalid job id" not in done.stderr.lower():
            return dict.fromkeys(ids, JobState("unknown", _last_line(done.stderr)))
        rows = [line.split("|", 2) for line in done.stdout.splitlines() if line.count("|") >= 2]
        listed = {name: _job_state(word, reason) for name, word, reason in rows}
        forgotten = [name for name in ids if name not in listed]
        if forgotten:
            listed |= _remembered(forgotten)
        return {name: listed.get(name, JobState("gone")) for name in ids}

    def cancel(self, ids: Sequence[str]) -> None:
        """Cancel by scancel."""
        if ids:
            subprocess.run(["scancel", *ids], capture_output=True, timeout=ANSWER_SECONDS, check=False)


def _remembered(ids: Sequence[str]) -> dict[str, JobState]:
    """Return how jobs ended that squeue has forgotten, from the accounting; nothing where a cluster keeps none.

    That memory ran out is said of the step of a job, which itself has failed, no more.
    """
    asked = ("sacct", "--noheader", "--parsable2", "--format=JobID,State", f"--jobs={','.join(ids)}")
    try:
        done = subprocess.run(asked, capture_output=True, text=True, timeout=ANSWER_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return {}
    rows = [line.partition("|") for line in done.stdout.splitlines() if "|" in line]
    ended: dict[str, JobState] = {}
    for name, _, word in rows:  # 12_0, then 12_0.batch, 12_0.0
        job, _, step = name.partition(".")
        state = _job_state(word.split(" ")[0], "")  # "CANCELLED by 1000"
        if not step or state.reason == OUT_OF_MEMORY:
            ended[job] = state
    return {name: state for name, state in ended.items() if state.state == "gone" and name in ids}


def _parameters(config: ExecutorConfig, name: str) -> dict[str, Any]:
    """Return what submitit writes into the batch script."""
    minutes = max(1, round(config.hours * 60))
    where_given = {
        "partition": config.partition,
        "mem": None if config.memory_gib is None else f"{round(config.memory_gib * 1024)}M",
        "gpus_per_node": config.gpus or None,
    }
    return {
        "job_name": name,
        "time": minutes,
        "nodes": config.nnodes,
        "ntasks_per_node": 1,
        "cpus_per_task": config.cpus * config.nproc,
        "signal_delay_s": min(WARNING_SECONDS, minutes * 20),
        "array_parallelism": config.at_once,
        "stderr_to_stdout": True,
        "setup": list(config.setup),
        "additional_parameters": {"requeue": True, **config.options},
        **{key: value for key, value in where_given.items() if value is not None},
    }


def _job_state(word: str, reason: str) -> JobState:
    state: State = "waiting" if word in WAITS else "running" if word in RUNS else "gone"
    told = reason.strip("()") if state != "gone" else word.lower().replace("_", " ")
    return JobState(state, "" if told == "None" else told)


@contextmanager
def _as_jobs_see_it() -> Iterator[None]:
    """Set what a job inherits: the signal of submitit's that the fold's command answers, and where Foldwise lies."""
    wanted = {"SUBMITIT_PREEMPT_SIGNAL": "USR1", "PYTHONPATH": import_path()}
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    from submitit.core.job_environment import JobEnvironment

    JobEnvironment.USR_SIG = "USR1"  # read once, when submitit is imported
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return shown(lines[-1], 200) if lines else "no word"
