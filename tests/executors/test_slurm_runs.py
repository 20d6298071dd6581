"""Runs on a real Slurm of three nodes (make test-slurm): whatever becomes of jobs, the bits are one machine's."""

import json
import os
import re
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.executors import slurm_cluster
from tests.executors.slow_run import OPTIONS, ended, foldwise, oof, rank_of, shared_folder, training, wait_for
from trainer.executors.fold_command import read_attempt

pytestmark = pytest.mark.slurm

SLURM = ("executor=slurm", "executor.hours=1", "model.seconds=0.3")  # about 10 s of a fold, then less


@pytest.fixture(scope="module")
def up(tmp_path_factory):
    if not slurm_cluster.is_there():
        pytest.fail("needs Debian's slurm-wlm and munge, and root: apt-get install slurm-wlm munge", pytrace=False)
    with slurm_cluster.cluster(tmp_path_factory.mktemp("slurm")) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return shared_folder(tmp_path_factory)


@pytest.fixture(scope="module")
def begin(up, place):
    """``begin(*options)``: a command to train, as a process."""

    def start(*options):
        return foldwise(place, up.environment, "train", *OPTIONS, *options)

    return start


@pytest.fixture(scope="module")
def alone(begin, place):
    """sha256 of what one machine finds without an engine; how slow the model is does not matter."""
    assert ended(begin("run=alone"))[0] == 0
    return oof(place, "alone")


def job_of(place, run, fold):
    return json.loads((place / f"runs/{run}/jobs/submitted.json").read_text())["jobs"][str(fold)]


def test_an_array_over_the_folds_finds_the_same_bits(begin, place, alone):
    code, out, err = ended(begin("run=array", "executor=slurm", "executor.options={comment: tests}"))
    assert (code, err) == (0, ""), out
    assert oof(place, "array") == alone
    assert "slurm: jobs of fold 0, 1, 2 (" in out
    assert all(f"fold {fold}: done on n" in out for fold in range(3))
    [script] = (place / "runs/array/jobs/slurm").glob("*_submission.sh")
    text = script.read_text()
    assert "#SBATCH --array=0-2%3" in text
    assert "#SBATCH --comment=tests" in text
    assert "#SBATCH --signal=USR1@120" in text


def test_each_fold_is_trained_by_processes_of_two_nodes(begin, place, alone):
    code, out, err = ended(begin("run=nodes", "executor=slurm", "executor.nnodes=2", "executor.at_once=1"))
    assert (code, err) == (0, ""), out
    assert json.loads((place / "runs/nodes/manifest.json").read_text())["identity"]["hardware"]["processes"] == 2
    one, two = (pq.read_table(place / f"runs/{run}/oof.parquet") for run in ("alone", "nodes"))
    assert one["id"].equals(two["id"])
    np.testing.assert_allclose(two["loss"].to_numpy(), one["loss"].to_numpy(), rtol=1e-5, atol=1e-6)
    assert [read_attempt(place / "runs/nodes", fold).number for fold in range(3)] == [1, 1, 1]
    text = next((place / "runs/nodes/jobs/slurm").glob("*_submission.sh")).read_text()
    assert "#SBATCH --nodes=2" in text


def test_a_process_that_is_killed_on_the_second_node_costs_no_fold(begin, place):
    """The first node's processes end because of it: their words are not why the fold has ended."""
    two = ("executor.nnodes=2", "executor.at_once=1", "cv.fold=0")
    assert ended(begin("run=unhurt", *SLURM, *two))[0] == 0
    process = begin("run=hurt", *SLURM, *two)
    wait_for(lambda: training(place, "hurt", 0))
    os.kill(wait_for(lambda: rank_of("hurt", 1)), 9)
    code, out, err = ended(process)
    assert (code, err) == (0, ""), out
    how = "process 1 of 2 was killed by SIGKILL (out of memory?): the others were ended"
    assert f"fold 0: {how}; submitted again (1 of 3)" in out
    assert read_attempt(place / "runs/hurt", 0).number == 2
    one, two = ((place / f"runs/{run}/fold_0/oof.parquet").read_bytes() for run in ("unhurt", "hurt"))
    assert one == two


