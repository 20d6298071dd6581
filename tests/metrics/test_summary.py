import math
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, average_precision_score, log_loss, roc_auc_score

from tests.fake_results import make_fold
from trainer.metrics.pooled import pool_out_of_fold
from trainer.metrics.summary import count_groups, optimism, summarise
from trainer.metrics.undefined import undefined_reasons
from trainer.results import EpochRecord
from trainer.tasks import BINARY, MULTICLASS


def ids(n):
    return np.array([f"row{i}" for i in range(n)])


def test_summary_is_mean_sd_and_pooled(fake_result):
    result, oof, folds = fake_result()
    accuracy = result.metrics["accuracy"]
    per_fold = [accuracy_score(oof.target[f.rows], f.proba.argmax(axis=1)) for f in folds]
    assert accuracy.folds == pytest.approx(tuple(per_fold))
    assert accuracy.mean == pytest.approx(np.mean(per_fold))
    assert accuracy.sd == pytest.approx(np.std(per_fold, ddof=1))
    assert accuracy.oof == pytest.approx(accuracy_score(oof.target, oof.proba.argmax(axis=1)))
    assert accuracy.ci95[0] < accuracy.oof < accuracy.ci95[1]


def test_summary_with_repeats_averages_the_pooled_value(fake_result):
    _, oof, folds = fake_result(repeats=2)
    noisy = [
        replace(f, proba=np.roll(f.proba, 1, axis=1)) if f.repeat == 1 else f for f in folds
    ]  # second repeat predicts the wrong class
    pooled = pool_out_of_fold(noisy, oof.ids[:90], oof.target[:90], 2)
    summary = summarise(noisy, pooled, names=["log_loss"], task=MULTICLASS, n_resamples=200)["log_loss"]
    proba = pooled.proba / pooled.proba.astype(float).sum(axis=1, keepdims=True)
    good, bad = (log_loss(pooled.target[:90], half) for half in (proba[:90], proba[90:]))
    assert summary.oof == pytest.approx((good + bad) / 2, abs=1e-6)
    assert summary.ci95[0] < summary.oof < summary.ci95[1]


def test_summary_of_repeats_that_agree_has_the_interval_of_one(fake_result):
    _, oof, folds = fake_result()
    twice = [*folds, *(replace(f, repeat=1) for f in folds)]
    pooled = pool_out_of_fold(twice, oof.ids, oof.target, 2)
    once = summarise(folds, oof, names=["accuracy"], task=MULTICLASS, n_resamples=100)["accuracy"]
    both = summarise(twice, pooled, names=["accuracy"], task=MULTICLASS, n_resamples=100)["accuracy"]
    assert both.ci95 == pytest.approx(once.ci95)


def test_single_fold_and_undefined(fake_result):
    _, oof, folds = fake_result()
    rows = np.arange(90)
    whole = replace(folds[0], rows=rows, proba=oof.proba, logits=oof.logits, loss=oof.loss)
    one_class = np.zeros(90, dtype=np.int64)
    whole = replace(whole, metrics={"roc_auc": math.nan})
    summary = summarise([whole], pool_out_of_fold([whole], oof.ids, one_class, 1), names=["roc_auc"], task=MULTICLASS)
    assert summary["roc_auc"].sd == 0.0
    assert math.isnan(summary["roc_auc"].mean)
    assert math.isnan(summary["roc_auc"].oof)
    assert summary["roc_auc"].ci95 is None


