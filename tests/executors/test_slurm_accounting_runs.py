"""Runs on a real Slurm with an accounting and, where there are control groups of version 1, a limit of memory."""

import json
import os
import sys
import time
from pathlib import Path

import pytest

from tests.executors import slurm_accounting, slurm_cluster
from tests.executors.slow_run import OPTIONS, ended, foldwise, shared_folder, training, wait_for
from trainer.config.executor import ExecutorConfig
from trainer.executors.contract import FoldJob, JobState
from trainer.executors.fold_command import read_attempt
from trainer.executors.slurm import Slurm, _remembered

pytestmark = pytest.mark.slurm

CGROUPS = Path("/sys/fs/cgroup/memory").is_dir()
SLURM = ("executor=slurm", "executor.hours=1", "model.seconds=0.3", "executor.memory_gib=1.2")
needs_cgroups = pytest.mark.skipif(not CGROUPS, reason="Slurm 22 limits memory by control groups of version 1")


@pytest.fixture(scope="module")
def up(tmp_path_factory):
    if not (slurm_cluster.is_there() and slurm_accounting.is_there()):
        pytest.skip("needs Debian's slurm-wlm, munge, slurmdbd and mariadb-server, and root")
    with slurm_cluster.cluster(tmp_path_factory.mktemp("slurm"), cgroups=CGROUPS, accounting=True) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return shared_folder(tmp_path_factory)


@pytest.fixture
def begin(up, place):
    """``begin(*options)``: a command to train, as a process."""
    return lambda *options: foldwise(place, up.environment, "train", *OPTIONS, *options)


def jobs_of(place, run):
    return list(json.loads((place / f"runs/{run}/jobs/submitted.json").read_text())["jobs"].values())


def test_the_accounting_knows_how_jobs_ended(begin, up, place, monkeypatch):
    """A killed fold's job is COMPLETED to Slurm, for the Python that began it has ended well: asked is the run."""
    process = begin("run=kept", *SLURM, "executor.max_restarts=0")
    wait_for(lambda: training(place, "kept", 1))
    os.kill(json.loads((place / "runs/kept/fold_1/LOCK").read_text())["pid"], 9)
    wait_for(lambda: training(place, "kept", 2))
    up.run("scancel", jobs_of(place, "kept")[2])
    code, out, err = ended(process)
    assert code == 4, out + err
    assert "fold 1: failed: killed by signal 9" in out
    assert "fold 2: failed: its job was cancelled" in out
    monkeypatch.setenv("SLURM_CONF", up.environment["SLURM_CONF"])
    said = [JobState("gone", word) for word in ("completed", "completed", "cancelled")]
    wait_for(lambda: list(_remembered(jobs_of(place, "kept")).values()) == said, 30)


def test_five_folds_on_three_nodes_take_as_long_as_those_of_the_busiest(begin, up, place):
    """All from the submission to the report, against what the accounting says of the jobs of each node."""
    process = begin("run=five", *SLURM, "cv.n_splits=5", "model.seconds=1.5")  # at least 45 s of a fold
    assert any(line.endswith(") submitted\n") for line in iter(process.stdout.readline, ""))
    submitted = time.time()
    assert ended(process)[0] == 0
    whole = time.time() - submitted
    jobs = ",".join(jobs_of(place, "five"))
    asked = ("sacct", "--noheader", "--parsable2", "--allocations", "--format=NodeList,Start,End", f"--jobs={jobs}")
    rows = [line.split("|") for line in up.run(*asked, SLURM_TIME_FORMAT="%s").splitlines()]
    busy = dict.fromkeys(slurm_cluster.NODES, 0)
    for node, start, end in rows:
        busy[node] += int(end) - int(start)
    engine_start = max(0.0, min(int(start) for _, start, _ in rows) - submitted)
    print(f"whole {whole:.1f} s, nodes {busy}, start of the engine {engine_start:.1f} s")
    assert whole <= 1.25 * max(busy.values()) + engine_start


@needs_cgroups
def test_a_job_that_takes_more_memory_than_it_has_is_called_that(up, tmp_path, monkeypatch):
    (tmp_path / "run").mkdir()
    (tmp_path / "run/folds.json").touch()
    takes = "held = bytearray(b'x') * (1 << 29)"
    worker = f"import subprocess, sys; sys.exit(subprocess.call([sys.executable, '-c', {takes!r}]) == -9)"
    commands = [(sys.executable, "-c", code) for code in (takes, worker, "print('well')")]
    jobs = [FoldJob(fold, command, tmp_path / "run", tmp_path) for fold, command in enumerate(commands)]
    monkeypatch.setenv("SLURM_CONF", up.environment["SLURM_CONF"])
    engine = Slurm(ExecutorConfig(name="slurm", memory_gib=0.25))
    ids = engine.submit(jobs)
    wait_for(lambda: {state.state for state in engine.states(ids).values()} == {"gone"})
    said = ["out of memory", "out of memory", "completed"]
    wait_for(lambda: [state.reason for state in _remembered(ids).values()] == said, 30)
    ends = [read_attempt(tmp_path / "run", fold) for fold in range(3)]
    lacked = "out of memory (limit 0.25 GiB)"
    assert [(end.code, end.lacked) for end in ends] == [(-9, lacked), (1, lacked), (0, "")]


@needs_cgroups
def test_a_fold_without_memory_is_started_again_so_often_and_then_told(begin, place):
    tight = ("executor.memory_gib=0.2", "executor.max_restarts=2", "cv.fold=0")  # importing torch takes more
    code, out, err = ended(begin("run=tight", "executor=slurm", *tight))
    assert code == 4, out + err
    lacked = "out of memory (limit 0.2 GiB)"
    again = [line for line in out.splitlines() if "submitted again" in line]
    assert [line.split(";")[:2] for line in again] == [
        [f"fold 0: {lacked}", f" submitted again ({number} of 2)"] for number in (1, 2)
    ]
    assert again[0].endswith(
        "; executor.memory_gib=... asks for more, a smaller batch_size with fit.accumulate_steps takes less"
    )
    assert err.startswith(f"checkpoint error: fold 0: {lacked}, for the 3. time: ")
    assert read_attempt(place / "runs/tight", 0).number == 3


def test_a_partition_that_is_not_there_is_named(begin):
    code, out, err = ended(begin("run=refused", "executor=slurm", "executor.partition=nowhere"))
    assert code == 2, out
    words, last = err.splitlines()[:-1], err.splitlines()[-1]
    assert last.startswith("configuration error: executor=slurm: sbatch refuses the job: ")
    assert "sbatch: error: invalid partition specified: nowhere" in words  # what sbatch itself prints


def test_a_partition_that_the_user_may_not_use_is_told(begin, up, place):
    """Slurm refuses some at once, and lets others wait, with the reason that is passed on."""
    code, out, err = ended(begin("run=barred", "executor=slurm", "executor.partition=barred"))
    assert code == 2, out
    assert err.splitlines()[-1].startswith("configuration error: executor=slurm: sbatch refuses the job: ")
    assert "sbatch: error: Batch job submission failed: Invalid user id" in err.splitlines()[:-1]
    process = begin("run=billed", "executor=slurm", "executor.partition=billed")
    line = next(line for line in iter(process.stdout.readline, "") if line.startswith("fold 0: waiting ("))
    assert line.startswith("fold 0: waiting (Job's account not permitted to use this partition"), line
    said = ended(foldwise(place, up.environment, "stop", "runs/billed"))[1]
    assert "cancelled: the waiting job of fold 0, 1, 2" in said
    assert ended(process)[0] == 143