def test_a_sweep_is_one_array_and_goes_on_when_interrupted(begin, place, alone):
    """Two configurations of three folds, two jobs at a time; the second has the bits of a run of its own."""
    typed = ("-m", "loss=ce,focal", *SLURM, "executor.at_once=2")
    process = begin(*typed)
    lines = iter(process.stdout.readline, "")
    assert any("slurm: jobs of fold 0, 1, 2 of " in line for line in lines)
    process.terminate()
    code, _out, err = ended(process)
    assert code == 143, err
    again = err.partition("follow them with: ")[2]
    assert again.startswith("foldwise train -m ")
    folder = again.split("hydra.sweep.dir=")[1].strip()
    [script] = (place / folder / "jobs/slurm").glob("*_submission.sh")
    assert "#SBATCH --array=0-5%2" in script.read_text()
    code, out, err = ended(begin(*typed, f"hydra.sweep.dir={folder}"))
    assert (code, err) == (0, ""), out
    assert len(list((place / folder / "jobs/slurm").glob("*_submission.sh"))) == 1  # followed, not submitted again
    assert out.count("Leaderboard") == 1
    jobs = [json.loads((place / folder / f"jobs/{number}.json").read_text()) for number in range(2)]
    assert [(job["status"], job["primary"]) for job in jobs] == [("done", "accuracy")] * 2
    assert oof(place, Path(jobs[0]["run_dir"]).name) == alone


def test_a_mistake_of_all_jobs_is_told_once_before_the_first_is_submitted(begin, place):
    before = set((place / "runs").iterdir())
    code, out, err = ended(begin("-m", "loss=ce,focal", "seed=1,2", "executor=slurm", "cv.n_splits=90"))
    assert code in (2, 3), out
    assert err.startswith("all 4 jobs of the sweep fail alike: none was trained")
    assert (err.count("59 rows < 90 folds"), len(err.splitlines())) == (1, 5)
    assert {one.name for one in set((place / "runs").iterdir()) - before} <= {"sweeps"}


def test_a_job_that_is_warned_saves_and_goes_on_from_there(begin, up, place, alone):
    process = begin("run=warned", *SLURM)
    wait_for(lambda: training(place, "warned", 1))
    up.run("scancel", "--signal=USR1", job_of(place, "warned", 1))
    code, out, err = ended(process)
    assert (code, err) == (0, ""), out
    assert "fold 1: done on n" in out
    assert read_attempt(place / "runs/warned", 1).number == 2
    assert "-> continue" in (place / "runs/warned/jobs/fold_1.log").read_text()
    assert oof(place, "warned") == alone


def test_a_fold_that_is_longer_than_the_time_limit_goes_on_several_times(begin, place, alone):
    limit = ("executor.hours=0.017", "executor.max_restarts=20")  # a minute; Slurm warns up to a minute before
    code, out, err = ended(begin("run=limited", "executor=slurm", *limit, "model.seconds=3"))  # 72 s of a fold
    assert (code, err) == (0, ""), out
    assert max(read_attempt(place / "runs/limited", fold).number for fold in range(3)) >= 3
    assert oof(place, "limited") == alone


def test_a_second_person_follows_the_jobs_of_the_first(begin, place, alone):
    slower = (*SLURM[:2], "model.seconds=1.5")  # the second has time to come
    first = begin("run=shared", *slower)
    wait_for(lambda: training(place, "shared", 0))
    code, out, err = ended(begin("run=shared", *slower))
    assert (code, err) == (0, ""), out
    assert "slurm: following jobs of fold 0, 1, 2 (" in out
    assert ended(first)[0] == 0
    assert oof(place, "shared") == alone


