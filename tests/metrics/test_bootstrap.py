import numpy as np
import pytest
from sklearn import metrics as sk

from trainer.metrics.bootstrap import confidence_interval, percentile_interval, resample
from trainer.metrics.find import house_metrics
from trainer.metrics.scores import score
from trainer.metrics.weighted import weighted_metrics
from trainer.tasks import BINARY, MULTICLASS, MULTILABEL, REGRESSION, TASKS

CASES = [(TASKS[task], name) for name, metric in house_metrics().items() for task in metric.tasks]


def rows(task, n, seed, n_classes=4):
    """Targets and probabilities with ties and with a rare last class."""
    rng = np.random.default_rng(seed)
    if task == REGRESSION:
        target = np.round(rng.normal(50, 3, n))
        return target, np.round(target + rng.normal(0, 3, n))[:, None]
    if task == MULTILABEL:
        target = (rng.random((n, n_classes)) < [0.5, 0.4, 0.3, 0.03]).astype(np.int64)
        target[0] = 0
        proba = np.round(np.clip(rng.random((n, n_classes)) * 0.8 + target * 0.2, 0, 1), 1)
        return target, proba.astype(np.float32)
    c = 2 if task == BINARY else n_classes
    target = rng.choice(c, n, p=[0.9, 0.1] if c == 2 else [0.5, 0.3, 0.17, 0.03])
    raw = np.round(rng.random((n, c)) + (target[:, None] == np.arange(c)) * 0.5, 1) + 0.1
    return target, (raw / raw.sum(axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize(("task", "name"), CASES)
def test_weighted_metric_equals_scikit_learn_on_repeated_rows(task, name):
    target, proba = rows(task, 60, seed=5)
    rng = np.random.default_rng(6)
    weights_NB = rng.integers(0, 4, size=(60, 25)).astype(np.float64)
    weights_NB[:, 0] = 1
    got = weighted_metrics([name], task, target, proba)[name](weights_NB)
    for b in range(25):
        repeated = np.repeat(np.arange(60), weights_NB[:, b].astype(int))
        expected = score([name], task, target[repeated], proba[repeated])[name]
        assert got[b] == pytest.approx(expected, abs=1e-9, nan_ok=True), b


def test_fractional_weights_equal_scikit_learns_sample_weight():
    target, proba = rows(BINARY, 80, seed=1)
    weights_N1 = np.random.default_rng(2).random((80, 1))
    w, said = weights_N1[:, 0], proba.argmax(axis=1)
    p1 = proba[:, 1].astype(float) / proba.astype(float).sum(axis=1)
    expected = {
        "accuracy": sk.accuracy_score(target, said, sample_weight=w),
        "balanced_accuracy": sk.balanced_accuracy_score(target, said, sample_weight=w),
        "f1_macro": sk.f1_score(target, said, average="macro", sample_weight=w),
        "mcc": sk.matthews_corrcoef(target, said, sample_weight=w),
        "roc_auc": sk.roc_auc_score(target, p1, sample_weight=w),
        "average_precision": sk.average_precision_score(target, p1, sample_weight=w),
        "log_loss": sk.log_loss(target, p1, sample_weight=w),
        "brier": sk.brier_score_loss(target, p1, sample_weight=w),
    }
    meters = weighted_metrics(list(expected), BINARY, target, proba)
    assert {n: float(m(weights_N1)[0]) for n, m in meters.items()} == pytest.approx(expected, abs=1e-9)


def test_interval_of_a_mean_is_the_binomial_one():
    """Accuracy of n rows has standard error sqrt(p (1-p) / n)."""
    n, p = 2000, 0.8
    target = np.zeros(n, dtype=np.int64)
    right = np.arange(n) < n * p
    proba = np.stack([right, ~right], axis=1).astype(np.float32)
    low, high = confidence_interval("accuracy", BINARY, target, proba, n_resamples=4000)
    half = 1.96 * np.sqrt(p * (1 - p) / n)
    assert (low, high) == pytest.approx((p - half, p + half), abs=0.1 * half)


def test_same_seed_same_rows_across_names_and_calls():
    target, proba = rows(MULTICLASS, 300, seed=3)
    both = resample(["accuracy", "log_loss"], MULTICLASS, target, proba, n_resamples=100, seed=9)
    alone = resample(["log_loss"], MULTICLASS, target, proba, n_resamples=100, seed=9)
    assert np.array_equal(both["log_loss"], alone["log_loss"])
    other = resample(["log_loss"], MULTICLASS, target, proba, n_resamples=100, seed=10)
    assert not np.array_equal(alone["log_loss"], other["log_loss"])
    micro = resample(["f1_micro"], MULTICLASS, target, proba, n_resamples=100, seed=9)["f1_micro"]
    assert both["accuracy"] == pytest.approx(micro)


def test_each_resample_draws_as_many_rows_as_there_are():
    from trainer.metrics.bootstrap import _draws

    chunks = list(_draws(1000, 700, seed=0))
    assert sum(w.shape[1] for w in chunks) == 700
    assert len(chunks) > 1
    assert all((w.sum(axis=0) == 1000).all() for w in chunks)
    counts = np.concatenate(chunks, axis=1)
    assert counts.var() == pytest.approx(1.0, abs=0.02)  # of a multinomial count, 1 - 1/N


def test_undefined_has_no_interval():
    target, proba = rows(BINARY, 50, seed=0)
    assert confidence_interval("roc_auc", BINARY, np.zeros_like(target), proba) is None
    assert confidence_interval("accuracy", BINARY, target[:0], proba[:0]) is None
    proba[0] = np.nan
    assert confidence_interval("accuracy", BINARY, target, proba) is None


def test_few_undefined_resamples_are_left_out():
    values = np.arange(100, dtype=float)
    values[:10] = np.nan
    expected = tuple(np.percentile(np.arange(10.0, 100), [2.5, 97.5]))
    assert percentile_interval(values) == pytest.approx(expected)
    values[10] = np.nan
    assert percentile_interval(values) is None


@pytest.mark.parametrize(("n", "wanted", "drawn"), [(5_000, 1000, 1000), (10_000, 1000, 500), (40_000, 150, 150)])
def test_many_rows_and_classes_draw_fewer_resamples(n, wanted, drawn):
    target = np.zeros(n, dtype=np.int64)
    proba = np.full((n, 40), 1 / 40, dtype=np.float32)
    assert len(resample(["accuracy"], MULTICLASS, target, proba, n_resamples=wanted)["accuracy"]) == drawn


def test_a_draw_without_any_of_the_rows_is_undefined():
    target, proba = np.array([0, 1]), np.array([[0.9, 0.1], [0.2, 0.8]], dtype=np.float32)
    values = resample(["accuracy"], BINARY, target, proba, 500, rows=np.array([3, 7]), n_rows=10)["accuracy"]
    missed = (np.random.default_rng(0).integers(10, size=(10, 500)) == 3) | (
        np.random.default_rng(0).integers(10, size=(10, 500)) == 7
    )
    assert np.array_equal(np.isnan(values), ~missed.any(axis=0))
    assert np.isnan(values).sum() > 20
    assert (values[~np.isnan(values)] == 1).all()


@pytest.mark.parametrize(("task", "name"), [(BINARY, "accuracy"), (BINARY, "roc_auc"), (REGRESSION, "r2")])
def test_groups_are_drawn_with_all_their_rows_as_by_a_plain_loop(task, name):
    """The plain loop draws groups, lays their rows end to end and asks scikit-learn."""
    target, proba = rows(task, 90, seed=4)
    group_N = np.random.default_rng(1).integers(0, 12, 90)
    names = np.unique(group_N)
    group_N = np.searchsorted(names, group_N)
    values = resample([name], task, target, proba, 200, seed=7, group_N=group_N)[name]
    p = proba.astype(float) / (proba.astype(float).sum(axis=1, keepdims=True) if task == BINARY else 1)
    of_scikit_learn = {
        "accuracy": lambda drawn: sk.accuracy_score(target[drawn], p[drawn].argmax(axis=1)),
        "roc_auc": lambda drawn: sk.roc_auc_score(target[drawn], p[drawn, 1]),
        "r2": lambda drawn: sk.r2_score(target[drawn], p[drawn, 0]),
    }[name]
    drawn_GB = np.random.default_rng(7).integers(len(names), size=(len(names), 200))
    for b in range(200):
        drawn = np.concatenate([np.flatnonzero(group_N == group) for group in drawn_GB[:, b]])
        if name == "roc_auc" and len(np.unique(target[drawn])) == 1:
            assert np.isnan(values[b])
        else:
            assert values[b] == pytest.approx(of_scikit_learn(drawn)), b


def test_two_groups_by_hand():
    """Three right rows in one group, one wrong row in the other: right twice, wrong twice, or three of four."""
    target = np.array([0, 0, 1, 0])
    proba = np.array([[0.9, 0.1], [0.9, 0.1], [0.1, 0.9], [0.1, 0.9]], dtype=np.float32)
    group_N = np.array([1, 1, 1, 0])
    values = resample(["accuracy"], BINARY, target, proba, 4000, group_N=group_N)["accuracy"]
    found, counts = np.unique(values, return_counts=True)
    assert found.tolist() == [0.0, 0.75, 1.0]
    assert counts / 4000 == pytest.approx([0.25, 0.5, 0.25], abs=0.03)


@pytest.mark.parametrize(("task", "name"), [pair for pair in CASES if pair[0] != REGRESSION])
def test_weightings_that_lie_together_in_memory_give_the_same(task, name):
    """Where there are many rows the bootstrap draws so few weightings at a time that each lies together."""
    target, proba = rows(task, 300, seed=8)
    weights_NB = np.random.default_rng(3).integers(0, 4, size=(300, 3)).astype(np.float64)
    together_NB = np.asfortranarray(weights_NB)
    meter = weighted_metrics([name], task, target, proba)[name]
    assert meter(together_NB) == pytest.approx(meter(weights_NB), abs=1e-12, nan_ok=True)
    half = meter(together_NB / 2)  # no whole numbers: the scale of weights does not matter
    assert half == pytest.approx(meter(weights_NB / 2), abs=1e-12, nan_ok=True)


def test_many_rows_are_measured_as_scikit_learn_does_on_the_rows_drawn():
    """Draw by draw, with scores that are tied and classes that are rare; and counts that several metrics share."""
    target, proba = rows(MULTICLASS, 20_000, seed=2)
    names = ["roc_auc", "average_precision", "f1_macro", "mcc"]
    values = resample(names, MULTICLASS, target, proba, n_resamples=3, seed=1)
    drawn_NB = np.random.default_rng(1).integers(20_000, size=(20_000, 3))
    p = proba.astype(float) / proba.astype(float).sum(axis=1, keepdims=True)
    for b, drawn in enumerate(drawn_NB.T):
        truth, score_NC = target[drawn], p[drawn]
        assert values["roc_auc"][b] == pytest.approx(sk.roc_auc_score(truth, score_NC, multi_class="ovr"), abs=1e-12)
        one_hot = np.eye(4)[truth]
        assert values["average_precision"][b] == pytest.approx(sk.average_precision_score(one_hot, score_NC), abs=1e-12)
        said = score_NC.argmax(axis=1)
        assert values["f1_macro"][b] == pytest.approx(sk.f1_score(truth, said, average="macro"), abs=1e-12)
        assert values["mcc"][b] == pytest.approx(sk.matthews_corrcoef(truth, said), abs=1e-12)


def test_metrics_that_count_share_the_counts(monkeypatch):
    from trainer.metrics import weighted

    target, proba = rows(MULTICLASS, 200, seed=2)
    calls, sums = [], weighted._class_sums

    def counted(*rows):
        count = sums(*rows)
        return lambda weights_NB: calls.append(1) or count(weights_NB)

    monkeypatch.setattr(weighted, "_class_sums", counted)
    resample(["f1_macro", "mcc", "balanced_accuracy", "accuracy"], MULTICLASS, target, proba, n_resamples=10)
    assert len(calls) == 1


def test_sums_of_whole_numbers_do_not_overflow():
    """Weights of groups may add up to more than 32 bits hold."""
    target, proba = np.tile([0, 1, 1, 0], 5), np.tile([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.5, 0.5]], (5, 1))
    heavy_NB = np.asfortranarray(np.full((20, 2), 2.0**29))
    for name in ("roc_auc", "average_precision"):
        meter = weighted_metrics([name], BINARY, target, proba.astype(np.float32))[name]
        assert meter(heavy_NB) == pytest.approx(meter(heavy_NB / 2.0**29), abs=1e-12)
