"""What sbatch is handed and what squeue answers, without a cluster; test_slurm_runs.py has a real one."""

import os

import pytest

from trainer.config.executor import ExecutorConfig
from trainer.errors import ConfigError
from trainer.executors import slurm
from trainer.executors.contract import FoldJob, JobState
from trainer.executors.slurm import Slurm

SQUEUE = """#!/bin/sh
echo '12_0|RUNNING|n1'
echo '12_1|PENDING|(Priority)'
echo '12_2|OUT_OF_MEMORY|n2'
echo '12_3|CANCELLED|'
"""


def script(**options):
    """The batch script as submitit writes it."""
    made = pytest.importorskip("submitit.slurm.slurm")._make_sbatch_string
    return made("true", "jobs", **slurm._parameters(ExecutorConfig(name="slurm", **options), "a1")).splitlines()


def test_what_is_asked_for_stands_in_the_script():
    asked = {"partition": "gpu", "gpus": 2, "cpus": 8, "memory_gib": 31.5, "hours": 1.5}
    lines = script(**asked, setup=["module load cuda"], options={"account": "my_lab", "exclusive": True})
    wanted = ("partition=gpu", "gpus-per-node=2", "cpus-per-task=8", "mem=32256M", "time=90", "account=my_lab")
    assert {f"#SBATCH --{line}" for line in (*wanted, "exclusive", "requeue")} <= set(lines)
    assert "module load cuda" in lines


def test_what_is_not_asked_for_is_the_clusters_to_decide():
    text = "\n".join(script())
    assert "partition" not in text
    assert "gpus" not in text
    assert "--mem" not in text
    assert "#SBATCH --time=240" in text


def test_a_short_job_is_warned_in_time():
    assert "#SBATCH --time=3" in script(hours=0.05)
    assert any(line.endswith("@60") for line in script(hours=0.05))


@pytest.fixture
def commands(tmp_path, monkeypatch):
    """``commands(squeue=...)``: put programs of that name before all others."""
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    def write(**programs):
        for name, text in programs.items():
            (tmp_path / name).write_text(text)
            (tmp_path / name).chmod(0o755)

    return write


def test_states_are_read_from_squeue_and_what_it_does_not_list_is_gone(commands):
    commands(squeue=SQUEUE)
    states = Slurm(ExecutorConfig(name="slurm")).states(["12_0", "12_1", "12_2", "12_3", "12_4"])
    assert states == {
        "12_0": JobState("running", "n1"),
        "12_1": JobState("waiting", "Priority"),
        "12_2": JobState("gone", "out of memory"),
        "12_3": JobState("gone", "cancelled"),
        "12_4": JobState("gone"),
    }


def test_how_jobs_ended_that_squeue_has_forgotten_is_read_from_the_accounting(commands):
    rows = "12_0|FAILED\\n12_0.batch|FAILED\\n12_0.0|OUT_OF_MEMORY\\n12_1|CANCELLED by 1000\\n12_1.0|FAILED\\n"
    rows += "12_2|RUNNING\\n"
    commands(squeue=SQUEUE.replace("12_", "13_"), sacct=f"#!/bin/sh\nprintf '{rows}'\n")
    states = Slurm(ExecutorConfig(name="slurm")).states(["12_0", "12_1", "12_2", "12_3"])
    assert [states[f"12_{number}"].reason for number in range(4)] == ["out of memory", "cancelled", "", ""]
    assert {state.state for state in states.values()} == {"gone"}
    commands(sacct="#!/bin/sh\necho 'Slurm accounting storage is disabled' >&2\nexit 1\n")
    assert Slurm(ExecutorConfig(name="slurm")).states(["12_0"]) == {"12_0": JobState("gone")}


@pytest.mark.parametrize(
    ("said", "state"),
    [("Invalid job id specified", "gone"), ("Unable to contact slurm controller", "unknown")],
)
def test_a_controller_that_does_not_answer_makes_no_job_gone(commands, said, state):
    commands(squeue=f"#!/bin/sh\necho 'slurm_load_jobs error: {said}' >&2\nexit 1\n")
    assert Slurm(ExecutorConfig(name="slurm")).states(["12_0"])["12_0"].state == state


def test_a_machine_without_slurm_is_told_so(tmp_path, monkeypatch):
    pytest.importorskip("submitit")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="there is no sbatch here"):
        Slurm(ExecutorConfig(name="slurm")).submit([FoldJob(0, ("true",), tmp_path, tmp_path)])


def test_without_submitit_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(slurm, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'foldwise\[slurm\]'"):
        Slurm(ExecutorConfig(name="slurm")).submit([FoldJob(0, ("true",), tmp_path, tmp_path)])


def test_what_sbatch_says_is_told(commands, tmp_path):
    pytest.importorskip("submitit")
    commands(
        srun="#!/bin/sh\n", sbatch="#!/bin/sh\necho 'sbatch: error: invalid partition specified: gpus' >&2\nexit 1\n"
    )
    with pytest.raises(ConfigError, match=r"sbatch refuses the job: .*invalid partition specified: gpus"):
        Slurm(ExecutorConfig(name="slurm", partition="gpus")).submit([FoldJob(0, ("true",), tmp_path, tmp_path)])
