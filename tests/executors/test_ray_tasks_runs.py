"""Runs on a real Ray cluster of several nodes (make test-ray): the bits are one machine's, whatever is lost."""

import json
import os
import socket
import tempfile
from pathlib import Path

import pytest

from tests.executors.slow_run import OPTIONS, ended, foldwise, oof, shared_folder, training, wait_for
from trainer.executors.fold_command import read_attempt

pytestmark = [pytest.mark.ray, pytest.mark.filterwarnings("ignore")]  # of Ray's own cluster, in this process

OWN = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_DEDUP_LOGS": "0"}
SLOWLY = "model.seconds=0.5"  # about 10 s of a fold


class Cluster:
    """A head, which owns the cluster, and nodes of one core that come and go."""

    def __init__(self):
        from ray.cluster_utils import Cluster as RayCluster

        self.ray = RayCluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
        self.environment = OWN | {"RAY_ADDRESS": ""}
        self.address = self.ray.address

    def add_node(self):
        return self.ray.add_node(num_cpus=1)

    def node_of(self, place, run, fold):
        """The node that trains a fold, or None for the head: the command, its worker, its raylet."""
        raylet = _parent(worker_of(place, run, fold))
        nodes = [node for node in self.ray.worker_nodes if raylet in _pids(node)]
        return nodes[0] if nodes else None


def _pids(node):
    return [process.process.pid for group in node.all_processes.values() for process in group]


def _parent(pid):
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def worker_of(place, run, fold):
    return _parent(json.loads((place / f"runs/{run}/fold_{fold}/LOCK").read_text())["pid"])


@pytest.fixture(scope="module")
def up():
    pytest.importorskip("ray", reason="needs the extra ray")
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory(prefix="r", dir="/tmp") as place:
        for name, value in (OWN | {"RAY_TMPDIR": place}).items():  # a short path: sockets lie in it
            patch.setenv(name, value)
        (Path(place) / "ray").mkdir()  # the cluster's address is written there, and Ray does not make it
        cluster = Cluster()
        cluster.add_node()
        yield cluster
        cluster.ray.shutdown()


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return shared_folder(tmp_path_factory)


@pytest.fixture(scope="module")
def begin(up, place):
    """``begin(*options)``: a command to train, as a process."""
    return lambda *options: foldwise(place, up.environment, "train", *OPTIONS, *options)


@pytest.fixture(scope="module")
def ray(up):
    return ("executor=ray", f"executor.address={up.address}")


@pytest.fixture(scope="module")
def alone(begin, place):
    """sha256 of what one machine finds without an engine; how slow the model is does not matter."""
    assert ended(begin("run=alone"))[0] == 0
    return oof(place, "alone")


def test_tasks_find_the_same_bits(begin, place, ray, alone):
    code, out, err = ended(begin("run=tasks", *ray))
    assert (code, err) == (0, ""), out
    assert oof(place, "tasks") == alone
    assert "ray: jobs of fold 0, 1, 2 (foldwise-" in out
    assert all(f"fold {fold}: done on {socket.gethostname()}" in out for fold in range(3))
    assert read_attempt(place / "runs/tasks", 0).number == 1


def test_the_folds_of_a_sweep_are_tasks_of_one_submission(begin, place, ray, alone):
    code, out, err = ended(begin("-m", "loss=ce,focal", *ray))
    assert (code, err) == (0, ""), out
    assert (out.count("submitted"), out.count("Leaderboard")) == (1, 1)
    [sweep] = (place / "runs/sweeps").iterdir()
    jobs = [json.loads((sweep / f"jobs/{number}.json").read_text()) for number in range(2)]
    assert [job["status"] for job in jobs] == ["done", "done"]
    assert oof(place, Path(jobs[0]["run_dir"]).name) == alone


def test_a_worker_that_is_killed_costs_no_fold(begin, place, ray, alone):
    process = begin("run=killed", *ray, SLOWLY)
    wait_for(lambda: training(place, "killed", 1))
    os.kill(worker_of(place, "killed", 1), 9)
    code, out, err = ended(process)
    assert (code, err) == (0, ""), out
    assert "fold 1: done on" in out
    assert read_attempt(place / "runs/killed", 1).number == 2
    assert "-> continue" in (place / "runs/killed/jobs/fold_1.log").read_text()
    assert oof(place, "killed") == alone


