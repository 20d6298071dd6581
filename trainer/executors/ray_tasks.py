"""Ray: a plain task for each fold, in a cluster that runs already.

Ray itself starts a task again that is lost with its worker or its node, whether anybody follows or not. Nothing of the
data goes through its object store: a task is handed paths.
"""

import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
import weakref
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib.util import find_spec
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import IO, Any

from trainer.config.executor import ExecutorConfig
from trainer.errors import ConfigError, shown
from trainer.executors.contract import FoldJob, JobState
from trainer.executors.fold_command import read_attempt
from trainer.system.paths import import_path
from trainer.system.waiting import SAID_BY

JOIN_SECONDS = 60.0  # the cluster is not there, or refuses, if it takes longer to join it
PROBE_SECONDS = 5.0
ANSWER_SECONDS = 90.0
KEEP_ALIVE = {"RAY_grpc_client_keepalive_time_ms": "10000", "RAY_grpc_client_keepalive_timeout_ms": "5000"}
INHERITED = ("FOLDWISE_", "OMP_NUM_THREADS", *SAID_BY)  # variables of this process that the commands of folds get
REFUSED = ("InvalidAuthToken", "AuthenticationError", "Unauthenticated")
UNITS = {"cpus": "CPU", "gpus": "GPU", "bytes of memory": "memory"}


class RayTasks:
    """Runs folds as tasks of a Ray cluster.

    Args:
        config: the ``executor`` section.
    """

    def __init__(self, config: ExecutorConfig) -> None:
        self.config = config
        self.address: str | None = config.address or os.environ.get("RAY_ADDRESS") or "auto"
        self.driver: _Driver | None = None

    def submit(self, jobs: Sequence[FoldJob]) -> list[str]:
        """Hand the folds over as the tasks of one actor; return what each is called.

        Raises:
            ConfigError: Ray is not installed, no cluster answers, or it refuses the tasks.
        """
        name = f"foldwise-{secrets.token_hex(4)}"
        options = _options(self.config, jobs)
        wanted = {
            "jobs": [_values(job, self.config.setup) for job in jobs],
            "options": options,
            "restarts": self.config.max_restarts,
            "at_once": self.config.at_once,
            "environment": _environment(),
        }
        driver = self._joined()
        try:
            driver.ask("submit", name, wanted)
        except _NoAnswer as problem:
            raise ConfigError(f"executor=ray: Ray refuses the tasks: {shown(str(problem), 200)}") from problem
        self.address = driver.address
        return [f"{name}_{number}" for number in range(len(jobs))]

    def states(self, ids: Sequence[str]) -> Mapping[str, JobState]:
        """Ask the actors that own the tasks; one that is gone has left none."""
        try:
            driver = self._joined()
            found = driver.ask("states", sorted({_actor(name) for name in ids}))
            nodes = driver.ask("nodes")
        except (ConfigError, _NoAnswer) as problem:
            return dict.fromkeys(ids, JobState("unknown", str(problem).partition("\n")[0]))
        return {name: _state(found[_actor(name)], _number(name), nodes) for name in ids}

    def cancel(self, ids: Sequence[str]) -> None:
        """End the tasks that wait; one that runs saves and ends."""
        for actor in sorted({_actor(name) for name in ids}):
            with suppress(ConfigError, _NoAnswer):
                self._joined().ask("cancel", actor, [_number(name) for name in ids if _actor(name) == actor])

    def _joined(self) -> "_Driver":
        """Return what is connected to the cluster; it is started again where it has ended."""
        if self.driver is None or not self.driver.lives():
            self.driver = _join(self.address or "auto")
        return self.driver


class _NoAnswer(Exception):  # noqa: N818 no error of a user's: what Ray says
    """Ray does not answer, or refuses."""


@dataclass
class _Driver:
    """A process that is connected to a cluster.

    Attributes:
        process: of ``ray_driver``.
        pipe: to it.
        words: what it has printed.
        address: of the cluster.
    """

    process: subprocess.Popen[bytes]
    pipe: Connection
    words: IO[bytes]
    address: str = ""

    def lives(self) -> bool:
        return self.process.poll() is None

    def ask(self, what: str, *arguments: Any) -> Any:
        """Return the answer.

        Raises:
            _NoAnswer: there is none in time, the process has ended, or Ray has said no.
        """
        try:
            self.pipe.send((what, arguments))
            return self.answer(ANSWER_SECONDS)
        except (EOFError, OSError) as error:
            raise _NoAnswer(f"the connection to {self.address} was lost") from error

    def answer(self, seconds: float) -> Any:
        """Wait for an answer; a process that gives none in time is ended, for its next would answer this question."""
        if not self.pipe.poll(seconds):
            self.process.kill()
            raise _NoAnswer(f"no answer within {seconds:.0f} seconds")
        is_good, value = self.pipe.recv()
        if not is_good:
            raise _NoAnswer(str(value))
        return value

    def printed(self) -> str:
        self.words.flush()
        return os.pread(self.words.fileno(), 1 << 16, 0).decode(errors="replace")


