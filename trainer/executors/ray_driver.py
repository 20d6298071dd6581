"""What speaks with Ray: a process of its own, run as a program and asked through a pipe.

Ray ends the process that is connected to a cluster when the cluster goes away, and puts its handlers of signals over
those that are there. It also ends a task whose owner is gone, while commands that follow a run come and go: an actor
in the cluster owns the tasks of one submission. This module is a program, so that Ray sends its functions whole;
the cluster needs no Foldwise but where folds are trained.
"""

import os
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

NAMESPACE = "foldwise"
LINGER_SECONDS = 60.0  # after the last task: whoever follows asks what became of it
ANSWER_SECONDS = 20.0  # an actor that takes longer has no answer
Told = tuple[list[tuple[str, str, bool]], dict[str, Any]]  # what an actor says of its tasks


class Supervisor:
    """Owns the tasks of one submission; an actor.

    Args:
        name: of the actor.
        jobs: values of a ``FoldJob`` each.
        options: of Ray's, for each task.
        restarts: of a task that is lost, or whose fold is to be tried again.
        at_once: most tasks that Ray is handed at a time.
        environment: of the commands.
    """

    def __init__(
        self,
        name: str,
        *,
        jobs: Sequence[Mapping[str, Any]],
        options: Mapping[str, Any],
        restarts: int,
        at_once: int,
        environment: Mapping[str, str],
    ) -> None:
        self.name, self.jobs, self.options = name, jobs, dict(options)
        self.restarts, self.at_once, self.environment = restarts, at_once, environment
        self.told: dict[int, tuple[str, str, bool]] = dict.fromkeys(range(len(jobs)), ("waiting", "", False))
        self.waiting = list(range(len(jobs)))
        self.handed: dict[Any, int] = {}
        self.changing = threading.Lock()
        threading.Thread(target=self._supervise, daemon=True).start()

    def began(self, number: int, machine: str) -> None:
        """Note that a task runs."""
        self.told[number] = ("running", machine, False)

    def states(self) -> "Told":
        """Return state, reason and whether nobody should try again, for each task; and what each asks Ray for."""
        return [self.told[number] for number in range(len(self.jobs))], self.options

    def cancel(self, numbers: Sequence[int]) -> None:
        """End tasks that wait, or ask those that run to save and end."""
        import ray

        with self.changing:
            for number in [number for number in numbers if number in self.waiting]:
                self.waiting.remove(number)
                self.told[number] = ("gone", "cancelled", False)
            handed = [ref for ref, number in self.handed.items() if number in numbers]
        for ref in handed:
            ray.cancel(ref)

    def _supervise(self) -> None:
        import ray

        task = ray.remote(train_fold).options(max_retries=self.restarts, retry_exceptions=True, **self.options)
        mine = ray.get_actor(self.name, namespace=NAMESPACE)
        while True:
            with self.changing:
                while self.waiting and len(self.handed) < self.at_once:
                    number = self.waiting.pop(0)
                    ref = task.remote(self.jobs[number], number, self.environment, self.restarts, mine)
                    self.handed[ref] = number
            if not self.handed:
                break
            for ref in ray.wait(list(self.handed), timeout=1.0)[0]:
                self.told[self.handed[ref]] = ("gone", *_how_it_ended(ref))
                with self.changing:
                    del self.handed[ref]
        time.sleep(LINGER_SECONDS)
        ray.kill(mine)


def _how_it_ended(ref: Any) -> tuple[str, bool]:
    """Return the reason why a task is gone, and whether Ray has tried as often as it may."""
    import ray

    try:
        ray.get(ref)
    except ray.exceptions.TaskCancelledError:
        return "cancelled", False
    except ray.exceptions.RayTaskError as error:
        return str(error.cause).partition("\n")[0], True
    except ray.exceptions.RayError as error:
        return f"{type(error).__name__}: its worker or node was lost", True
    return "", False


def train_fold(
    job: Mapping[str, Any], number: int, environment: Mapping[str, str], restarts: int, supervisor: Any
) -> int:
    """Train a fold as a task, on whichever node; return the exit code of its command.

    Raises:
        RuntimeError: it ended in a way that another try may mend, which is up to Ray.
    """
    os.environ.update(environment)
    sys.path[:0] = environment["PYTHONPATH"].split(os.pathsep)
    from trainer.executors.contract import FoldJob
    from trainer.executors.fold_command import RunFold, machine, may_try_again, read_attempt

    supervisor.began.remote(number, machine())
    wanted = FoldJob(job["fold"], tuple(job["command"]), Path(job["run"]), Path(job["folder"]))
    last = read_attempt(wanted.run, wanted.fold)
    if last is not None and last.number - job["tries_before"] > restarts:  # Ray counts none that it ends for its memory
        raise RuntimeError("lost each time")
    code = RunFold(wanted)()
    ended = read_attempt(wanted.run, wanted.fold)
    lacked = "" if ended is None else ended.lacked
    if may_try_again(code, lacked):
        raise RuntimeError(lacked or (f"killed by signal {-code}" if code < 0 else f"ended with exit code {code}"))
    return code


def submit(name: str, wanted: Mapping[str, Any]) -> None:
    """Start the actor that owns the tasks of a submission, on the node that the cluster lives and dies with."""
    import ray

    ray.remote(train_fold).options(**wanted["options"])  # what is wrong with them is said here
    actor = ray.remote(Supervisor).options(
        name=name,
        namespace=NAMESPACE,
        lifetime="detached",
        num_cpus=0,
        resources={"node:__internal_head__": 0.001},
    )
    ray.get(actor.remote(name, **wanted).states.remote())


def states(names: Sequence[str]) -> dict[str, Told | str | None]:
    """Ask the actors; None stands for one that is gone, words for one that does not answer."""
    import ray

    found: dict[str, Told | str | None] = {}
    for name in names:
        try:
            found[name] = ray.get(ray.get_actor(name, namespace=NAMESPACE).states.remote(), timeout=ANSWER_SECONDS)
        except (ValueError, ray.exceptions.RayActorError):
            found[name] = None
        except ray.exceptions.RayError as error:
            found[name] = str(error).partition("\n")[0]
    return found


def cancel(name: str, numbers: Sequence[int]) -> None:
    """End tasks of a submission."""
    import ray

    with suppress(ValueError, ray.exceptions.RayError):
        ray.get(ray.get_actor(name, namespace=NAMESPACE).cancel.remote(numbers), timeout=ANSWER_SECONDS)


def nodes() -> list[dict[str, float]]:
    """Return what each node of the cluster has."""
    import ray

    return [dict(node["Resources"]) for node in ray.nodes() if node["Alive"]]


def address() -> str:
    """Return where the cluster is joined."""
    import ray

    return str(ray.get_runtime_context().gcs_address)


def main(descriptor: int, cluster: str) -> None:
    """Join a cluster and answer until the pipe is closed.

    Args:
        descriptor: of the pipe, both ways.
        cluster: its address.
    """
    import ray

    pipe = Connection(descriptor)
    doing = {one.__name__: one for one in (submit, states, cancel, nodes, address)}
    try:
        ray.init(address=cluster, namespace=NAMESPACE, log_to_driver=False, configure_logging=False)
        pipe.send((True, address()))
        while True:
            name, arguments = pipe.recv()
            try:
                pipe.send((True, doing[name](*arguments)))
            except Exception as error:
                pipe.send((False, _words(error)))
    except EOFError:
        return
    except Exception as error:
        pipe.send((False, _words(error)))


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
