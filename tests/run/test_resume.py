"""Whole runs that were interrupted: resumed to the same bits, or refused with what differs."""

import hashlib
import json
import os
import shutil
from types import SimpleNamespace

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file

from tests.battery import some_of
from trainer.engine import checkpointer
from trainer.errors import StorageError
from trainer.store import checkpoints

QUICK = (
    "cv.parallel=1",
    "cv.stack=off",  # one fold after the other
    "tracker.name=none",
    "profile=off",
    "preflight=off",
    "checkpoint.background=false",
    "baseline=off",
)
WINE = ("data=wine", "max_epochs=3", "cv.n_splits=3", "checkpoint.every_n_steps=1", *QUICK)
STEPS = 4  # of an epoch: 118 or 119 rows in batches of 32


class Killed(BaseException):
    """Stands for SIGKILL right after a save."""


@pytest.fixture
def killed(train, monkeypatch):
    """``killed(7, *overrides)``: run until the 7th save of the process, then end there."""

    def run(saves, *overrides):
        count, real = 0, checkpoints.save

        def dying(*arguments):
            nonlocal count
            real(*arguments)
            count += 1
            if count == saves:
                raise Killed

        with monkeypatch.context() as patch, pytest.raises(Killed):  # noqa: PT012
            patch.setattr(checkpointer.checkpoints, "save", dying)
            train(*overrides)

    return run


def bits(run):
    """sha256 of what a run computed; clock times left out."""
    found = {"oof": hashlib.sha256((run / "oof.parquet").read_bytes()).hexdigest()}
    for fold in sorted(run.glob("fold_?")):
        found[fold.name] = hashlib.sha256((fold / "model.safetensors").read_bytes()).hexdigest()
        epochs = [json.loads(line) for line in (fold / "metrics.jsonl").read_text().splitlines()]
        found[f"{fold.name} epochs"] = [{k: v for k, v in epoch.items() if k != "seconds"} for epoch in epochs]
    found["metrics"] = json.loads((run / "cv.json").read_text())["metrics"]
    return found


def table_of(outcome):
    rows = [line.split() for line in outcome.out.splitlines() if line.startswith("  ")]
    return [row for row in rows if "->" in row]


@pytest.mark.parametrize(
    "options",
    [
        pytest.param((), marks=pytest.mark.battery),
        ("amp=O2", "amp.dtype=fp16", "scheduler=cosine"),
        pytest.param(
            ("cv.select=inner", "fit.ema_decay=0.9", "fit.accumulate_steps=2", "amp=O1"), marks=pytest.mark.battery
        ),
        pytest.param(
            ("cv.select=fold", "fit.patience_epochs=1", "optimizer.lr=0.05", "loss=focal", "scheduler=onecycle"),
            marks=pytest.mark.battery,
        ),
    ],
    ids=["plain", "O2", "inner", "early_stop"],
)
def test_a_run_killed_again_and_again_ends_like_one_that_was_not(train, killed, tmp_path, options):
    assert train(*WINE, *options, "run=straight").code == 0
    for saves in (5, 9, 3):
        killed(saves, *WINE, *options, "run=again")
    outcome = train(*WINE, *options, "run=again")
    assert outcome.code == 0, outcome.err
    assert bits(tmp_path / "runs/again") == bits(tmp_path / "runs/straight")
    left = [path.name for fold in (tmp_path / "runs/again").glob("fold_*") for path in fold.iterdir()]
    assert not [name for name in left if "tmp" in name or "step" in name or name == "LOCK"]


def test_the_state_of_every_fold_is_shown(train, killed, tmp_path):
    killed(STEPS * 3 + 2, *WINE, "run=a1")
    holder = {"host": "b", "pid": 1, "started": "1", "machine": "another", "token": "t"}
    (tmp_path / "runs/a1/fold_2").mkdir()
    (tmp_path / "runs/a1/fold_2/LOCK").write_text(json.dumps(holder))
    outcome = train(*WINE, "run=a1")
    assert outcome.code == 75
    assert "busy: runs/a1: fold 2 left to other processes: fold 2 is running on b (pid 1)" in outcome.err
    rows = [" ".join(row) for row in table_of(outcome)]
    assert rows[0] == "0 done -> skip"
    assert rows[1] == "1 stopped at epoch 1 step 2 -> continue"
    assert rows[2].startswith("2 running on b (pid 1), heartbeat")
    assert rows[2].endswith("ago -> skip")
    assert "1 of 3 folds are not finished: 2" in outcome.out
    only = train(*WINE, "run=a1", "cv.fold=2")
    assert only.code == 75
    assert "fold 2 of runs/a1 is running on b (pid 1), heartbeat" in only.err


