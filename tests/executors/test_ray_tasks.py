"""What Ray is asked for, and what is said where it is not there; test_ray_tasks_runs.py has a real cluster."""

import socket

import pytest

from trainer.config.executor import ExecutorConfig
from trainer.errors import ConfigError
from trainer.executors import ray_tasks
from trainer.executors.contract import FoldJob, JobState
from trainer.executors.ray_tasks import RayTasks


@pytest.fixture
def job(tmp_path):
    return FoldJob(0, ("true",), tmp_path, tmp_path, memory_bytes=3 << 30)


def test_a_task_asks_for_what_the_profile_has_measured_unless_told_otherwise(job):
    assert ray_tasks._options(ExecutorConfig(cpus=2), [job]) == {"num_cpus": 2, "num_gpus": 0, "memory": 3 << 30}
    assert ray_tasks._options(ExecutorConfig(memory_gib=0.5), [job])["memory"] == 1 << 29
    other = ray_tasks._options(ExecutorConfig(options={"resources": {"big": 1}, "num_gpus": 0.5}), [])
    assert other == {"num_cpus": 1, "num_gpus": 0.5, "resources": {"big": 1}}


def test_lines_of_shell_come_before_the_command(job):
    values = ray_tasks._values(job, ["module load cuda", "cd /"])
    assert values["command"] == ["/bin/sh", "-c", 'module load cuda\ncd /\nexec "$@"', "sh", "true"]
    assert values["tries_before"] == 0
    assert ray_tasks._values(job, [])["command"] == ["true"]


def test_a_node_has_all_that_a_task_wants_or_none_has():
    nodes = [{"CPU": 4.0, "memory": 8e9}, {"CPU": 1.0, "GPU": 2.0, "memory": 1e9}]
    assert ray_tasks._lacking({"num_cpus": 1, "num_gpus": 2, "memory": 1e9}, nodes) == ""
    assert ray_tasks._lacking({"num_cpus": 4, "num_gpus": 1}, nodes) == "no node of the cluster has CPU 4, GPU 1"
    lacking = ray_tasks._lacking({"num_cpus": 1, "num_gpus": 0, "resources": {"big": 1}}, nodes)
    assert lacking == "no node of the cluster has CPU 1, big 1"


def test_states_are_those_of_the_actor_that_owns_the_tasks():
    told = [("running", "n1", False), ("waiting", "", False), ("gone", "WorkerCrashedError", True)]
    answer, nodes = (told, {"num_cpus": 1, "num_gpus": 3}), [{"CPU": 1.0, "GPU": 2.0}]
    assert [ray_tasks._state(answer, number, nodes) for number in range(3)] == [
        JobState("running", "n1"),
        JobState("waiting", "no node of the cluster has CPU 1, GPU 3"),
        JobState("gone", "WorkerCrashedError", final=True),
    ]
    assert ray_tasks._state(None, 0, nodes) == JobState("gone")
    assert ray_tasks._state("timed out", 0, nodes).state == "unknown"


def test_without_ray_the_extra_is_named(job, monkeypatch):
    monkeypatch.setattr(ray_tasks, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'foldwise\[ray\]'"):
        RayTasks(ExecutorConfig(name="ray")).submit([job])


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("127.0.0.1:{free}", "nothing answers at 127.0.0.1:"),
        ("head", "head is no address: write HOST:PORT"),
        ("head:x", "head:x is no address"),
        ("127.0.0.1:99999", "nothing answers at 127.0.0.1:99999"),
        ("local", "start one with ray start --head"),
    ],
)
def test_a_cluster_that_is_not_there_is_told_at_once(job, monkeypatch, address, said):
    monkeypatch.setattr(ray_tasks, "find_spec", lambda name: True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))  # nobody listens
        engine = RayTasks(ExecutorConfig(name="ray", address=address.format(free=probe.getsockname()[1])))
        with pytest.raises(ConfigError, match=said):
            engine.submit([job])
        assert engine.states(["foldwise-1_0"])["foldwise-1_0"].state == "unknown"


def test_what_answers_and_is_no_cluster_is_not_waited_for_without_end(job, monkeypatch):
    pytest.importorskip("ray")
    monkeypatch.setattr(ray_tasks, "JOIN_SECONDS", 0.0)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(
            ConfigError, match=rf"the cluster at {address} cannot be joined: no answer within 0 seconds"
        ):
            RayTasks(ExecutorConfig(name="ray", address=address)).submit([job])


@pytest.mark.parametrize("printed", ["InvalidAuthToken: missing", "ray.exceptions.AuthenticationError: none"])
def test_a_token_that_is_refused_names_the_setting(printed):
    said = ray_tasks._why_not_joined("head:6379", printed, ValueError())
    assert said.startswith("executor=ray: the cluster at head:6379 refuses the token: set RAY_AUTH_MODE alike")
    assert "no Ray cluster runs here" in ray_tasks._why_not_joined(
        "auto", "Could not find any running Ray", ValueError()
    )
