"""A real Slurm of one controller and three nodes on this machine, in a directory, without root services of the system.

Debian's packages ``slurm-wlm`` and ``munge`` are what it needs, and for an accounting those of ``slurm_accounting``.
Its daemons detach themselves: they are ended by their pid files. A requeued job waits until its credential has expired,
two minutes unless ``cred_expire`` is small.
"""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.executors.slurm_accounting import add_cluster, start_accounting

NODES = ("n1", "n2", "n3")
NAME = "tests"
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch")
CONFIG = """\
ClusterName={name}
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={place}/munge.sock,cred_expire=5
CryptoType=crypto/munge
SlurmctldPort={port}
StateSaveLocation={place}/state
SlurmdSpoolDir={place}/spool/%n
SlurmctldPidFile={place}/slurmctld.pid
SlurmdPidFile={place}/slurmd.%n.pid
SlurmctldLogFile={place}/slurmctld.log
SlurmdLogFile={place}/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
{accounting}JobCompType=jobcomp/none
MpiDefault=none
ReturnToService=2
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0,sched_min_interval=0
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
InactiveLimit=0
KillWait=5
SlurmdTimeout=10
MessageTimeout=5
BatchStartTimeout=5
JobRequeue=1
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SlurmctldParameters=preempt_send_user_signal
PropagateResourceLimits=NONE
NodeName=n[1-3] NodeHostname={host} NodeAddr=127.0.0.1 Port=[{first}-{last}] CPUs=1 RealMemory=4000 State=UNKNOWN
PartitionName=main Nodes=n[1-3] Default=YES MaxTime=INFINITE State=UP PriorityTier=1 PreemptMode=REQUEUE GraceTime=10
PartitionName=high Nodes=n[1-3] MaxTime=INFINITE State=UP PriorityTier=10 PreemptMode=OFF
PartitionName=barred Nodes=n[1-3] State=UP DisableRootJobs=YES
PartitionName=billed Nodes=n[1-3] State=UP AllowAccounts=physics
"""
NO_ACCOUNTING = "AccountingStorageType=accounting_storage/none\n"
LIMITED = {
    "proctrack/linuxproc": "proctrack/cgroup",
    "task/none": "task/cgroup",
    "=CR_Core\n": "=CR_Core_Memory\n",
}
CGROUP_CONFIG = "CgroupAutomount=no\nCgroupPlugin=cgroup/v1\nConstrainRAMSpace=yes\n"


@dataclass(frozen=True)
class Cluster:
    """A Slurm that is up.

    Attributes:
        place: directory of its files.
        environment: what its commands and those that use them need.
    """

    place: Path
    environment: dict[str, str]

    def run(self, *command: str, **variables: str) -> str:
        """Run one of its commands, with further variables of the environment."""
        env = os.environ | self.environment | variables
        return subprocess.run(command, env=env, capture_output=True, text=True, check=True, timeout=60).stdout

    def kill_node(self, node: str) -> None:
        """Kill a node's daemon and everything that it has started, as a loss of power does."""
        pid = int((self.place / f"slurmd.{node}.pid").read_text())
        for number in (*_steps_of(node, self), pid):
            _kill(number, signal.SIGKILL)


def is_there() -> bool:
    """Return whether the programs are installed, and may be run: munged and slurmd want to be root."""
    return os.geteuid() == 0 and all(shutil.which(name) for name in PROGRAMS)


@contextmanager
def cluster(place: Path, *, cgroups: bool = False, accounting: bool = False) -> Iterator[Cluster]:
    """Start a cluster, and end it with the block.

    Args:
        place: for its files.
        cgroups: a job gets no more memory than asked (by control groups of version 1).
        accounting: slurmdbd keeps how jobs have ended.
    """
    for folder in ("state", *(f"spool/{node}" for node in NODES)):
        (place / folder).mkdir(parents=True)
    place.chmod(0o755)
    key = place / "munge.key"
    key.write_bytes(secrets.token_bytes(1024))
    key.chmod(0o400)
    up = Cluster(place, {"SLURM_CONF": str(place / "slurm.conf")})
    files = [f"--{name}-file={place / f'munge.{name}'}" for name in ("key", "pid", "log", "seed")]
    try:
        up.run("munged", f"--socket={place}/munge.sock", *files, "--num-threads=2", "--force")
        kept = start_accounting(place, _free_port(), up.run) if accounting else NO_ACCOUNTING
        _configure(place, kept, cgroups=cgroups)
        if accounting:
            add_cluster(NAME, up.run)
        up.run("slurmctld", "-c", "-f", str(place / "slurm.conf"))
        for node in NODES:
            up.run("slurmd", "-c", "-N", node, "-f", str(place / "slurm.conf"))
        _wait_until_idle(up)
        yield up
    finally:
        for node in NODES:
            for pid in _steps_of(node, up):
                _kill(pid, signal.SIGKILL)
        for pid_file in sorted(place.glob("*.pid"), reverse=True):
            _kill(int(pid_file.read_text().split()[0]), signal.SIGTERM)
        _wait_until_gone(place)


def _configure(place: Path, accounting: str, *, cgroups: bool) -> None:
    port, first = _free_port(), _free_port()
    host = socket.gethostname().partition(".")[0]
    ports = {"port": port, "first": first, "last": first + len(NODES) - 1}
    config = CONFIG.format(place=place, name=NAME, host=host, accounting=accounting, **ports)
    if cgroups:
        for plain, limited in LIMITED.items():
            config = config.replace(plain, limited)
        (place / "cgroup.conf").write_text(CGROUP_CONFIG)
    (place / "slurm.conf").write_text(config)


def _wait_until_idle(up: Cluster) -> None:
    until = time.monotonic() + 30
    while len(up.run("sinfo", "-h", "-N", "-p", "main", "-t", "idle", "-o", "%N").split()) < len(NODES):
        assert time.monotonic() < until, (up.place / "slurmctld.log").read_text()[-2000:]
        time.sleep(0.1)


def _wait_until_gone(place: Path) -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until and any(_lives(int(p.read_text().split()[0])) for p in place.glob("*.pid")):
        time.sleep(0.1)


def _steps_of(node: str, up: Cluster) -> list[int]:
    """Return the processes that a node of a cluster has started, the daemons of its steps included."""
    found = []
    for status in Path("/proc").glob("[0-9]*/environ"):
        try:
            found_there = status.read_bytes()
            if f"SLURMD_NODENAME={node}\0".encode() in found_there and str(up.place).encode() in found_there:
                found.append(int(status.parent.name))
        except OSError:
            continue
    return [*found, *(parent for pid in found if (parent := _parent(pid)) and _name(parent) == "slurmstepd")]


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def _lives(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def _kill(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _free_port() -> int:
    """Return a port that is free, as the next ones most likely are."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