def test_a_job_waits_for_the_others_and_trains_what_they_leave(train, killed, tmp_path, monkeypatch):
    killed(STEPS * 3 + 2, *WINE, "run=a1")
    lock = tmp_path / "runs/a1/fold_2/LOCK"
    lock.parent.mkdir()
    holder = {"host": "b", "pid": 1, "started": "1", "machine": "another", "token": "t"}
    lock.write_text(json.dumps(holder))

    def other_dies(seconds):
        assert (tmp_path / "runs/a1/fold_1/DONE").exists()  # what nobody trains is trained first
        os.utime(lock, (1, 1))

    monkeypatch.setattr("trainer.run.resume.time", SimpleNamespace(sleep=other_dies))
    outcome = train(*WINE, "run=a1", "resume=wait")
    assert outcome.code == 0, outcome.err
    assert "waiting for fold 2: fold 2 is running on b (pid 1)" in outcome.out
    assert (tmp_path / "runs/a1/cv.json").exists()
    lock.write_text(json.dumps(holder))
    (lock.parent / "DONE").unlink()
    assert train(*WINE, "run=a1", "resume=wait", "cv.fold=2").code == 0  # the one wanted fold


@pytest.mark.parametrize("fails", ["the next save", "a write"])
def test_a_fold_lost_in_a_long_sleep_says_to_whom(train, tmp_path, monkeypatch, fails):
    holder = {"host": "far", "pid": 7, "started": "1", "machine": "m", "token": "t", "since": "2026-11-28 03:00"}
    real = checkpoints.save

    def asleep(directory, *arguments):
        (directory / "LOCK").write_text(json.dumps(holder))
        if fails == "a write":  # what was half written is swept by the other
            raise StorageError("cannot write the checkpoint to it: No such file or directory")
        real(directory, *arguments)

    monkeypatch.setattr(checkpointer.checkpoints, "save", asleep)
    outcome = train(*WINE, "run=a1", "checkpoint.background=false")
    assert outcome.code == 4
    assert f"checkpoint error: fold 0 of runs/a1 was taken over by far:7 since {holder['since']}\n" in outcome.err
    assert len(outcome.err.splitlines()) <= 5
    assert json.loads((tmp_path / "runs/a1/fold_0/LOCK").read_text()) == holder  # the other's


def test_resume_says_whether_a_run_may_or_must_be_there(train):
    assert "holds no run to resume" in train(*WINE, "run=a1", "resume=must").err
    assert train(*WINE, "resume=must").code == 2
    assert train(*WINE, "run=a1", "cv.fold=0", "resume=never").code == 0
    refused = train(*WINE, "run=a1", "cv.fold=1", "resume=never")
    assert (refused.code, "holds a run already" in refused.err) == (4, True)
    assert train(*WINE, "run=a1", "cv.fold=1", "resume=must").code == 0


CHANGES = {
    "config": ("optimizer.lr=0.01", "optimizer.lr: 0.001 there, 0.01 here"),
    "model": ("model.hidden=[8]", "model.hidden"),
    "folds": ("cv.random_state=7", "cv.random_state: 42 there, 7 here"),
    "metric": ("metrics.names=[log_loss]", "metrics.names: [] there, ['log_loss'] here"),
    "amp": ("amp=O2", "amp.opt_level: O0 there, O2 here"),
    "seed": ("seed=1", "seed: 42 there, 1 here"),
    "fewer epochs": ("max_epochs=2", "max_epochs: 3 there, 2 here"),
    "longer schedule": ("max_epochs=9", None),
    "threads": ("runtime.threads=2", "threads: 1 there, 2 here"),
    "compile": ("runtime.compile=true", "runtime.compile: False there, True here"),
}


FORCED = ("config", "longer schedule", "threads")  # a compiler runs for ten seconds


@pytest.fixture(scope="module")
def begun():
    """Runs that were killed in their second fold, by their command: each change is tried on a copy."""
    return {}


