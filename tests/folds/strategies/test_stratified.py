from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from sklearn.model_selection import KFold, StratifiedKFold

from tests.folds.fold_cases import plan
from tests.places import REPOSITORY
from trainer.data.sources import bundled
from trainer.errors import ConfigError
from trainer.folds.plan import strategy_module
from trainer.folds.request import SplitRequest
from trainer.folds.strategies import kfold, stratified

DIGITS = load_digits().target.astype(np.int64)


def pairs(made, repeat=0):
    return [made.rows(repeat, fold) for fold in range(made.n_splits)]


def same_folds(found, splits):
    return all(
        np.array_equal(train, expected_train) and np.array_equal(held_out, expected)
        for (train, held_out), (expected_train, expected) in zip(found, splits, strict=True)
    )


def test_the_default_is_scikit_learns_stratified_5_42_on_the_digits_as_they_are_read():
    samples, spec = bundled.load_bundled("digits")
    assert np.array_equal(samples.target, DIGITS)
    made = plan(samples.target, ids_N=samples.ids_N, classes=spec.classes)
    assert made.fingerprint.startswith("b0e698045ea4")  # as in README.md
    splits = StratifiedKFold(5, shuffle=True, random_state=42).split(DIGITS, DIGITS)
    assert same_folds(pairs(made), splits)


@pytest.mark.parametrize("n_splits", [2, 5, 10])
@pytest.mark.parametrize("random_state", [0, 1, 42])
def test_kfold_and_stratified_are_scikit_learns(n_splits, random_state):
    options = {"n_splits": n_splits, "random_state": random_state}
    made = plan(DIGITS, **options), plan(DIGITS, "kfold", **options)
    reference = StratifiedKFold(shuffle=True, **options), KFold(shuffle=True, **options)
    for ours, theirs in zip(made, reference, strict=True):
        assert same_folds(pairs(ours), theirs.split(DIGITS, DIGITS))


@pytest.mark.parametrize(("strategy", "reference"), [("stratified", StratifiedKFold), ("kfold", KFold)])
def test_without_shuffling_the_seed_says_nothing(strategy, reference):
    made = plan(DIGITS, strategy, shuffle=False, random_state=7)
    assert same_folds(pairs(made), reference(5).split(DIGITS, DIGITS))


@pytest.mark.parametrize("strategy", ["stratified", "kfold"])
def test_seed_zero_is_a_seed(strategy):
    zero, again, other = (plan(DIGITS, strategy, random_state=seed).fold_of_row for seed in (0, 0, 42))
    assert np.array_equal(zero, again)
    assert not np.array_equal(zero, other)


@pytest.mark.parametrize("module", [stratified, kfold])
def test_a_strategy_yields_pairs(module):
    pairs = list(module.split(SplitRequest(np.arange(20) % 2, 4, random_state=0)))
    assert np.array_equal(np.sort(np.concatenate([held_out for _, held_out in pairs])), np.arange(20))
    assert all(len(train) == 15 and not set(train) & set(held_out) for train, held_out in pairs)


@pytest.mark.parametrize("path", sorted((REPOSITORY / "conf/cv").glob("*.yaml")), ids=lambda p: p.stem)
def test_every_choice_is_a_strategy_that_says_what_it_takes(path):
    module = strategy_module(path.stem)
    assert module.GROUPS in ("no", "may", "must")
    assert module.SHUFFLE in ("no", "may", "must")
    assert isinstance(module.N_SPLITS, bool)
    assert f"strategy: {path.stem}\n" in path.read_text(encoding="utf-8")
    if module.SHUFFLE == "no":
        assert "shuffle: false" in path.read_text(encoding="utf-8")


def test_every_strategy_has_its_choice():
    folder = Path(kfold.__file__).parent
    modules = {path.stem for path in folder.glob("*.py") if "N_SPLITS = " in path.read_text(encoding="utf-8")}
    assert modules == {path.stem for path in (REPOSITORY / "conf/cv").glob("*.yaml")}


@pytest.mark.parametrize("name", ["plan", "files", "nonsense"])
def test_other_modules_are_no_strategies(name):
    with pytest.raises(ConfigError, match=f"cv.strategy: unknown '{name}'"):
        plan(DIGITS, name)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.data())
def test_every_row_is_held_out_once_per_repeat_and_trained_on_otherwise(data):
    n_splits = data.draw(st.integers(2, 6))
    classes = data.draw(st.integers(2, 4))
    counts = data.draw(st.lists(st.integers(n_splits, 12), min_size=classes, max_size=classes))
    target = np.random.default_rng(0).permutation(np.repeat(np.arange(classes), counts))
    strategy = data.draw(st.sampled_from(["stratified", "kfold"]))
    made = plan(target, strategy, n_splits=n_splits, repeats=2, random_state=data.draw(st.integers(0, 99)))
    for repeat in range(2):
        rows = pairs(made, repeat)
        assert np.array_equal(np.sort(np.concatenate([held_out for _, held_out in rows])), np.arange(len(target)))
        for train, held_out in rows:
            assert np.array_equal(np.union1d(train, held_out), np.arange(len(target)))
            assert not len(np.intersect1d(train, held_out))
            assert len(held_out) > 0
            assert (np.diff(train) > 0).all()
            if strategy == "stratified":
                found = np.bincount(target[held_out], minlength=classes)
                assert (np.abs(found - np.array(counts) / n_splits) < 1).all()
