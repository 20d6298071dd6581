"""What the options of several processes come to: the command that begins them, their threads, what is refused."""

import os
import sys
from collections.abc import Sequence

import torch

from trainer.config.executor import ExecutorConfig, n_processes
from trainer.errors import ConfigError
from trainer.system.resources import usable_cores

TORCHRUN = "torchrun"


def in_processes(executor: ExecutorConfig, program: Sequence[str]) -> tuple[tuple[str, ...], list[str]]:
    """Return the command that trains a fold, and the options by which it knows whether others train with it."""
    if executor.name != TORCHRUN and n_processes(executor) == 1:
        return tuple(program), ["executor=local"]
    agent = (sys.executable, "-m", "trainer.executors.torchrun_agent", str(executor.nproc), str(executor.nnodes))
    how = [f"executor.{name}={str(getattr(executor, name)).lower()}" for name in ("sync_batchnorm", "shard")]
    return (*agent, *program), [f"executor={TORCHRUN}", *how]


def check_torchrun(executor: ExecutorConfig) -> None:
    """Refuse what torchrun on one machine cannot do.

    Raises:
        ConfigError: several machines, or processes that nobody waits for.
    """
    if executor.nnodes > 1 and "RANK" not in os.environ:
        raise ConfigError(
            f"executor=torchrun executor.nnodes={executor.nnodes}: begins processes on this machine alone\n"
            "executor=slurm begins them on several; without Slurm type on each machine: torchrun "
            f"--nnodes={executor.nnodes} --nproc-per-node={executor.nproc} --rdzv-backend=c10d "
            "--rdzv-endpoint=FIRST_MACHINE:29500 train.py run=NAME executor=torchrun ..."
        )
    if executor.detach:
        raise ConfigError("executor=torchrun executor.detach=true: its processes end with this one: leave detach out")


def threads_elsewhere(executor: ExecutorConfig) -> int:
    """Return the threads of each process of a fold that gains by several."""
    if executor.name == TORCHRUN:
        return max(1, min(torch.get_num_threads(), usable_cores()) // executor.nproc)
    return executor.cpus
