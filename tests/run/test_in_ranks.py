"""Runs whose folds several processes train: forked ones here, real ones of torchrun in the battery."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import load_file

from tests.engine.ranks_cases import in_ranks
from tests.executors.slow_run import oof, rank_of, training, wait_for
from tests.places import REPOSITORY
from trainer.config.cv import CvConfig, InnerConfig
from trainer.config.executor import ExecutorConfig
from trainer.config.schema import AmpConfig, FitConfig, RunConfig, RuntimeConfig
from trainer.errors import ConfigError
from trainer.run import in_ranks as ranks_of_run
from trainer.run.in_ranks import join_group, require_trainable_in_ranks
from trainer.run.torchrun_options import check_torchrun, in_processes, threads_elsewhere

QUIET = ("profile=off", "audit=off", "baseline=off", "tracker=none", "runtime.progress=plain")
TINY = ("data=wine", "cv.n_splits=2", "max_epochs=2", "batch_size=25", "model.hidden=[8]", "model.dropout=0", *QUIET)
TWO = ExecutorConfig(name="torchrun", nproc=2)


def of_group(train, monkeypatch, *options):
    """Work of one of several processes: the command, as torchrun begins it in each."""

    def work(ranks):
        here = {"RANK": ranks.rank, "LOCAL_RANK": ranks.rank, "WORLD_SIZE": ranks.size, "LOCAL_WORLD_SIZE": ranks.size}
        os.environ.update({name: str(value) for name, value in here.items()})
        monkeypatch.setattr(ranks_of_run, "join", lambda device: ranks)
        return train(*options, "executor=torchrun")

    return work


def numbers(run):
    table = pq.read_table(run / "oof.parquet")
    names = [name for name in table.column_names if name.startswith(("logit_", "proba_")) or name == "loss"]
    return table["id"].to_pylist(), np.stack([table[name].to_numpy() for name in names], 1)


def test_a_run_of_two_processes_is_that_of_one(train, tmp_path, monkeypatch):
    assert train(*TINY, "run=one").code == 0
    first, second = in_ranks(2, of_group(train, monkeypatch, *TINY, "run=two"), tmp_path)
    assert (first.code, second.code) == (0, 0), first.err + second.err
    assert "report: runs/two/report.md" in first.out
    assert second.out == ""
    (ids, one), (same_ids, two) = numbers(tmp_path / "runs/one"), numbers(tmp_path / "runs/two")
    assert ids == same_ids  # each row once, in their order
    np.testing.assert_allclose(two, one, rtol=1e-5, atol=1e-6)
    assert json.loads((tmp_path / "runs/two/manifest.json").read_text())["identity"]["hardware"]["processes"] == 2
    assert not list((tmp_path / "runs/two").rglob("LOCK"))


def test_a_run_whose_processes_hold_parts_of_the_weights_writes_the_files_of_one(train, tmp_path, monkeypatch):
    assert train(*TINY, "run=one").code == 0
    parts = (*TINY, "run=parts", "executor.shard=true", "checkpoint.every_n_steps=1")
    first, second = in_ranks(2, of_group(train, monkeypatch, *parts), tmp_path)
    assert (first.code, second.code) == (0, 0), first.err + second.err
    np.testing.assert_allclose(
        numbers(tmp_path / "runs/parts")[1], numbers(tmp_path / "runs/one")[1], rtol=1e-5, atol=1e-6
    )
    one, parts = (load_file(tmp_path / f"runs/{run}/fold_0/model.safetensors") for run in ("one", "parts"))
    assert {name: value.shape for name, value in one.items()} == {name: value.shape for name, value in parts.items()}


def test_a_fold_begun_by_one_process_is_gone_on_with_by_two(train, tmp_path, monkeypatch):
    kept = (*TINY, "cv.fold=0", "checkpoint.keep_final=true")
    assert train(*kept, "run=long", "max_epochs=4").code == 0
    assert train(*kept, "run=begun").code == 0
    first, second = in_ranks(2, of_group(train, monkeypatch, *kept, "run=begun", "max_epochs=4"), tmp_path)
    assert (first.code, second.code) == (0, 0), first.err + second.err
    said = "goes on with 2 processes, begun with 1: the numbers are equal but for rounding"
    assert said in first.out
    one, two = (pq.read_table(tmp_path / f"runs/{run}/fold_0/oof.parquet") for run in ("long", "begun"))
    np.testing.assert_allclose(two["logit_0"].to_numpy(), one["logit_0"].to_numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("option", ["cv.fold=0", "resume=never"])
def test_a_process_that_comes_late_takes_what_the_first_has_begun_for_no_other_run(
    option, train, tmp_path, monkeypatch
):
    trained = of_group(train, monkeypatch, *TINY, "run=one", option)

    def late(ranks):
        if not ranks.first:
            wait_for(lambda: (tmp_path / "runs/one/fold_0/LOCK").exists())
        return trained(ranks)

    first, second = in_ranks(2, late, tmp_path)
    assert (first.code, second.code) == (0, 0), first.err + second.err


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"fit": FitConfig(mixup_alpha=1.0)}, "executor.nproc=2: fit.mixup_alpha and fit.cutmix_alpha mix rows"),
        ({"runtime": RuntimeConfig(compile=True)}, "runtime.compile=true is not tried"),
        ({"cv": CvConfig(select="inner", inner=InnerConfig(n_splits=2))}, "cv.inner.n_splits"),
        ({"amp": AmpConfig(backend="apex")}, "use amp.backend=native"),
        ({"amp": AmpConfig("O2")}, "amp=O2 casts the weights themselves: use amp=O1"),
        ({"fit": FitConfig(freeze_epochs=1)}, "executor.shard=true: fit.freeze_epochs"),
    ],
)
def test_what_several_processes_cannot_do_is_refused_by_name(changed, said):
    with pytest.raises(ConfigError, match=said.replace(".", r"\.")):
        join_group(RunConfig(executor=replace(TWO, shard=True), **changed))
    require_trainable_in_ranks(RunConfig(**changed))  # one can


def test_torchrun_without_the_option_is_refused(monkeypatch):
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "x")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ConfigError, match="torchrun has started 2 processes of this: add executor=torchrun"):
        join_group(RunConfig())


def test_a_torchrun_whose_restarts_would_wait_for_ever_is_refused(train, monkeypatch):
    """What it sets for its processes is looked at in the battery, by a real one."""
    of_torchrun = {"RANK": "0", "TORCHELASTIC_MAX_RESTARTS": "3", "TORCHELASTIC_USE_AGENT_STORE": "True"}
    for name, value in of_torchrun.items():
        monkeypatch.setenv(name, value)
    refused = train(*TINY, "executor=torchrun")
    assert refused.code == 2
    assert "torchrun --max-restarts=3: processes that are started again would wait for those before" in refused.err
    assert "set TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1 where torchrun is typed" in refused.err


def test_two_processes_do_not_share_a_gpu(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    with pytest.raises(ConfigError, match=r"executor\.nproc=2: have 1 GPU, and NCCL lets no two processes share one"):
        ranks_of_run._device("auto", 0, 2)
    with pytest.raises(ConfigError, match="each process takes a GPU of its own"):
        ranks_of_run._device("cuda:1", 0, 1)
    assert ranks_of_run._device("cpu", 0, 2).type == "cpu"


NORMED = """
from torch import nn


