"""Whole runs with cv.parallel: the same bits as without, and a fold that fails alone."""

import hashlib
import json
import pickle
import sys

import pytest

import trainer.run.cross_validate
from tests.transformer_files import write_reviews
from trainer.errors import ConfigError, DataError
from trainer.run.identify import identity_of
from trainer.run.steps.parallel import count_workers
from trainer.trackers.console import FoldBar, PlainLines

TWO_THREADS = ("runtime.threads=2", "model.hidden=[600]", "batch_size=100")
WINE = (
    "data=wine",
    "model.hidden=[16]",
    "max_epochs=3",
    "cv.n_splits=3",
    "baseline=off",
    "tracker.name=none",
    "profile=off",
)


def bits(run):
    """Return the sha256 of what every fold found, and of the merged predictions."""
    files = [*run.glob("fold_*/oof.parquet"), *run.glob("fold_*/model.safetensors"), run / "oof.parquet"]
    assert len(files) in (5, 7)  # of two or three folds
    return {str(path.relative_to(run)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.parametrize(
    "options",
    [
        ("cv.inner.n_splits=2", "cv.inner.grid={optimizer.lr:[0.01,0.1]}", "cv.select=inner", "max_epochs=2"),
        # 600 units and 100 rows: enough for OpenMP to compute with both threads
        ("cv.select=inner", "fit.ema_decay=0.9", "scheduler=onecycle", "preflight=off", *TWO_THREADS),
    ],
    ids=["nested", "selected epoch, two threads"],
)
def test_folds_side_by_side_are_the_same_bits(train, tmp_path, options):
    one_by_one = train(*WINE, *options, "run=one", "cv.parallel=1")
    together = train(*WINE, *options, "run=both", "cv.parallel=2")
    threads = 2 if "runtime.threads=2" in options else 1
    assert (one_by_one.code, together.code) == (0, 0), together.err
    assert bits(tmp_path / "runs/both") == bits(tmp_path / "runs/one")
    hardware = [
        json.loads((tmp_path / f"runs/{run}/fold_2/DONE").read_text())["identity"]["hardware"]
        for run in ("one", "both")
    ]
    assert hardware[0] == hardware[1] == {"device": "cpu", "threads": threads}
    assert sorted(line[:7] for line in together.out.splitlines() if line.startswith("fold ") and "loss" in line) == [
        "fold 0:",
        "fold 1:",
        "fold 2:",
    ]


POOLED = """
from concurrent.futures import ThreadPoolExecutor
from trainer.models.text_cnn import TextCNN

POOL = ThreadPoolExecutor(1)
POOL.submit(int).result()  # its thread is alive from now on


class Net(TextCNN):
    def forward(self, *inputs, **named):
        POOL.submit(int).result()
        return super().forward(*inputs, **named)
"""


def test_a_plugin_with_a_thread_of_its_own_is_trained_in_new_processes_to_the_same_bits(train, tmp_path, monkeypatch):
    """They read and prepare the texts again, and have the words of their own training rows."""
    (tmp_path / "pooled.py").write_text(POOLED)
    monkeypatch.syspath_prepend(tmp_path)
    data = ("data=csv_text", f"data.path={write_reviews(tmp_path / 'reviews.csv')}", "loss=focal")
    model = ("plugins=[pooled]", "model=text_cnn", "model._target_=pooled.Net", "model.embedding_dim=8")
    plain = ("max_epochs=1", "cv.n_splits=2", "tracker.name=none", "profile=off", "audit=off", "baseline=off")
    plain += ("runtime.stall_timeout_seconds=60",)
    options = (*data, *model, *plain)
    try:
        together = train(*options, "run=both", "cv.parallel=2")
        one_by_one = train(*options, "run=one", "cv.parallel=1")
    finally:
        sys.modules.pop("pooled").POOL.shutdown()
    assert (one_by_one.code, together.code) == (0, 0), together.err
    assert "a fork would leave behind threads that are alive: ThreadPoolExecutor-" in together.out
    assert bits(tmp_path / "runs/both") == bits(tmp_path / "runs/one")


def test_a_process_that_finds_other_data_than_the_run_began_with_trains_nothing(train, tmp_path, monkeypatch):
    def of_other_data(config, experiment):
        identity, notes = identity_of(config, experiment)
        return identity | {"content": identity["content"] | {"data (sha256)": "0" * 64}}, notes

    def sent(folds, train, n_workers, *, in_new_process, **_):
        begin = pickle.loads(pickle.dumps(in_new_process))  # what a process that is started new is sent, and calls
        monkeypatch.setattr("trainer.run.begin.identity_of", identity_of)  # as it is there
        begin()

    monkeypatch.setattr("trainer.run.cross_validate.starts_new_processes", lambda device: True)
    monkeypatch.setattr("trainer.run.begin.identity_of", of_other_data)
    monkeypatch.setattr("trainer.run.cross_validate.train_side_by_side", sent)
    outcome = train(*WINE, "run=a", "cv.parallel=2")
    assert outcome.code == DataError.exit_code
    assert "a: the data or the code has changed since the run was started" in outcome.err
    assert not list((tmp_path / "runs/a").glob("fold_*/DONE"))


def test_curves_of_every_fold_are_written(train, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    assert train(*WINE[:-2], "profile=off", "run=a1", "cv.parallel=2").code == 0
    for fold in range(3):
        curves = EventAccumulator(str(tmp_path / f"runs/a1/fold_{fold}")).Reload()
        epochs = [event.value for event in curves.Scalars("epoch/number")]
        assert epochs == [1, 2, 3]
        done = json.loads((tmp_path / f"runs/a1/fold_{fold}/DONE").read_text())
        assert curves.Scalars("held_out/accuracy")[0].value == pytest.approx(done["metrics"]["accuracy"])
    assert list((tmp_path / "runs/a1").glob("events.*"))


def test_one_fold_starts_no_processes(train, tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("processes for one fold")

    with monkeypatch.context() as patch:
        patch.setattr(trainer.run.cross_validate, "train_side_by_side", refuse)
        patch.setattr(trainer.run.cross_validate, "count_workers", count_workers)
        assert train(*WINE, "run=a1", "cv.parallel=2", "cv.fold=1").code == 0
        assert train(*WINE, "run=a1", "cv.parallel=auto", "cv.fold=0").code == 0
        assert train(*WINE, "run=a1", "cv.parallel=2").code == 0  # the one that is missing


def test_as_many_folds_as_there_are_cores_are_trained_at_a_time(train, monkeypatch):
    asked = []
    monkeypatch.setattr(trainer.run.cross_validate, "count_workers", count_workers)
    monkeypatch.setattr("trainer.run.steps.parallel.usable_cores", lambda: 2)
    monkeypatch.setattr("trainer.run.steps.parallel.fitting_into_memory", lambda: 100)
    monkeypatch.setattr(
        trainer.run.cross_validate,
        "train_side_by_side",
        lambda folds, train, n_workers, **_: asked.append(([one for one in folds if one in range(3)], n_workers)),
    )
    assert train(*WINE, "cv.stack=off").code == 0
    assert asked == [([0, 1, 2], 2)]


def test_a_run_goes_on_with_any_number_of_processes(train, tmp_path):
    assert train(*WINE, "run=whole").code == 0
    assert train(*WINE, "run=a1", "cv.fold=1").code == 0
    assert train(*WINE, "run=a1", "cv.parallel=2").code == 0
    assert bits(tmp_path / "runs/a1") == bits(tmp_path / "runs/whole")


FAILING = """
import os, signal, torch
from trainer.system.seeds import seed_of
from trainer.models.mlp import MLP

class Failing(MLP):
    "Fails in the third training step of fold 1."
    def __init__(self, n_features, n_outputs, how="loss"):
        super().__init__(n_features=n_features, n_outputs=n_outputs)
        self.how, self.calls = how, 0
        self.here = torch.initial_seed() == seed_of(42, 0, 1) and os.environ.get("FAILING") == "1"
    def forward(self, numeric):
        logits = super().forward(numeric)
        self.calls += self.training
        if self.here and self.calls == 3 and self.training:
            if self.how == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            if self.how == "raise":
                raise KeyError("odd")
            return logits * float("nan")
        return logits
"""


@pytest.mark.parametrize(
    ("how", "code", "words"),
    [
        ("loss", 5, "training stopped: fold 1: the training loss is nan at step"),
        ("kill", 1, "unexpected error: fold 1: its process was ended by SIGKILL"),
    ],
)
def test_a_fold_that_fails_leaves_a_run_that_can_be_gone_on_with(train, tmp_path, monkeypatch, how, code, words):
    (tmp_path / "failing.py").write_text(FAILING)
    monkeypatch.syspath_prepend(str(tmp_path))
    plugin = ("plugins=[failing]", "model._target_=failing.Failing", "~model.hidden", f"+model.how={how}")
    arguments = (*WINE[:1], *WINE[2:], "preflight=off", "checkpoint.every_n_steps=1", *plugin, "run=a1")
    monkeypatch.setenv("FAILING", "1")
    outcome = train(*arguments, "cv.parallel=2")
    assert outcome.code == code, outcome.err
    assert outcome.err.startswith(words)
    assert len(outcome.err.splitlines()) <= 5
    done = [(tmp_path / f"runs/a1/fold_{fold}/DONE").exists() for fold in range(3)]
    assert done == [True, False, True]
    monkeypatch.setenv("FAILING", "0")
    again = train(*arguments, "cv.parallel=2")
    assert again.code == 0, again.err
    whole = train(*arguments[:-1], "run=whole")
    assert whole.code == 0
    assert bits(tmp_path / "runs/a1") == bits(tmp_path / "runs/whole")


def test_a_traceback_that_is_asked_for_is_that_of_the_fold(train, tmp_path, monkeypatch):
    (tmp_path / "failing.py").write_text(FAILING)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("FAILING", "1")
    monkeypatch.setenv("FOLDWISE_TRACEBACK", "1")
    plugin = ("plugins=[failing]", "model._target_=failing.Failing", "~model.hidden", "+model.how=raise")
    with pytest.raises(ConfigError, match="fold 1: the model Failing raised KeyError") as raised:
        train(*WINE[:1], *WINE[2:], "preflight=off", *plugin, "cv.parallel=2")
    assert "failing.py" in "".join(raised.value.__notes__)


@pytest.mark.parametrize("value", ["0", "-2", "two", "1.5", "null", "true"])
def test_what_is_no_number_of_folds_is_refused(train, value):
    refused = train(*WINE, f"cv.parallel={value}")
    assert (refused.code, "cv.parallel" in refused.err) == (2, True), refused.err


@pytest.mark.parametrize(("progress", "lane"), [("rich", FoldBar), ("plain", PlainLines)])
def test_every_process_has_a_bar_of_its_own(train, monkeypatch, progress, lane):
    told, started = [], lane.fold_started

    def note(self, fold, total_steps, steps_before):
        told.append((id(self), fold))
        started(self, fold, total_steps, steps_before)

    monkeypatch.setattr(lane, "fold_started", note)
    assert train(*WINE, f"runtime.progress={progress}", "cv.parallel=3").code == 0
    assert sorted(fold for _, fold in told) == [0, 1, 2]
    assert len({bar for bar, _ in told}) >= 2