@pytest.fixture
def begin(killed, begun, tmp_path, tmp_path_factory):
    """``begin(change)``: put a run there that was killed in its second fold; return its command."""

    def run(change):
        start = (*WINE, "run=a1", *(("scheduler=cosine",) if change == "longer schedule" else ()))
        if start not in begun:
            killed(STEPS * 3 + 2, *start)
            begun[start] = shutil.copytree(tmp_path / "runs", tmp_path_factory.mktemp("begun") / "runs")
        else:
            shutil.copytree(begun[start], tmp_path / "runs")
        return start

    return run


@pytest.mark.parametrize("change", CHANGES)
def test_what_alters_the_numbers_is_refused(train, begin, tmp_path, change):
    start, (option, expected) = begin(change), CHANGES[change]
    before = {path: path.read_bytes() for path in (tmp_path / "runs/a1").rglob("*") if path.is_file()}
    refused = train(*start, option)
    assert refused.code == 4
    assert (expected or "max_epochs: 3 there, 9 here") in refused.err
    assert len(refused.err.splitlines()) <= 5
    assert {path: path.read_bytes() for path in before} == before


@pytest.mark.parametrize("change", some_of(CHANGES, FORCED))
def test_what_alters_the_numbers_can_be_forced(train, begin, tmp_path, change):
    if change == "compile" and shutil.which("g++") is None:
        pytest.skip("no C++ compiler")
    forced = train(*begin(change), CHANGES[change][0], "force_resume=true")
    if change == "model":
        assert "does not fit this run" in forced.err
        return
    assert forced.code == 0, forced.err
    assert "went on although" in (tmp_path / "runs/a1/report.md").read_text() or change == "threads"
    assert (tmp_path / "runs/a1/cv.json").exists()


def test_folds_of_another_split_are_kept_aside_when_forced(train, killed, tmp_path):
    killed(STEPS * 3 + 2, *WINE, "run=a1")
    assert train(*WINE, "run=a1", "cv.random_state=7", "force_resume=true").code == 0
    assert train(*WINE, "run=other", "cv.random_state=7").code == 0
    runs = tmp_path / "runs"
    assert bits(runs / "a1") == bits(runs / "other")  # nothing was trained on rows that are held out now
    assert len(list((runs / "a1").glob("fold_?.split-*"))) == 2


def test_force_also_joins_the_finished_folds_of_a_run_whose_plan_is_lost(train, killed, tmp_path):
    killed(STEPS * 3 + 2, *WINE, "run=a1")
    (tmp_path / "runs/a1/folds.json").unlink()
    forced = train(*WINE, "run=a1", "optimizer.lr=0.02", "force_resume=true")
    assert forced.code == 0, forced.err
    assert "fold 0 differing from the run, joined by force: optimizer.lr: 0.001 there, 0.02 here" in forced.out


def table(path, shift=0.0):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 2))
    lines = [f"{a:.3f},{b:.3f},{int(a + b > 0)}" for a, b in x]
    lines[5] = f"{x[5, 0] + shift:.3f},{x[5, 1]:.3f},{int(x[5].sum() > 0)}"
    path.write_text("a,b,label\n" + "\n".join(lines) + "\n")
    return ("data=csv_tabular", f"data.path={path}", "data.label=label")


def test_changed_data_is_noticed_and_moved_data_is_not(train, killed, tmp_path):
    data, quick = table(tmp_path / "t.csv"), ("max_epochs=2", "checkpoint.every_n_steps=1", *QUICK)
    killed(3, *data, "run=a1", *quick)
    changed = train(*table(tmp_path / "t.csv", shift=0.1), "run=a1", *quick)
    assert changed.code == 4
    assert "data (sha256)" in changed.err
    (tmp_path / "elsewhere").mkdir()
    moved = train(*table(tmp_path / "elsewhere/t.csv"), "run=a1", *quick)
    assert moved.code == 0, moved.err
    assert train(*table(tmp_path / "t.csv", shift=0.1), "run=a1", "force_resume=true", *quick).code == 0


FREE = ("runtime.progress=plain", "tracker.name=tensorboard", "num_workers=2", "profile.top=3", "preflight=on")