def _join(address: str) -> _Driver:
    """Connect a process to a cluster.

    Raises:
        ConfigError: Ray is not installed, or no cluster answers.
    """
    if find_spec("ray") is None:
        raise ConfigError("executor=ray needs Ray: pip install 'foldwise[ray]'")
    if address == "local":
        raise ConfigError("executor=ray: executor.address=local would start a cluster: start one with ray start --head")
    _probe(address)
    ours, theirs = Pipe()
    words = tempfile.TemporaryFile()  # noqa: SIM115 it lives as long as the process
    own = {"PYTHONPATH": import_path(), "RAY_USAGE_STATS_ENABLED": "0"}
    process = subprocess.Popen(
        [sys.executable, "-m", "trainer.executors.ray_driver", str(theirs.fileno()), address],
        env=KEEP_ALIVE | os.environ | own,
        pass_fds=[theirs.fileno()],
        stdin=subprocess.DEVNULL,
        stdout=words,
        stderr=words,
        start_new_session=True,  # Ctrl-C is for the command that follows
    )
    theirs.close()
    driver = _Driver(process, ours, words, address)
    weakref.finalize(driver, _end, process, ours, words)
    try:
        driver.address = _first_answer(driver)
    except (EOFError, OSError, _NoAnswer) as problem:
        raise ConfigError(_why_not_joined(address, driver.printed() + str(problem), problem)) from problem
    return driver


def _first_answer(driver: _Driver) -> str:
    """Wait until a cluster is joined; Ray tries a wrong token for a minute, in which nothing changes."""
    until = time.monotonic() + JOIN_SECONDS
    while not driver.pipe.poll(1.0):
        refused = any(word in driver.printed() for word in REFUSED)
        if refused or time.monotonic() > until:
            driver.process.kill()
            raise _NoAnswer(f"no answer within {JOIN_SECONDS:.0f} seconds")
    return str(driver.answer(0))


def _why_not_joined(address: str, printed: str, problem: Exception) -> str:
    if any(word in printed for word in REFUSED):
        return (
            f"executor=ray: the cluster at {address} refuses the token: set RAY_AUTH_MODE alike (token or disabled) in "
            "all processes of the cluster and here, with the same RAY_AUTH_TOKEN or ~/.ray/auth_token"
        )
    if address == "auto" and "any running Ray" in printed:
        return "executor=ray: no Ray cluster runs here: start one (ray start --head), or set executor.address=HOST:PORT"
    said = str(problem) or "its process has ended"
    return f"executor=ray: the cluster at {address} cannot be joined: {shown(said, 200)}"


def _probe(address: str) -> None:
    """Refuse an address at which nothing listens: Ray itself tries for minutes.

    Raises:
        ConfigError: nothing does.
    """
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if address == "auto":
        return
    if not colon or not port.isdecimal():
        raise ConfigError(f"executor=ray: executor.address={address} is no address: write HOST:PORT, such as head:6379")
    try:
        socket.create_connection((host.strip("[]"), int(port)), PROBE_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise ConfigError(
            f"executor=ray: nothing answers at {address} ({shown(str(error), 80)}): start the cluster there "
            "(ray start --head), or set executor.address"
        ) from error


def _end(process: "subprocess.Popen[bytes]", pipe: Connection, words: IO[bytes]) -> None:
    """End the process: a closed pipe ends it by itself."""
    pipe.close()
    words.close()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _options(config: ExecutorConfig, jobs: Sequence[FoldJob]) -> dict[str, Any]:
    """Return what Ray is asked for, for each task."""
    measured = max((job.memory_bytes or 0 for job in jobs), default=0)
    memory = round(config.memory_gib * 2**30) if config.memory_gib is not None else measured
    asked = {"num_cpus": config.cpus, "num_gpus": config.gpus, **({"memory": memory} if memory else {})}
    return {**asked, **config.options}


def _values(job: FoldJob, setup: Sequence[str]) -> dict[str, Any]:
    """Return a job as plain values; the lines of shell come before its command."""
    script = "\n".join([*setup, 'exec "$@"'])
    command = ("/bin/sh", "-c", script, "sh", *job.command) if setup else job.command
    last = read_attempt(job.run, job.fold)
    job = replace(job, command=command)
    return {
        "fold": job.fold,
        "command": list(job.command),
        "run": str(job.run),
        "folder": str(job.folder),
        "tries_before": 0 if last is None else last.number,
    }


def _environment() -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if name.startswith(INHERITED)}
    return {**own, "PYTHONPATH": import_path()}


def _state(answer: Any, number: int, nodes: Sequence[Mapping[str, float]]) -> JobState:
    if answer is None:
        return JobState("gone")
    if isinstance(answer, str):
        return JobState("unknown", answer)
    told, options = answer
    state, reason, is_final = told[number]
    return JobState(state, reason or (_lacking(options, nodes) if state == "waiting" else ""), is_final)


def _lacking(options: Mapping[str, Any], nodes: Sequence[Mapping[str, float]]) -> str:
    """Say that no node has as much as one task wants: Ray waits for such a node without end."""
    wanted = {UNITS["cpus"]: options["num_cpus"], UNITS["gpus"]: options["num_gpus"]}
    wanted |= {UNITS["bytes of memory"]: options.get("memory", 0), **options.get("resources", {})}
    if any(all(node.get(name, 0) >= amount for name, amount in wanted.items()) for node in nodes):
        return ""
    asked = ", ".join(f"{name} {amount:g}" for name, amount in wanted.items() if amount)
    return f"no node of the cluster has {asked}"


def _actor(name: str) -> str:
    return name.rpartition("_")[0]


def _number(name: str) -> int:
    return int(name.rpartition("_")[2])
