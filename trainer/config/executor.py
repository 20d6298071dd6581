"""The ``executor`` section: where the folds of a run are trained."""

from dataclasses import dataclass, field
from typing import Annotated, Any

from trainer.config.bounds import above, between, one_of

EXECUTORS = ("local", "slurm", "ray", "torchrun")


@dataclass
class ExecutorConfig:
    """Where folds are trained: here, or as jobs of an engine that the run directory is shared with."""

    name: Annotated[
        str,
        one_of(*EXECUTORS),
        "local = processes of this machine (cv.parallel); slurm = an array job over the folds; ray = a task for each; "
        "torchrun = several processes for each",
    ] = "local"
    nproc: Annotated[
        int, between(1, 1024, "[]"), "processes of a machine that train one fold together, each on its share of a batch"
    ] = 1
    nnodes: Annotated[int, between(1, 1024, "[]"), "machines that train one fold together, under Slurm"] = 1
    sync_batchnorm: Annotated[
        bool, "BatchNorm over the rows of all processes, as one process computes it; false = over each one's own"
    ] = False
    shard: Annotated[
        bool, "each process holds a part of the weights and of the optimizer's state (FSDP2); false = all of them"
    ] = False
    partition: Annotated[str | None, "of Slurm; null = its default"] = None
    address: Annotated[str | None, "of the head of a Ray cluster, HOST:PORT; null = the one that runs here"] = None
    hours: Annotated[float, above(0), "time limit of a job; one that reaches it is saved, and goes on in the queue"] = (
        4.0
    )
    cpus: Annotated[int, between(1, 4096, "[]"), "cores of a job, and threads of a model that gains by them"] = 1
    gpus: Annotated[int, between(0, 64, "[]"), "GPUs of a job"] = 0
    memory_gib: Annotated[
        float | None, above(0), "memory of a job; null = the default of Slurm; for Ray what the profile found"
    ] = None
    at_once: Annotated[int, between(1, 100_000, "[]"), "most jobs that run at a time"] = 256
    max_restarts: Annotated[
        int, between(0, 1000, "[]"), "how often a job that was lost is started again, from the fold's checkpoint"
    ] = 3
    detach: Annotated[bool, "hand the jobs over and return; the same command follows them later"] = False
    setup: Annotated[list[str], "lines of shell before a job, such as module load cuda"] = field(default_factory=list)
    options: Annotated[
        dict[str, Any],
        "further options, of sbatch: {account: my_lab}, of Ray: {resources: {big: 1}}",
    ] = field(default_factory=dict)


def n_processes(executor: ExecutorConfig) -> int:
    """Return how many processes train a fold together."""
    return executor.nproc * executor.nnodes if executor.name in ("slurm", "torchrun") else 1
