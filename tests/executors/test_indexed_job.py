"""The Job of Kubernetes: what stands in it, and that each of its indexes trains its fold as a pod would."""

import hashlib
import os
import subprocess
import sys

import pytest
import yaml

from tests.places import REPOSITORY
from trainer.cli.main import main as foldwise
from trainer.executors.indexed_job import FINAL_CODES

PLACES = ("--image", "registry.example/foldwise:1", "--claim", "runs")
QUICK = ("data=wine", "max_epochs=1", "cv.n_splits=2", "profile=off", "audit=off", "tracker=none", "baseline=off")


def job(capsys, *arguments):
    assert foldwise(["kubernetes", *arguments]) == 0, capsys.readouterr().err
    return yaml.safe_load(capsys.readouterr().out)


def test_an_index_is_a_fold_and_what_cannot_be_mended_fails_it_at_once(capsys):
    made = job(capsys, "run=a1", "loss=focal", "cv.repeats=2", *PLACES, "--gpus", "1", "--cpus", "4", "--at-once", "3")
    spec = made["spec"]
    assert (made["kind"], made["metadata"]["name"]) == ("Job", "a1")
    assert (spec["completionMode"], spec["completions"], spec["parallelism"]) == ("Indexed", 10, 3)
    assert spec["backoffLimitPerIndex"] == 3
    disrupted, final = spec["podFailurePolicy"]["rules"]  # the first rule that fits counts
    assert disrupted == {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}
    assert (final["action"], final["onExitCodes"]["values"]) == ("FailIndex", FINAL_CODES)
    assert not {75, 130, 138, 143, 137} & set(FINAL_CODES)
    pod = spec["template"]["spec"]
    [container] = pod["containers"]
    assert container["args"][:4] == ["loss=focal", "cv.repeats=2", "run=a1", "cv.fold=$(JOB_COMPLETION_INDEX)"]
    assert container["resources"]["limits"] == {"cpu": "4", "memory": "4Gi", "nvidia.com/gpu": 1}
    assert container["resources"]["requests"] == container["resources"]["limits"]
    assert pod["restartPolicy"] == "Never"
    assert pod["terminationGracePeriodSeconds"] > 28
    assert "suspend" not in spec


def test_a_queue_of_kueue_and_data_are_named(capsys):
    made = job(capsys, "run=a1", *PLACES, "--queue", "team", "--data-claim", "reviews", "--namespace", "ml")
    assert made["spec"]["suspend"] is True
    assert made["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "team"
    assert made["metadata"]["namespace"] == "ml"
    mounts = made["spec"]["template"]["spec"]["containers"][0]["volumeMounts"]
    assert {"name": "data", "mountPath": "/workspace/data", "readOnly": True} in mounts


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("loss=focal",), "give the run a name"),
        (("run=A_1",), "run: 'A_1' is no name for Kubernetes"),
        (("run=a1", "--memory", "lots"), "--memory: 'lots' is no amount"),
        (("run=a1", "--cpus", "0"), "--cpus: '0' is no amount"),
        (("run=a1", "cv=leave_one_group_out"), "give --folds N"),
        (("run=a1", "loss=focl"), "did you mean"),
    ],
)
def test_what_kubernetes_would_refuse_is_refused(capsys, arguments, said):
    assert foldwise(["kubernetes", *arguments, *PLACES]) == 2
    err = capsys.readouterr().err
    assert said in err
    assert len(err.splitlines()) <= 5


def test_nothing_in_an_option_is_expanded_by_kubernetes(capsys):
    made = job(capsys, "run=a1", "data.path='$(X).csv'", *PLACES)
    assert made["spec"]["template"]["spec"]["containers"][0]["args"][0] == "data.path='$$(X).csv'"


def test_schema_of_an_old_and_a_new_version(capsys):
    validate = pytest.importorskip("kubernetes_validate")
    made = job(capsys, "run=a1", *PLACES, "--queue", "team", "--data-claim", "reviews", "--gpus", "1")
    for version in ("1.31", "1.37"):
        validate.validate(made, version, strict=True)


def as_a_pod(args, index):
    """What the kubelet makes of the arguments of one index."""
    expanded = [arg.replace("$(JOB_COMPLETION_INDEX)", str(index)).replace("$$(", "$(") for arg in args]
    return [sys.executable, "-m", "trainer", "train", *expanded]


@pytest.mark.battery
def test_each_index_trains_its_fold_and_the_last_one_merges(capsys, tmp_path):
    args = job(capsys, "run=pods", *QUICK, *PLACES)["spec"]["template"]["spec"]["containers"][0]["args"]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"}
    pods = [subprocess.Popen(as_a_pod(args, index), cwd=tmp_path, env=environment) for index in range(2)]
    assert [pod.wait(300) for pod in pods] == [0, 0]
    alone = [sys.executable, "-m", "trainer", "train", *QUICK, "run=alone"]
    assert subprocess.run(alone, cwd=tmp_path, env=environment, check=True).returncode == 0
    first, second = ((tmp_path / f"runs/{run}/oof.parquet").read_bytes() for run in ("pods", "alone"))
    assert hashlib.sha256(first).digest() == hashlib.sha256(second).digest()
