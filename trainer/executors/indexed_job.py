"""A Kubernetes Job with one index for each fold: nothing of ours has to run in the cluster but the image.

The index is the fold. What another try would not mend (a wrong configuration, data, a fold that diverges) fails its
index at once; a node that is drained or taken away counts as no failure, and the fold goes on from its checkpoint.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from trainer.errors import ConfigError

CONTAINER = "fold"
WORKSPACE = "/workspace"  # of the image
FINAL_CODES = [1, 2, 3, 4, 5, 6]
SAVE_SECONDS = 60  # from SIGTERM to SIGKILL: longer than a step and a save, which end by themselves after 28 s at most
USER = 10001  # of the image
NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
QUANTITY = re.compile(r"\d+(\.\d+)?(m|[KMGT]i?)?")


@dataclass(frozen=True)
class Wanted:
    """What a Job is made of.

    Attributes:
        run: name of the run, and of the Job.
        n_folds: indexes.
        image: with Foldwise.
        claim: persistent volume claim for ``runs/``, which all pods write to at once (ReadWriteMany).
        data_claim: one with the data, mounted read-only at ``/workspace/data``; None = none.
        cpus: of a pod, as Kubernetes writes it.
        memory: of a pod.
        gpus: of a pod.
        at_once: pods that run at a time; None = all.
        restarts: tries of an index after the first.
        queue: of Kueue, which then decides when the Job starts; None = none.
        namespace: None = that of the command which applies it.
    """

    run: str
    n_folds: int
    image: str
    claim: str
    data_claim: str | None = None
    cpus: str = "1"
    memory: str = "4Gi"
    gpus: int = 0
    at_once: int | None = None
    restarts: int = 3
    queue: str | None = None
    namespace: str | None = None


def indexed_job(wanted: Wanted, overrides: Sequence[str]) -> str:
    """Return the Job as YAML.

    Args:
        wanted: what it is made of.
        overrides: of the command to train, without the run's name and fold.

    Raises:
        ConfigError: a name or an amount that Kubernetes would refuse, all of them at once.
    """
    if problems := _problems(wanted):
        raise ConfigError.from_problems(problems)
    labels = {"app.kubernetes.io/name": "foldwise"}
    if wanted.queue:
        labels["kueue.x-k8s.io/queue-name"] = wanted.queue
    metadata = {"name": wanted.run, "labels": labels}
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata | ({"namespace": wanted.namespace} if wanted.namespace else {}),
        "spec": {
            **({"suspend": True} if wanted.queue else {}),
            "completionMode": "Indexed",
            "completions": wanted.n_folds,
            "parallelism": min(wanted.at_once or wanted.n_folds, wanted.n_folds),
            "backoffLimitPerIndex": wanted.restarts,
            "podFailurePolicy": {"rules": _rules()},
            "template": {"metadata": {"labels": dict(labels)}, "spec": _pod(wanted, overrides)},
        },
    }
    return yaml.safe_dump(job, sort_keys=False, allow_unicode=True, width=1000)


def _rules() -> list[dict[str, Any]]:
    codes = {"containerName": CONTAINER, "operator": "In", "values": FINAL_CODES}
    disrupted = {"type": "DisruptionTarget", "status": "True"}
    return [
        {"action": "Ignore", "onPodConditions": [disrupted]},
        {"action": "FailIndex", "onExitCodes": codes},
    ]


def _pod(wanted: Wanted, overrides: Sequence[str]) -> dict[str, Any]:
    own = [f"run={wanted.run}", "cv.fold=$(JOB_COMPLETION_INDEX)", "cv.parallel=1", "resume=wait"]
    amounts: dict[str, Any] = {"cpu": wanted.cpus, "memory": wanted.memory}
    amounts |= {"nvidia.com/gpu": wanted.gpus} if wanted.gpus else {}
    places = {"runs": f"{WORKSPACE}/runs", "scratch": "/tmp", "shm": "/dev/shm"}
    volumes: list[dict[str, Any]] = [
        {"name": "runs", "persistentVolumeClaim": {"claimName": wanted.claim}},
        {"name": "scratch", "emptyDir": {}},
        {"name": "shm", "emptyDir": {"medium": "Memory"}},
    ]
    mounts: list[dict[str, Any]] = [{"name": name, "mountPath": path} for name, path in places.items()]
    if wanted.data_claim:
        volumes.append({"name": "data", "persistentVolumeClaim": {"claimName": wanted.data_claim, "readOnly": True}})
        mounts.append({"name": "data", "mountPath": f"{WORKSPACE}/data", "readOnly": True})
    container = {
        "name": CONTAINER,
        "image": wanted.image,
        "args": [*map(_escaped, overrides), *own],
        "env": [{"name": "OMP_NUM_THREADS", "value": str(max(1, int(_cores(wanted.cpus))))}],
        "resources": {"requests": amounts, "limits": dict(amounts)},
        "securityContext": {
            "readOnlyRootFilesystem": True,
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": mounts,
    }
    return {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": SAVE_SECONDS,
        "securityContext": {"runAsNonRoot": True, "runAsUser": USER, "runAsGroup": USER, "fsGroup": USER},
        "containers": [container],
        "volumes": volumes,
    }


def _escaped(override: str) -> str:
    """Return an argument in which Kubernetes expands nothing: ``$$(X)`` is ``$(X)`` to the program."""
    return override.replace("$(", "$$(")


def _cores(cpus: str) -> float:
    return float(cpus[:-1]) / 1000 if cpus.endswith("m") else float(cpus)


def _problems(wanted: Wanted) -> list[str]:
    found = []
    names: Mapping[str, str | None] = {
        "run": wanted.run,
        "--claim": wanted.claim,
        "--data-claim": wanted.data_claim,
        "--queue": wanted.queue,
        "--namespace": wanted.namespace,
    }
    for option, name in names.items():
        if name is not None and (len(name) > 63 or not NAME.fullmatch(name)):
            found.append(f"{option}: {name!r} is no name for Kubernetes: lower-case letters, digits and -, at most 63")
    if not QUANTITY.fullmatch(wanted.memory):
        found.append(f"--memory: {wanted.memory!r} is no amount: write 4Gi or 500Mi")
    if not re.fullmatch(r"\d+(\.\d+)?|\d+m", wanted.cpus) or _cores(wanted.cpus) <= 0:
        found.append(f"--cpus: {wanted.cpus!r} is no amount: write 2, 0.5 or 500m")
    return found