@pytest.mark.parametrize(
    "options", [FREE, *(pytest.param((one,), marks=pytest.mark.battery) for one in FREE)], ids=["all", *FREE]
)
def test_what_cannot_alter_the_numbers_is_not_refused(train, killed, options):
    killed(3, *WINE, "run=a1")
    outcome = train(*WINE, "run=a1", *options)
    assert outcome.code == 0, outcome.err


@pytest.mark.parametrize("kept", some_of([False, True], [True]), ids=["final_state_gone", "final_state_kept"])
def test_training_longer_equals_having_trained_so_long(train, killed, tmp_path, kept):
    keep_final = f"checkpoint.keep_final={kept}".lower()
    killed(STEPS * 3 + 5, *WINE, "run=a1", keep_final)  # fold 0 done, fold 1 in its second epoch
    outcome = train(*WINE, "run=a1", keep_final, "max_epochs=6")
    assert outcome.code == 0, outcome.err
    assert "training longer: max_epochs 3 -> 6" in outcome.out
    action = "continue" if kept else "start"
    assert ["0", "done", "with", "3", "of", "6", "epochs", "->", action] in table_of(outcome)
    assert train(*WINE, "run=straight", "max_epochs=6").code == 0
    assert bits(tmp_path / "runs/a1") == bits(tmp_path / "runs/straight")


def test_a_fold_fitted_on_all_rows(train, tmp_path):
    outcome = train("data=iris", "run=a1", "cv.fold=all", "max_epochs=2", *QUICK)
    assert outcome.code == 0, outcome.err
    fold = tmp_path / "runs/a1/fold_all"
    done = json.loads((fold / "DONE").read_text())
    assert (done["n_train"], done["metrics"]) == (150, {})
    preprocess = json.loads((fold / "preprocess.json").read_text())
    from sklearn.datasets import load_iris

    np.testing.assert_allclose(preprocess["means"], load_iris().data.mean(axis=0), rtol=1e-6)
    assert set(load_file(fold / "model.safetensors"))
    assert pq.read_table(fold / "oof.parquet").num_rows == 0
    assert train("data=iris", "run=a1", "max_epochs=2", *QUICK).code == 0  # and it is no part of the merge
    assert pq.read_table(tmp_path / "runs/a1/oof.parquet").num_rows == 150
    refused = train("data=iris", "cv.fold=all", "cv.select=fold", *QUICK)
    assert (refused.code, "holds no fold out" in refused.err) == (2, True)


DIVERGING = """
import torch
from trainer.models.mlp import MLP

class Diverging(MLP):
    def __init__(self, n_features, n_outputs, at=6, how="loss"):
        super().__init__(n_features=n_features, n_outputs=n_outputs)
        self.at, self.how = at, how
        self.register_buffer("calls", torch.zeros((), dtype=torch.long))
    def forward(self, numeric):
        logits = super().forward(numeric)
        if self.training:
            self.calls += 1
            if self.calls >= self.at:
                if self.how == "loss":
                    return logits * float("nan")
                logits.register_hook(lambda gradient: gradient * float("inf"))
        return logits
"""


@pytest.mark.parametrize("how", ["loss", "gradient"])
def test_a_diverged_fold_is_not_done_and_its_last_checkpoint_is_finite(train, tmp_path, monkeypatch, how):
    (tmp_path / "diverging.py").write_text(DIVERGING)
    monkeypatch.syspath_prepend(str(tmp_path))
    plugin = ("plugins=[diverging]", "model._target_=diverging.Diverging", f"model.how={how}", "model.at=6")
    outcome = train(*WINE, *plugin, "run=a1")
    assert outcome.code == 5
    fold = tmp_path / "runs/a1/fold_0"
    assert not (fold / "DONE").exists()
    loaded = checkpoints.load(fold)
    assert loaded.position.step == 5
    assert all(torch.isfinite(value).all() for value in loaded.state["captured"]["model"].values())
    again = train(*WINE, *plugin, "run=a1")
    assert again.code == 5
    assert any("diverged:" in line and "continue" in line for line in again.out.splitlines())