class Normed(nn.Module):
    def __init__(self, n_features, n_outputs):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(n_features, 4), nn.BatchNorm1d(4), nn.Linear(4, n_outputs))

    def forward(self, numeric):
        return self.net(numeric)
"""


def test_batchnorm_over_shares_is_told_and_single_rows_are_refused(train, tmp_path, monkeypatch):
    (tmp_path / "normed_net.py").write_text(NORMED)
    monkeypatch.syspath_prepend(tmp_path)
    looked_at = ("data=wine", "plugins=[normed_net]", "model._target_=normed_net.Normed", "cv.n_splits=2")
    options = (*looked_at, "profile.only=true", "audit=off", "executor=torchrun")
    told = train(*options)  # of 89 rows
    assert told.code == 0, told.err
    assert "the model has BatchNorm, and each of 2 processes normalises its own share of a batch" in told.out
    refused = train(*options, "batch_size=29")
    assert refused.code == 2
    assert (
        "the last batch of a fold has 2 rows, for 2 processes: BatchNorm cannot normalise a single row" in refused.err
    )
    assert "the model has BatchNorm" not in train(*options, "batch_size=29", "executor.sync_batchnorm=true").out


def test_the_command_of_a_fold_is_wrapped_where_several_processes_train_it(monkeypatch):
    assert in_processes(ExecutorConfig(name="slurm"), ("python",)) == (("python",), ["executor=local"])
    program, options = in_processes(ExecutorConfig(name="slurm", nproc=4, nnodes=2, sync_batchnorm=True), ("python",))
    assert program == (sys.executable, "-m", "trainer.executors.torchrun_agent", "4", "2", "python")
    assert options == ["executor=torchrun", "executor.sync_batchnorm=true", "executor.shard=false"]
    monkeypatch.setattr("trainer.run.torchrun_options.usable_cores", lambda: 8)
    monkeypatch.setattr("torch.get_num_threads", lambda: 8)
    assert threads_elsewhere(TWO) == 4


@pytest.mark.parametrize(
    ("options", "said"),
    [({"nnodes": 2}, "--rdzv-endpoint=FIRST_MACHINE:29500 train.py"), ({"detach": True}, "leave detach out")],
)
def test_what_torchrun_on_one_machine_cannot_do_is_refused(options, said):
    with pytest.raises(ConfigError, match=said):
        check_torchrun(ExecutorConfig(name="torchrun", **options))


def begun(place, *options):
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "trainer", "train", *TINY, *options]
    return subprocess.Popen(command, cwd=place, env=environment, stdout=-1, stderr=-1, text=True)


@pytest.mark.battery
def test_real_processes_of_torchrun_do_the_same(tmp_path):
    runs = {"one": (), "two": ("executor=torchrun",), "three": ("executor=torchrun", "executor.nproc=3")}
    for name, options in runs.items():
        process = begun(tmp_path, f"run={name}", *options)
        out, err = process.communicate(timeout=600)
        assert process.returncode == 0, out + err
    (ids, one), *others = (numbers(tmp_path / "runs" / name) for name in runs)
    for same_ids, found in others:
        assert ids == same_ids
        np.testing.assert_allclose(found, one, rtol=1e-5, atol=1e-6)


SLOW = ("max_epochs=200", "checkpoint.every_n_steps=20", "executor=torchrun", "resume=wait")
ENDED = "process 1 of 2 was killed by SIGKILL (out of memory?): the others were ended"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """sha256 of a run by two processes that nothing happens to."""
    place = tmp_path_factory.mktemp("whole")
    process = begun(place, *SLOW, "run=whole")
    out, err = process.communicate(timeout=600)
    assert process.returncode == 0, out + err
    return oof(place, "whole")


def kill_the_second(place, run):
    """Kill the second process of a fold where the first has saved a checkpoint; return when."""
    wait_for(lambda: training(place, run, 0))
    os.kill(wait_for(lambda: rank_of(run, 1)), signal.SIGKILL)
    return time.monotonic()


@pytest.mark.battery
@pytest.mark.parametrize("restarts", [0, 3])
def test_a_killed_process_is_told_and_the_fold_goes_on_to_the_same_numbers(tmp_path, restarts, whole):
    process = begun(tmp_path, *SLOW, "run=killed", f"executor.max_restarts={restarts}", "executor.nproc=2")
    killed = kill_the_second(tmp_path, "killed")
    log = tmp_path / "runs/killed/jobs/fold_0.log"
    wait_for(lambda: ENDED in log.read_text())
    assert time.monotonic() - killed < 10
    out, err = process.communicate(timeout=600)
    if restarts:
        assert process.returncode == 0, out + err
        assert "fold 0: ended with exit code 137; submitted again (1 of 3)" in out
        assert oof(tmp_path, "killed") == whole
    else:
        assert process.returncode == 4, out + err
        assert err.startswith("checkpoint error: fold 0: ended with exit code 137, for the 1. time: ")


@pytest.mark.battery
def test_a_torchrun_that_is_typed_starts_its_processes_again_to_the_same_numbers(tmp_path, whole):
    """With restarts of its own (elastic), and without the setting they need."""
    own = {"PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"}
    torchrun = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "--max-restarts=3")
    command = [*torchrun, "-m", "trainer", "train", *TINY, *SLOW, "run=killed"]
    refused = subprocess.run(
        command, cwd=tmp_path, env=os.environ | own, capture_output=True, text=True, timeout=300, check=False
    )
    assert "set TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1 where torchrun is typed" in refused.stderr
    own["TORCH_DISABLE_SHARE_RDZV_TCP_STORE"] = "1"
    process = subprocess.Popen(command, cwd=tmp_path, env=os.environ | own, stdout=-1, stderr=-1, text=True)
    kill_the_second(tmp_path, "killed")
    out, err = process.communicate(timeout=600)
    assert process.returncode == 0, out + err
    assert out.count("-> continue") == 1
    assert oof(tmp_path, "killed") == whole
