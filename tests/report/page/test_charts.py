"""Charts stay small whatever the run, and say what they leave out."""

import json
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from tests.fake_results import make_result
from trainer.report.page.charts import MOST_CLASSES, MOST_EPOCHS, MOST_FOLDS, class_charts, learning_charts
from trainer.tasks import BINARY, MULTICLASS, MULTILABEL


@pytest.mark.parametrize("task", [BINARY, MULTICLASS, MULTILABEL], ids=str)
def test_the_area_under_the_drawn_curve_is_the_metric(task):
    result, oof, _ = make_result(task, ("no", "yes") if task == BINARY else ("a", "b", "c"))
    found = class_charts(result, oof, range(len(result.classes)))
    truth, score = task.one_against_rest(oof.target, oof.proba.astype(np.float64))
    assert [one["name"] for one in found["classes"]] == (["yes"] if task == BINARY else ["a", "b", "c"])
    for k, one in enumerate(found["classes"]):
        x, y = one["roc"]["all"]
        assert np.trapezoid(y, x) == pytest.approx(roc_auc_score(truth[:, k], score[:, k]), abs=1e-3)
        at_half = found["at"]
        assert one["hits"][at_half] == ((score[:, k] > 0.5) & (truth[:, k] == 1)).sum()
        assert one["n"] == [truth[:, k].sum(), (1 - truth[:, k]).sum()]
        assert len(one["roc"]["folds"]) == len(found["folds"]) == 3


def test_many_classes_rows_and_folds_give_a_small_chart():
    rng = np.random.default_rng(0)
    n, c = 20_000, 120
    target = rng.integers(0, c, n)
    result, oof, _ = make_result(MULTICLASS)
    proba = rng.dirichlet(np.ones(c), n).astype(np.float32)
    ids = np.arange(n).astype(str)
    big = replace(oof, ids=ids, target=target, proba=proba, fold=np.arange(n) % 50, repeat=np.zeros(n, dtype=int))
    many = replace(result, classes=tuple(f"c{k}" for k in range(c)))
    found = class_charts(many, big, range(c - 1, -1, -1))
    assert [one["name"] for one in found["classes"]] == [f"c{k}" for k in range(c - 1, c - 1 - MOST_CLASSES, -1)]
    assert (found["n_classes"], found["n_folds"], len(found["folds"])) == (c, 50, MOST_FOLDS)
    assert len(json.dumps(found, allow_nan=False)) < 700_000
    assert sum(found["classes"][0]["n"]) == n


def test_rows_beyond_count_are_sampled_for_curves_and_counted_all(monkeypatch):
    monkeypatch.setattr("trainer.report.page.charts.MOST_VALUES", 30)
    result, oof, _ = make_result(BINARY, ("no", "yes"))
    found = class_charts(result, oof, [0, 1])
    assert (found["sample"], found["n_rows"]) == (30, 90)
    assert sum(found["classes"][0]["n"]) == 90


def test_a_fold_of_one_class_has_no_curve_and_nothing_is_nan():
    result, oof, _ = make_result(BINARY, ("no", "yes"))
    lonely = replace(oof, target=np.where(oof.fold == 0, 0, oof.target))
    found = class_charts(result, lonely, [0, 1])
    json.dumps(found, allow_nan=False)
    assert [points is None for points in found["classes"][0]["roc"]["folds"]] == [True, False, False]
    assert class_charts(result, replace(oof, target=oof.target * 0), [0, 1])["classes"][0]["roc"]["all"] is None


def test_learning_curves_are_thinned_and_undefined_epochs_left_out():
    result, _, folds = make_result(MULTICLASS, monitored=True)
    record = folds[0].epochs[0]
    long = tuple(replace(record, epoch=e, train_loss=np.nan if e == 1 else 1.0) for e in range(1, 1001))
    found = learning_charts(result, [replace(folds[0], epochs=long, best_epoch=7), *folds[1:]], "accuracy")
    first = found["folds"][0]
    assert len(first["epochs"]) <= MOST_EPOCHS + 1
    assert first["loss"][0] is None
    assert 7 in first["epochs"]
    assert found["metric"] == "accuracy"
    assert learning_charts(result, [replace(fold, epochs=()) for fold in folds], "accuracy") is None