def test_overflow_that_never_ends_stops_after_fifty_skips(train, tmp_path, monkeypatch):
    (tmp_path / "diverging.py").write_text(DIVERGING)
    monkeypatch.syspath_prepend(str(tmp_path))
    plugin = ("plugins=[diverging]", "model._target_=diverging.Diverging", "model.how=gradient", "model.at=3")
    amp = ("amp=O2", "amp.dtype=fp16", "max_epochs=40")
    outcome = train("data=wine", *plugin, *amp, "run=a1", "checkpoint.every_n_steps=10", *QUICK)
    assert outcome.code == 5
    assert "50 optimizer steps in a row overflowed" in outcome.err
    loaded = checkpoints.load(tmp_path / "runs/a1/fold_0")
    assert loaded.position.step == 50
    assert all(torch.isfinite(value).all() for value in loaded.state["captured"]["precision"]["masters"])


def test_damage_in_a_stopped_fold_is_never_a_silent_fresh_start(train, killed, tmp_path):
    killed(6, *WINE, "run=a1")
    fold = tmp_path / "runs/a1/fold_0"
    newest = fold / "step-00000006.pt"
    data = bytearray(newest.read_bytes())
    data[len(data) // 2] ^= 4
    newest.write_bytes(data)
    outcome = train(*WINE, "run=a1")
    assert outcome.code == 0
    assert "step-00000006.pt is damaged: sha256 differs from its mark; passed over, going on at step 5" in outcome.out
    assert train(*WINE, "run=straight").code == 0
    assert bits(tmp_path / "runs/a1") == bits(tmp_path / "runs/straight")
    killed(6, *WINE, "run=b2")
    for path in (tmp_path / "runs/b2/fold_0").glob("step-*.pt"):
        os.truncate(path, 100)
    refused = train(*WINE, "run=b2")
    assert refused.code == 4
    assert "delete runs/b2/fold_0" in refused.err


def test_missing_optimizer_state_is_an_error(train, killed, tmp_path):
    killed(6, *WINE, "run=a1")
    fold = tmp_path / "runs/a1/fold_0"
    loaded = checkpoints.load(fold)
    checkpoints.remove_all(fold)
    del loaded.state["captured"]["optimizer"]
    checkpoints.save(fold, loaded.position, loaded.state)
    refused = train(*WINE, "run=a1")
    assert refused.code == 4
    assert "optimizer" in refused.err


def test_a_kill_while_the_runs_own_files_are_written_anew_does_not_block_it(train, killed, tmp_path):
    killed(STEPS * 3 + 2, *WINE, "run=a1")
    run = tmp_path / "runs/a1"
    (run / "rows.parquet").unlink()
    (run / "folds.json").write_text("{}")
    outcome = train(*WINE, "run=a1")
    assert outcome.code == 0, outcome.err
    assert train(*WINE, "run=straight").code == 0
    assert bits(run) == bits(tmp_path / "runs/straight")


def test_a_module_that_the_users_model_imports_counts_too(train, killed, tmp_path, monkeypatch):
    package = tmp_path / "plug_in_two_files"
    package.mkdir()
    (package / "__init__.py").write_text("from plug_in_two_files.net import Net\n")
    (package / "factor.py").write_text("FACTOR = 1\n")
    (package / "net.py").write_text(
        "from trainer.models.mlp import MLP\n"
        "from plug_in_two_files.factor import FACTOR\n"
        "class Net(MLP):\n"
        "    def forward(self, numeric):\n"
        "        return super().forward(numeric) * FACTOR\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    plugin = ("plugins=[plug_in_two_files]", "model._target_=plug_in_two_files.Net")
    killed(3, *WINE, *plugin, "run=a1")
    (package / "factor.py").write_text("FACTOR = 2\n")
    refused = train(*WINE, *plugin, "run=a1")
    assert refused.code == 4
    assert "code of plug_in_two_files" in refused.err


def test_a_second_job_that_starts_the_same_run_with_other_options_is_refused(train, tmp_path, monkeypatch):
    from trainer.run import begin as run_module

    assert train(*WINE, "run=other", "seed=2", "cv.fold=1").code == 0
    seen = run_module.preflight_start

    def other_job_first(*arguments):
        shutil.copytree(tmp_path / "runs/other", tmp_path / "runs/a1")
        return seen(*arguments)

    monkeypatch.setattr(run_module, "preflight_start", other_job_first)
    refused = train(*WINE, "run=a1", "seed=1", "cv.fold=0", "preflight=on")
    assert refused.code == 4
    assert "seed: 2 there, 1 here" in refused.err
    assert not (tmp_path / "runs/a1/fold_0").exists()