def test_folds_without_a_class_enter_no_mean_and_their_reason_is_said(fake_result):
    """Two classes, the rare one in two of three folds: the mean is scikit-learn's over those two."""
    random, target = np.random.default_rng(0), np.zeros(90, dtype=np.int64)
    fold_N = np.arange(90) % 3
    target[np.flatnonzero(fold_N > 0)[:7]] = 1
    raw = random.random((90, 2)).astype(np.float32)
    proba, names = raw / raw.sum(axis=1, keepdims=True), ("average_precision", "roc_auc", "accuracy")
    parts = [make_fold(names, BINARY, target, proba, rows=np.flatnonzero(fold_N == f), fold=f) for f in range(3)]
    oof = pool_out_of_fold(parts, ids(90), target, 1)
    summaries = summarise(parts, oof, names=names, task=BINARY, n_resamples=50)
    for name, theirs in (("average_precision", average_precision_score), ("roc_auc", roc_auc_score)):
        values = [theirs(target[fold_N == f], proba[fold_N == f, 1]) for f in (1, 2)]
        found = summaries[name]
        assert math.isnan(found.folds[0])
        assert found.n_defined == 2
        assert (found.mean, found.sd) == (pytest.approx(np.mean(values)), pytest.approx(np.std(values, ddof=1)))
        assert found.oof == pytest.approx(theirs(target, proba[:, 1]))
        assert found.ci95 is not None
    reason = undefined_reasons(summaries, oof, BINARY, ("no", "yes"))
    assert reason["roc_auc"] == (
        "mean over 2 of 3 folds: fold 0 holds out no row of class 'yes'; "
        "out of fold is over the rows of all folds, so it differs from the mean"
    )
    assert "accuracy" not in reason


def test_a_mean_over_classes_leaves_out_the_fold_that_lacks_one_as_worked_out_by_hand():
    """Of three folds the second holds out no row of the third class, and predicts its rows right: it would score 1."""
    target = np.array([0, 0, 1, 1, 2, 2, 0, 0, 1, 0, 1, 2])
    said = np.array([0, 1, 1, 1, 2, 0, 0, 0, 1, 0, 2, 0])
    fold_N = np.array([0] * 6 + [1] * 3 + [2] * 3)
    names, proba = ("balanced_accuracy", "f1_macro", "accuracy"), np.eye(3, dtype=np.float32)[said]
    parts = [make_fold(names, MULTICLASS, target, proba, rows=np.flatnonzero(fold_N == f), fold=f) for f in range(3)]
    oof = pool_out_of_fold(parts, ids(12), target, 1)
    summaries = summarise(parts, oof, names=names, task=MULTICLASS, n_resamples=50)
    balanced, macro, plain = (summaries[name] for name in names)
    nan = math.nan
    assert balanced.folds == pytest.approx([(1 / 2 + 1 + 1 / 2) / 3, nan, 1 / 3], nan_ok=True)
    assert macro.folds == pytest.approx([(2 / 4 + 4 / 5 + 2 / 3) / 3, nan, (2 / 3) / 3], nan_ok=True)
    assert plain.folds == pytest.approx([4 / 6, 1, 1 / 3])
    assert (balanced.mean, balanced.n_defined) == (pytest.approx(1 / 2), 2)
    assert balanced.oof == pytest.approx((4 / 5 + 3 / 4 + 1 / 3) / 3)
    assert macro.mean == pytest.approx((59 / 90 + 2 / 9) / 2)
    reasons = undefined_reasons(summaries, oof, MULTICLASS, ("a", "b", "c"))
    assert reasons == dict.fromkeys(
        ("balanced_accuracy", "f1_macro"),
        "mean over 2 of 3 folds: fold 1 holds out no row of class 'c'; "
        "out of fold is over the rows of all folds, so it differs from the mean",
    )


def test_no_mean_where_no_fold_has_a_value(fake_result):
    target, fold_N = np.zeros(30, dtype=np.int64), np.arange(30) % 3
    proba = np.full((30, 2), 0.5, dtype=np.float32)
    parts = [make_fold(("roc_auc",), BINARY, target, proba, rows=np.flatnonzero(fold_N == f), fold=f) for f in range(3)]
    oof = pool_out_of_fold(parts, ids(30), target, 1)
    summaries = summarise(parts, oof, names=("roc_auc",), task=BINARY, n_resamples=50)
    assert math.isnan(summaries["roc_auc"].mean)
    assert undefined_reasons(summaries, oof, BINARY, ("no", "yes"))["roc_auc"] == (
        "no mean: folds 0, 1, 2 hold out no row of class 'yes'; undefined out of fold: no row of class 'yes'"
    )


