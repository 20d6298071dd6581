import numpy as np
import pytest
from scipy.stats import ks_2samp

from tests.folds.fold_cases import labels, plan
from trainer.folds import report as module
from trainer.folds.report import in_masks, of_features, pair_deviation, split_report


def drift(values, pairs):
    [(smd_VF, ks_VF)] = of_features([values], [in_masks(pair, len(values)) for pair in pairs])
    return smd_VF[0], ks_VF[0]


TARGET = np.random.default_rng(0).permutation(np.repeat([0, 1, 2], [60, 30, 10]))


def test_sizes_and_class_counts_add_up():
    made = plan(TARGET, repeats=2)
    report = split_report(made, TARGET, ("a", "b", "c"))
    assert [(part["repeat"], part["fold"]) for part in report["folds"]] == [divmod(i, 5) for i in range(10)]
    for part in report["folds"]:
        _, held_out = made.rows(part["repeat"], part["fold"])
        assert part["counts"] == np.bincount(TARGET[held_out], minlength=3).tolist() == [12, 6, 2]
        assert (part["n_train"], part["n_held_out"]) == (80, 20)
        assert part["deviation"]["largest"] == pytest.approx(0)
        assert part["groups"] is part["pairs"] is part["drift"] is None
    assert report["counts"] == [60, 30, 10]
    assert report["never_held_out"] == [0, 0]


def test_the_largest_deviation_is_named():
    target = np.array([0, 0, 0, 0, 0, 0, 0, 0, 1, 2])
    made = plan(target, "predefined", shuffle=False, predefined=np.array([0] * 5 + [1] * 5))
    first, second = (part["deviation"] for part in split_report(made, target, ("a", "b", "c"))["folds"])
    assert first == {"largest": pytest.approx(0.2), "class": "a"}
    assert second == {"largest": pytest.approx(-0.2), "class": "a"}


def test_groups_on_both_sides_are_counted():
    groups = np.array(["x"] * 4 + ["y"] * 3 + ["z"] * 3)
    made = plan(np.arange(10) % 2, "predefined", shuffle=False, predefined=np.array([0] * 5 + [1] * 5))
    parts = split_report(made, np.arange(10) % 2, ("a", "b"), groups)["folds"]
    assert [part["groups"] for part in parts] == [{"held_out": 2, "both_sides": 1}, {"held_out": 2, "both_sides": 1}]


def test_pair_deviation_by_hand():
    target = np.array([[1, 1, 0], [1, 1, 0], [1, 0, 1], [0, 0, 0]])
    found = pair_deviation(target, np.array([0, 3]), ("a", "b", "c"))
    assert found == {"mean": pytest.approx(0.125), "largest": pytest.approx(-0.25), "labels": ["a", "c"]}
    assert pair_deviation(np.eye(3, dtype=np.int64), np.array([0]), ("a", "b", "c")) is None


def test_pairs_of_labels_are_reported_for_each_fold():
    target = labels()
    report = split_report(plan(target, "multilabel"), target, tuple("abcdef"))
    assert all(part["pairs"]["mean"] <= abs(part["pairs"]["largest"]) < 0.2 for part in report["folds"])


@pytest.mark.parametrize("chunk_rows", [1, 7, 1000])
@pytest.mark.parametrize("seed", range(5))
def test_drift_is_scipys_ks_and_the_textbook_mean_difference(seed, chunk_rows, monkeypatch):
    monkeypatch.setattr(module, "CHUNK_ROWS", chunk_rows)
    random = np.random.default_rng(seed)
    values = np.round(random.normal(size=90), 1)  # with ties
    values[random.random(90) < 0.1] = np.nan
    made = plan(np.arange(90) % 2, "kfold", n_splits=3, random_state=seed)
    pairs = [made.rows(0, fold) for fold in range(3)]
    smd, ks = drift(values, pairs)
    for fold, (train, held_out) in enumerate(pairs):
        before, after = (values[rows][~np.isnan(values[rows])] for rows in (train, held_out))
        assert ks[fold] == pytest.approx(ks_2samp(before, after).statistic)
        assert smd[fold] == pytest.approx((after.mean() - before.mean()) / np.sqrt((before.var() + after.var()) / 2))


