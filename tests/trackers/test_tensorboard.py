import math
import os

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.places import ONE_WHITE_PIXEL
from trainer.errors import ForeignFileError, StorageError
from trainer.metrics.pooled import pool_out_of_fold
from trainer.metrics.scores import score
from trainer.metrics.summary import summarise
from trainer.results import CVResult, EpochRecord, FoldResult, MetricSummary
from trainer.tasks import MULTICLASS, MULTILABEL
from trainer.trackers.tensorboard import TensorBoardTracker

CLASSES = ("cat", "dog", "$a b/中")


def run(log_dir, task=MULTICLASS):
    """Two folds of two epochs; returns result and folds."""
    rng = np.random.default_rng(0)
    n, names = 40, task.default_metrics
    target = (rng.random((n, 3)) < 0.5).astype(np.int64) if task == MULTILABEL else np.arange(n) % 3
    proba = rng.dirichlet(np.ones(3), n).astype(np.float32)
    tracker, folds = TensorBoardTracker(log_dir), []
    for fold in range(2):
        rows = np.flatnonzero(np.arange(n) // 20 == fold)
        tracker.fold_started(fold, 20, 0)
        tracker.step(5, 1.5 + fold, 0.1)
        records = tuple(EpochRecord(e, 10 * e, 1.0 / e, 0.1, 0.2, monitor={"accuracy": 0.5 + e / 10}) for e in (1, 2))
        for record in records:
            tracker.epoch(record)
        metrics = score(names, task, target[rows], proba[rows])
        folds.append(FoldResult(0, fold, rows, proba[rows], proba[rows], proba[rows, 0], metrics, records, 2, 20, 1.0))
        tracker.fold_finished(folds[-1], target[rows], CLASSES, task)
    oof = pool_out_of_fold(folds, np.arange(n).astype(str), target)
    metrics = summarise(folds, oof, names=names, task=task, n_resamples=10)
    result = CVResult(2, 1, task, CLASSES, "f", names[0], metrics, {}, 2.0, {}, {})
    tracker.finished(result, {"loss": "focal", "lr": 0.1, "hidden": [256, 256], "seed": None, "ema": True})
    return result, folds


def read(directory):
    events = EventAccumulator(str(directory))
    events.Reload()
    return events


def test_curves_of_the_folds_and_pictures_of_the_report(tmp_path):
    plots = tmp_path / "plots"
    plots.mkdir()
    (plots / "confusion_matrix.png").write_bytes(ONE_WHITE_PIXEL)
    (plots / "mine.png").write_bytes(b"not the report's")
    _, folds = run(tmp_path)
    for i, fold in enumerate(folds):
        events = read(tmp_path / f"fold_{i}")
        assert [(e.step, e.value) for e in events.Scalars("step/loss")] == [(5, 1.5 + i)]
        assert [(e.step, e.value) for e in events.Scalars("epoch/train_loss")] == [(10, 1.0), (20, 0.5)]
        assert [e.value for e in events.Scalars("monitor/accuracy")] == pytest.approx([0.6, 0.7])
        held_out = {name: events.Scalars(f"held_out/{name}")[0].value for name in fold.metrics}
        assert held_out == pytest.approx(fold.metrics, abs=1e-6)
        assert len([tag for tag in events.Tags()["tensors"] if tag.startswith("pr/")]) == 3
    whole = read(tmp_path)
    assert whole.Tags()["images"] == ["report/confusion_matrix"]
    (picture,) = whole.Images("report/confusion_matrix")
    assert (picture.encoded_image_string, picture.width, picture.height) == (ONE_WHITE_PIXEL, 1, 1)


def test_many_classes_have_some_interactive_curves(tmp_path, monkeypatch):
    monkeypatch.setattr("trainer.trackers.tensorboard._PR_CLASSES", 2)
    run(tmp_path)
    assert len([tag for tag in read(tmp_path / "fold_0").Tags()["tensors"] if tag.startswith("pr/")]) == 2


def test_hparams_with_metrics(tmp_path):
    result, _ = run(tmp_path, MULTILABEL)
    events = read(tmp_path)
    mean = events.Scalars("mean/hamming_loss")[0].value
    assert mean == pytest.approx(result.metrics["hamming_loss"].mean)
    assert events.Scalars("oof/lrap")[0].value == pytest.approx(result.metrics["lrap"].oof)
    plugin = events.SummaryMetadata("_hparams_/session_start_info").plugin_data
    for word in (b"focal", b"[256, 256]", b"None"):
        assert word in plugin.content


def test_a_fold_that_goes_on_has_each_step_once(tmp_path):
    tracker = TensorBoardTracker(tmp_path)
    tracker.fold_started("all", 6, 0)
    for step in (1, 2, 3, 4):
        tracker.step(step, 1.0, 0.1)
    tracker.fold_started("all", 6, 2)  # as after a kill: the last save was at step 2
    for step in (3, 4, 5):
        tracker.step(step, 2.0, 0.1)
    tracker.fold_started(0, 6, 0)
    events = read(tmp_path / "fold_all").Scalars("step/loss")
    assert [(e.step, e.value) for e in events] == [(1, 1.0), (2, 1.0), (3, 2.0), (4, 2.0), (5, 2.0)]


def test_no_curve_is_written_through_a_link(tmp_path):
    run, outside = tmp_path / "run", tmp_path / "outside"
    run.mkdir()
    outside.mkdir()
    (run / "fold_0").symlink_to(outside)
    with pytest.raises(ForeignFileError, match="fold_0 is a symbolic link to"):
        TensorBoardTracker(run).fold_started(0, 6, 0)
    assert not list(outside.iterdir())


def test_events_that_cannot_be_written_are_called_that(tmp_path, monkeypatch):
    tracker = TensorBoardTracker(tmp_path)
    monkeypatch.setattr(os, "write", lambda *_: (_ for _ in ()).throw(OSError(28, "No space")))
    with pytest.raises(StorageError, match=rf"cannot write the events of the tracker to {tmp_path}: disk full"):
        tracker.fold_started(0, 6, 0)


def test_what_is_not_defined_has_no_point(tmp_path):
    tracker = TensorBoardTracker(tmp_path)
    tracker.fold_started(0, 20, 0)
    tracker.step(1, math.nan, 0.1)
    tracker.step(2, 1.0, math.inf)
    tracker.epoch(EpochRecord(1, 2, 0.5, 0.1, 0.2, monitor={"roc_auc": math.nan, "accuracy": 0.5}))
    proba, nothing = np.full((2, 3), 1 / 3, dtype=np.float32), {"roc_auc": math.nan, "accuracy": 0.25}
    records = (EpochRecord(1, 2, 0.5, 0.1, 0.2),)
    fold = FoldResult(0, 0, np.arange(2), proba, proba, proba[:, 0], nothing, records, 1, 2, 1.0)
    tracker.fold_finished(fold, np.array([0, 1]), CLASSES, MULTICLASS)
    summaries = {"roc_auc": MetricSummary((math.nan,), math.nan, math.nan, math.nan, None)}
    result = CVResult(2, 1, MULTICLASS, CLASSES, "f", "roc_auc", summaries, {}, 2.0, {}, {})
    tracker.finished(result, {"loss": "ce"})
    curves = read(tmp_path / "fold_0")
    values = {tag: [point.value for point in curves.Scalars(tag)] for tag in curves.Tags()["scalars"]}
    assert all(np.isfinite(points).all() for points in values.values())
    assert values["step/loss"] == [1.0]
    assert values["step/lr"] == pytest.approx([0.1])
    assert (values["monitor/accuracy"], values["held_out/accuracy"]) == ([0.5], [0.25])
    assert not {"monitor/roc_auc", "held_out/roc_auc"} & values.keys()
    assert read(tmp_path).Tags()["scalars"] == []