def with_curves(fold, best_epoch, **curves):
    """Replace a fold's epochs by given monitor curves."""
    n = len(next(iter(curves.values())))
    epochs = tuple(
        EpochRecord(
            epoch=i + 1,
            step=i,
            train_loss=1.0,
            lr=0.1,
            seconds=0.1,
            monitor={name: values[i] for name, values in curves.items()},
        )
        for i in range(n)
    )
    return replace(fold, epochs=epochs, best_epoch=best_epoch)


def test_optimism_by_hand(fake_result):
    _, _, folds = fake_result()
    a = with_curves(folds[0], 1, accuracy=[0.9, 0.7, 0.8], log_loss=[0.1, 0.4, 0.2])
    b = with_curves(folds[1], 2, accuracy=[0.6, 0.8, 0.7], log_loss=[0.5, 0.1, 0.3])
    c = with_curves(folds[2], 3, accuracy=[0.5, 0.6, 0.9], log_loss=[0.6, 0.5, 0.2])
    # others of a: means .55 .7 .8 -> epoch 3; of b: .7 .65 .85 -> 3; of c: .75 .75 .75 -> 1 (earliest)
    honest_accuracy, honest_loss = [0.8, 0.7, 0.5], [0.2, 0.3, 0.6]
    got = optimism([a, b, c], ["accuracy", "log_loss"])
    assert got["accuracy"] == pytest.approx(np.mean([0.9, 0.8, 0.9]) - np.mean(honest_accuracy))
    assert got["log_loss"] == pytest.approx(np.mean(honest_loss) - np.mean([0.1, 0.1, 0.2]))
    assert got["log_loss"] > 0  # flattering although smaller is better


def test_optimism_of_a_loss_as_the_picking_metric(fake_result):
    _, _, folds = fake_result()
    a = with_curves(folds[0], 1, log_loss=[0.1, 0.4])
    b = with_curves(folds[1], 2, log_loss=[0.5, 0.2])
    # a is judged at b's best epoch 2 and b at a's best epoch 1
    assert optimism([a, b], ["log_loss"])["log_loss"] == pytest.approx(((0.4 - 0.1) + (0.5 - 0.2)) / 2)


def test_optimism_uses_epochs_all_folds_reached(fake_result):
    _, _, folds = fake_result()
    short = with_curves(folds[0], 1, accuracy=[0.9, 0.8])
    long = with_curves(folds[1], 3, accuracy=[0.5, 0.6, 0.7])
    # the best common epoch of `long` is 2, of `short` 1
    assert optimism([short, long], ["accuracy"])["accuracy"] == pytest.approx(((0.9 - 0.8) + (0.7 - 0.5)) / 2)


def test_optimism_asks_only_folds_of_the_same_repeat(fake_result):
    _, _, folds = fake_result()
    a = with_curves(folds[0], 1, accuracy=[0.9, 0.8])
    b = with_curves(folds[1], 2, accuracy=[0.6, 0.7])
    other = [replace(f, repeat=1) for f in (a, b)]
    assert optimism([a, b, *other], ["accuracy"]) == pytest.approx(optimism([a, b], ["accuracy"]))
    assert optimism([a, b], ["accuracy"])["accuracy"] == pytest.approx(0.1)


def test_optimism_nan_epochs_never_win(fake_result):
    _, _, folds = fake_result()
    a = with_curves(folds[0], 1, accuracy=[0.9, 0.8])
    b = with_curves(folds[1], 2, accuracy=[math.nan, 0.7])
    got = optimism([a, b], ["accuracy"])  # a at the epoch of b: 0.9 - 0.8; b at that of a, where it is undefined
    assert got["accuracy"] == pytest.approx(0.1)
    c = with_curves(folds[2], 2, accuracy=[0.1, 0.7])
    got = optimism([replace(a, best_epoch=2), c, with_curves(folds[1], 2, accuracy=[0.2, 0.7])], ["accuracy"])
    assert got["accuracy"] == pytest.approx(0.0)