def test_a_command_that_is_killed_is_started_again_by_ray(begin, place, ray, alone):
    process = begin("run=oom", *ray, SLOWLY)
    wait_for(lambda: training(place, "oom", 0))
    os.kill(json.loads((place / "runs/oom/fold_0/LOCK").read_text())["pid"], 9)
    code, out, err = ended(process)
    assert (code, err) == (0, ""), out
    assert f"fold 0: done on {socket.gethostname()}, at try 2" in out
    assert oof(place, "oom") == alone


def test_a_node_that_is_lost_costs_no_fold(begin, up, place, ray, alone):
    process = begin("run=lost", *ray, SLOWLY)
    fold = wait_for(
        lambda: next((str(f) for f in range(3) if training(place, "lost", f) and up.node_of(place, "lost", f)), None)
    )
    up.ray.remove_node(up.node_of(place, "lost", fold), allow_graceful=False)
    up.add_node()
    code, out, err = ended(process)
    assert (code, err) == (0, ""), out
    assert read_attempt(place / "runs/lost", fold).number == 2
    assert oof(place, "lost") == alone


def test_two_runs_share_a_cluster(begin, place, ray, alone):
    first, second = begin("run=first", *ray), begin("run=second", *ray, "seed=7")
    (one, out, err), (two, *said) = ended(first), ended(second)
    assert (one, two) == (0, 0), out + err + str(said)
    assert oof(place, "first") == alone != oof(place, "second")


def test_a_fold_that_fails_is_told_and_not_tried_again(begin, place, ray):
    code, out, err = ended(begin("run=diverged", *ray, "model.factor=1e39", "preflight=off"))  # infinite in float32
    assert code == 5, out + err
    assert "fold 0: " in err
    assert len(err.splitlines()) <= 5
    assert read_attempt(place / "runs/diverged", 0).number == 1


def test_tasks_are_left_looked_at_stopped_and_taken_up_again(begin, up, place, ray, alone):
    code, out, err = ended(begin("run=left", *ray, "model.seconds=2", "executor.detach=true"))
    assert (code, err) == (0, ""), out
    assert "foldwise status runs/left" in out
    wait_for(lambda: training(place, "left", 0))
    seen = ended(foldwise(place, up.environment, "status", "runs/left"))[1]
    assert "training" in seen
    assert "absent; its job is waiting" in seen  # three folds, two cores
    said = ended(foldwise(place, up.environment, "stop", "runs/left"))[1]
    assert "asked to save and end: fold 0 on " in said
    assert "cancelled: the waiting job of fold 2" in said
    wait_for(lambda: not list((place / "runs/left").glob("fold_*/LOCK")), 60)
    wait_for(lambda: read_attempt(place / "runs/left", 0).code == 143)
    code, out, err = ended(begin("run=left", *ray, "model.seconds=2"))
    assert (code, err) == (0, ""), out
    assert oof(place, "left") == alone


def test_what_no_node_has_is_told(begin, up, place, ray):
    process = begin("run=big", *ray, "executor.gpus=3")
    assert any("fold 0: waiting (no node of the cluster has CPU 1, GPU 3)" in line for line in process.stdout)
    process.terminate()
    assert ended(process)[0] == 143  # the tasks stay
    seen = json.loads(ended(foldwise(place, up.environment, "status", "runs/big", "--json"))[1])
    assert "waiting (no node of the cluster has CPU 1, GPU 3)" in seen["folds"][0]["state"]
    assert "cancelled: the waiting job of fold 0" in ended(foldwise(place, up.environment, "stop", "runs/big"))[1]


def test_a_token_that_the_cluster_does_not_take_is_told(up, place, ray):
    environment = up.environment | {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(place / "none")}
    code, out, err = ended(foldwise(place, environment, "train", *OPTIONS, "run=token", *ray))
    assert code == 2, out + err
    assert "refuses the token: set RAY_AUTH_MODE alike" in err