def test_jobs_that_are_pre_empted_go_on_when_the_others_are_done(begin, up, place, alone):
    process = begin("run=preempted", *SLURM)
    wait_for(lambda: training(place, "preempted", 0))
    up.run("sbatch", "--partition=high", "--array=0-2", f"--output={place}/high-%a", "--wrap=sleep 1")
    code, out, err = ended(process)
    assert (code, err) == (0, ""), out
    assert max(read_attempt(place / "runs/preempted", fold).number for fold in range(3)) == 2
    assert oof(place, "preempted") == alone


def test_a_node_that_dies_costs_no_fold(begin, up, place, alone):
    process = begin("run=lost", *SLURM)
    wait_for(lambda: training(place, "lost", 0))
    node = up.run("squeue", "--array", "--noheader", f"--jobs={job_of(place, 'lost', 0)}", "--format=%N").strip()
    up.kill_node(node)
    seen = ended(foldwise(place, up.environment, "status", "runs/lost"))[1]
    print(seen)  # before Slurm has noticed
    assert re.search(rf"0 +stopped at epoch .*; its job is running \({node}\)", seen), seen
    code, out, err = ended(process)
    up.run("slurmd", "-c", "-N", node, "-f", str(up.place / "slurm.conf"))
    assert (code, err) == (0, ""), out
    assert f"fold 0: running ({node})" in out
    assert read_attempt(place / "runs/lost", 0).number == 2
    assert oof(place, "lost") == alone


def test_a_job_that_is_killed_is_started_again(begin, up, place, alone):
    process = begin("run=killed", *SLURM)
    wait_for(lambda: training(place, "killed", 2))
    job = job_of(place, "killed", 2)
    os.kill(json.loads((place / "runs/killed/fold_2/LOCK").read_text())["pid"], 9)
    listed = ("squeue", "--array", "--noheader", f"--jobs={job}", "--states=RUNNING,COMPLETING", "--format=%i")
    wait_for(lambda: not up.run(*listed))
    detected = time.time()
    code, out, err = ended(process)
    assert (code, err) == (0, ""), out
    assert read_attempt(place / "runs/killed", 2).started - detected <= 10
    assert "fold 2: killed by signal 9 (out of memory?); submitted again (1 of 3)" in out
    assert oof(place, "killed") == alone


def test_a_fold_that_fails_is_told_and_not_tried_again(begin, place):
    wrong = ("model._target_=torch.nn.Linear", "preflight=off")  # not allowed: the same on every machine
    code, out, err = ended(begin("run=wrong", "executor=slurm", *wrong))
    assert (code, len(err.splitlines())) == (2, 1), out
    diverging = ("model.factor=1e39", "preflight=off")  # infinite in float32
    code, out, err = ended(begin("run=diverged", "executor=slurm", *diverging))
    assert code == 5, out + err
    assert "fold 0: " in err
    assert len(err.splitlines()) <= 5
    assert read_attempt(place / "runs/diverged", 0).number == 1


def test_jobs_are_left_looked_at_stopped_and_taken_up_again(begin, up, place, alone):
    slower = (*SLURM[:2], "model.seconds=1.5")  # a command has time to look at it
    code, out, err = ended(begin("run=left", *slower, "executor.detach=true"))
    assert (code, err) == (0, ""), out
    assert "foldwise status runs/left" in out
    wait_for(lambda: training(place, "left", 0))
    seen = ended(foldwise(place, up.environment, "status", "runs/left"))[1]
    assert "training" in seen
    said = ended(foldwise(place, up.environment, "stop", "runs/left"))[1]
    assert "asked to save and end: fold 0 on " in said
    wait_for(lambda: not list((place / "runs/left").glob("fold_*/LOCK")), 60)
    assert read_attempt(place / "runs/left", 0).code in (143, None)
    code, out, err = ended(begin("run=left", *slower))
    assert (code, err) == (0, ""), out
    assert oof(place, "left") == alone