def test_drift_without_values_or_without_spread():
    pairs = [(np.array([0, 1]), np.array([2, 3]))]
    assert np.isnan(drift(np.full(4, np.nan), pairs)).all()
    assert np.isnan(drift(np.array([1, 2, np.nan, np.nan]), pairs)).all()
    assert [float(one[0]) for one in drift(np.ones(4), pairs)] == [0, 0]
    assert [float(one[0]) for one in drift(np.array([1.0, 1, 2, 2]), pairs)] == [np.inf, 1]


@pytest.mark.parametrize("decimals", [1, 8])
def test_drift_is_to_the_bit_that_of_each_side_sorted_by_itself(decimals):
    random = np.random.default_rng(3)
    values = np.round(random.normal(size=1_000), decimals)  # with ties, and without
    values[random.random(1_000) < 0.05] = np.nan
    made = plan(np.arange(1_000) % 2, "kfold", n_splits=4, random_state=0)
    pairs = [made.rows(0, fold) for fold in range(4)]
    smd, ks = drift(values, pairs)
    for fold, pair in enumerate(pairs):
        before, after = (np.sort(values[rows][~np.isnan(values[rows])]) for rows in pair)
        assert smd[fold] == (after.mean() - before.mean()) / np.sqrt((before.var() + after.var()) / 2)
        gaps = (
            np.searchsorted(before, after, side) / len(before) - np.searchsorted(after, after, side) / len(after)
            for side in ("left", "right")
        )
        assert ks[fold] == max(np.abs(gap).max() for gap in gaps)


def test_some_features_at_a_time_differ_as_each_by_itself(monkeypatch):
    random = np.random.default_rng(4)
    features = [np.round(random.normal(size=100), decimals) for decimals in (8, 1, 0, 8, 8)]
    features[2][5] = np.nan
    made = plan(np.arange(100) % 2)
    sides = [in_masks(made.rows(0, fold), 100) for fold in range(5)]
    together = list(of_features(features, sides))
    assert len(together) == 5  # one has a missing value: each is looked at by itself
    monkeypatch.setattr(module, "FEW_CELLS", 200)
    by_twos = list(of_features(features, sides))
    assert [len(smd_VF) for smd_VF, _ in by_twos] == [2, 1, 1, 1]
    for ours, theirs in zip(zip(*together, strict=True), zip(*by_twos, strict=True), strict=True):
        np.testing.assert_array_equal(np.concatenate(ours), np.concatenate(theirs))


def test_only_drift_beyond_chance_is_called_so():
    random = np.random.default_rng(0)
    features = {f"noise {i}": random.normal(size=300) for i in range(20)} | {"trend": np.arange(300.0)}
    target = np.arange(300) % 2
    by_time = plan(target, "time", shuffle=False, times_N=np.arange(300))
    for part in split_report(by_time, target, ("a", "b"), None, features)["folds"]:
        assert part["drift"]["beyond_chance"] == ["trend"]
        assert part["drift"]["ks"] == {"feature": "trend", "value": 1.0}
        assert part["drift"]["smd"]["feature"] == "trend"
    for part in split_report(plan(target), target, ("a", "b"), None, features)["folds"]:
        assert part["drift"]["beyond_chance"] == []


def test_random_splits_are_rarely_said_to_drift():
    random, alarms = np.random.default_rng(1), 0
    for seed in range(100):
        features = {str(i): random.normal(size=100) for i in range(5)}
        report = split_report(plan(TARGET, random_state=seed), TARGET, ("a", "b", "c"), None, features)
        alarms += any(part["drift"]["beyond_chance"] for part in report["folds"])
    assert alarms <= 10  # 5 expected at most


def test_rows_of_a_group_do_not_count_as_independent():
    random = np.random.default_rng(2)
    groups_N = np.repeat(np.arange(10), 30)
    features = {"level": random.normal(size=10)[groups_N] + 0.01 * random.normal(size=300)}
    made = plan(np.arange(300) % 2, "group", groups_N=groups_N.astype(np.str_))
    by_rows = split_report(made, np.arange(300) % 2, ("a", "b"), None, features)["folds"]
    by_groups = split_report(made, np.arange(300) % 2, ("a", "b"), groups_N.astype(np.str_), features)["folds"]
    assert any(part["drift"]["beyond_chance"] for part in by_rows)
    assert not any(part["drift"]["beyond_chance"] for part in by_groups)