def test_optimism_undefined(fake_result):
    _, _, folds = fake_result(monitored=True)
    assert math.isnan(optimism(folds[:1], ["accuracy"])["accuracy"])
    _, _, silent = fake_result()
    assert optimism(silent, ["accuracy"]) == {}


def held_out_only(folds, fold_of_row):
    """Folds that predict the rows ``fold_of_row`` says, out of folds that predict every row."""
    parts = []
    for part in folds:
        kept = fold_of_row[part.repeat, part.rows] == part.fold
        fields = {name: getattr(part, name)[kept] for name in ("rows", "proba", "logits", "loss")}
        parts.append(replace(part, **fields))
    return parts


def some_held_out(folds, every=3):
    fold_of_row = np.full((2, 90), -1)
    for part in folds:
        fold_of_row[part.repeat, part.rows] = part.fold
    fold_of_row[0, ::every] = -1
    fold_of_row[1, 1::every] = -1
    return fold_of_row


def test_repeats_of_different_rows_are_resampled_together(fake_result):
    """By hand: draw from all 90 rows, and let each repeat take those of its own rows that were drawn."""
    _, whole, folds = fake_result(repeats=2)
    fold_of_row = some_held_out(folds, every=4)
    parts = held_out_only(folds, fold_of_row)
    oof = pool_out_of_fold(parts, whole.ids[:90], whole.target[:90], 2, fold_of_row=fold_of_row)
    got = summarise(parts, oof, names=["accuracy"], task=MULTICLASS, n_resamples=150, seed=3)["accuracy"]
    order = {}
    for one in oof.ids:
        order.setdefault(one, len(order))
    drawn = np.random.default_rng(3).integers(90, size=(90, 150))
    values = []
    for b in range(150):
        times = np.bincount(drawn[:, b], minlength=90)
        per_repeat = []
        for repeat in range(2):
            mine = oof.repeat == repeat
            weights = np.array([times[order[one]] for one in oof.ids[mine]])
            hit = oof.target[mine] == oof.proba[mine].argmax(axis=1)
            per_repeat.append((hit * weights).sum() / weights.sum())
        values.append(np.mean(per_repeat))
    assert got.ci95 == pytest.approx(tuple(np.percentile(values, [2.5, 97.5])))


def test_groups_are_drawn_in_every_repeat_and_alike_rows_make_a_wider_interval(fake_result):
    """By hand: each drawn group brings all its rows, in both repeats."""
    _, whole, folds = fake_result(repeats=2)
    group_N = np.arange(90) // 6 + 100  # 15 groups, numbered as they come
    oof = pool_out_of_fold(folds, whole.ids[:90], whole.target[:90], 2, group_N=group_N)
    assert count_groups(oof) == 15
    got = summarise(folds, oof, names=["accuracy"], task=MULTICLASS, n_resamples=150, seed=3)["accuracy"]
    drawn = np.random.default_rng(3).integers(15, size=(15, 150))
    hit_RN = (oof.target == oof.proba.argmax(axis=1)).reshape(2, 90)
    values = [
        np.concatenate([hit_RN[:, 6 * group : 6 * group + 6] for group in drawn[:, b]], axis=1).mean()
        for b in range(150)
    ]
    assert got.ci95 == pytest.approx(tuple(np.percentile(values, [2.5, 97.5])))


def test_groups_of_one_row_are_rows_and_one_group_has_no_interval(fake_result):
    _, whole, folds = fake_result()

    def interval(group_N):
        oof = pool_out_of_fold(folds, whole.ids, whole.target, group_N=group_N)
        summary = summarise(folds, oof, names=["accuracy"], task=MULTICLASS, n_resamples=150)["accuracy"]
        return count_groups(oof), summary.ci95

    assert interval(np.arange(90)[::-1]) == interval(None)
    assert interval(None)[0] is None
    assert interval(np.zeros(90, dtype=np.int64)) == (1, None)
