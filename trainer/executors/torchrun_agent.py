"""``python -m trainer.executors.torchrun_agent NPROC NNODES COMMAND...``: COMMAND in so many processes, by torchrun.

What torchrun's own command line does, but that the exit code is the one that matters: of the process that failed first,
not 1 whatever has happened. Without restarts within one torchrun: gloo's addresses of the attempt before stay in its
store, and the next attempt may wait for them for ever (torch 2.13 and 2.14); a fold is started again as a whole.
"""

import os
import re
import signal
import subprocess
import sys
import uuid
from collections.abc import Mapping
from types import FrameType
from typing import Any

from trainer.errors import FoldBusyError, UnexpectedError, first_line_of

PORTS = range(29500, 30500)  # for the meeting of several machines; by the number of the job, so that jobs do not meet


def main(arguments: list[str]) -> int:
    """Run the command; return its exit code, or 128 + the number of the signal that killed one of its processes."""
    from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.elastic.rendezvous import RendezvousError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    n_processes, n_nodes, *command = arguments
    stop = _Once()
    for number in (signal.SIGUSR1, signal.SIGINT):  # Slurm's warning, which torchrun does not know; Ctrl-C
        signal.signal(number, stop)
    config = LaunchConfig(
        min_nodes=int(n_nodes),
        max_nodes=int(n_nodes),
        nproc_per_node=int(n_processes),
        max_restarts=0,
        signals_to_handle="SIGTERM,SIGHUP,SIGQUIT",
        logs_specs=DefaultLogsSpecs(),
        **meeting(int(n_nodes), os.environ),
    )
    try:
        elastic_launch(config, command[0])(*command[1:])
    except ChildFailedError as failed:
        codes = {rank: failure.exitcode for rank, failure in failed.failures.items()}
        return told(codes, int(n_processes) * int(n_nodes))
    except RendezvousError as error:  # it failed while the processes of this machine were well
        print(f"stopped: the torchrun of another machine is gone ({first_line_of(error)})", file=sys.stderr, flush=True)
        return FoldBusyError.exit_code
    except SignalException as received:
        return 128 + int(received.sigval)
    return 0


def meeting(n_nodes: int, environment: Mapping[str, str]) -> dict[str, Any]:
    """Return where the agents of all machines meet: on the first machine of the Slurm job, or on this one alone."""
    if n_nodes == 1:
        return {"rdzv_backend": "c10d", "rdzv_endpoint": "localhost:0", "run_id": uuid.uuid4().hex}
    job = environment["SLURM_JOB_ID"]
    first = _scontrol("hostnames", environment["SLURM_JOB_NODELIST"]).split()[0]
    address = re.search(r"\bNodeAddr=(\S+)", _scontrol("node", first))  # a node's name may lead nowhere
    return {
        "rdzv_backend": "c10d",
        "rdzv_endpoint": f"{first if address is None else address[1]}:{PORTS[int(job) % len(PORTS)]}",
        "rdzv_configs": {"is_host": environment["SLURM_PROCID"] == "0"},
        "run_id": f"{job}-{environment.get('SLURM_RESTART_COUNT', 0)}",
    }


def _scontrol(what: str, of: str) -> str:
    """Return what Slurm shows."""
    return subprocess.run(["scontrol", "show", what, of], capture_output=True, text=True, check=True).stdout


def told(codes: Mapping[int, int], size: int) -> int:
    """Return the exit code that tells why a group of processes ended, and say which of them was killed.

    Args:
        codes: of the processes that ended first, by rank; minus the number of a signal.
        size: of the group.
    """
    killed = next((rank for rank, code in codes.items() if code < 0 and code != -signal.SIGTERM), None)
    if killed is None:
        own = [code for code in codes.values() if code > 0]  # that another is gone is said where none has more to say
        return max(own, key=lambda code: (code != FoldBusyError.exit_code, code), default=128 + signal.SIGTERM)
    name = signal.Signals(-codes[killed]).name
    why = " (out of memory?)" if codes[killed] == -signal.SIGKILL else ""
    said = f"process {killed} of {size} was killed by {name}{why}: the others were ended"
    print(f"{UnexpectedError.kind}: {said}", file=sys.stderr, flush=True)
    return 128 - codes[killed]


class _Once:
    """A handler that makes one SIGTERM of all that comes: at a second one torchrun would wait for nobody."""

    asked = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if not self.asked:
            self.asked = True
            os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
