"""Runs that cannot be blended are refused, with what differs."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.inference.blend_cases import make_plan, noisy_logits, write_predictions
from trainer.errors import CheckpointError, ConfigError, DataError, FoldwiseError
from trainer.inference.members import read_members
from trainer.tasks import MULTICLASS, REGRESSION

N = 24
TARGET = np.arange(N) % 3
IDS = np.array([f"row{i}" for i in range(N)])
METRICS = ("accuracy",)


def run(path: Path, *, seed=1, target=TARGET, order=None, **options) -> Path:
    logits = noisy_logits(target, 3, 1.0, seed)
    if order is not None:
        plan = options.pop("plan", make_plan(N))
        plan = replace(plan, fold_of_row=plan.fold_of_row[:, order])
        return write_predictions(
            path, logits[order], target[order], ids=IDS[order], plan=plan, metrics=METRICS, **options
        )
    return write_predictions(path, logits, target, **{"metrics": METRICS, **options})


@pytest.fixture(scope="module")
def first(tmp_path_factory) -> Path:
    return run(tmp_path_factory.mktemp("first") / "a")


@pytest.fixture(scope="module")
def other(tmp_path_factory) -> Path:
    return run(tmp_path_factory.mktemp("other") / "b", seed=2)


def test_rows_in_another_order_are_put_in_that_of_the_first_run(tmp_path, first, other):
    order = np.random.default_rng(0).permutation(N)
    shuffled = run(tmp_path / "c", seed=2, order=order)
    one, two = read_members([first, other]), read_members([first, shuffled])
    np.testing.assert_array_equal(one.proba_KRNC, two.proba_KRNC)
    np.testing.assert_array_equal(one.scores_KRNC, two.scores_KRNC)
    assert two.notes == ()


def test_a_copy_of_a_run_may_be_blended_and_is_told(tmp_path, first):
    copy = run(tmp_path / "copy")
    assert "predict exactly the same" in read_members([first, copy]).notes[0]


REFUSED = {
    "labels": ({"target": np.roll(TARGET, 1)}, DataError, ["24 rows have other labels", "'row0': c2 there, c0 here"]),
    "rows": (
        {"ids": np.array([*IDS[:-1], "another"])},
        DataError,
        ["other rows", "'row23' is missing there and 'another' is not here"],
    ),
    "class order": ({"classes": ["c1", "c0", "c2"]}, DataError, ["the classes in another order: c1, c0, c2 there"]),
    "classes": ({"classes": ["x", "y", "z"]}, DataError, ["other classes: x, y, z there, c0, c1, c2 here"]),
    "folds": (
        {"plan": make_plan(N, seed=5)},
        DataError,
        ["other folds: ", "the first row 'row", "--allow-different-folds"],
    ),
    "number of folds": ({"plan": make_plan(N, 3)}, DataError, ["kfold, 3 folds x 1 there, kfold, 4 folds x 1 here"]),
}


@pytest.mark.parametrize("what", REFUSED)
def test_runs_that_do_not_fit_are_refused_with_what_differs(tmp_path, first, what):
    options, kind, said = REFUSED[what]
    with pytest.raises(kind) as refused:
        read_members([first, run(tmp_path / "b", **options)])
    assert all(words in str(refused.value) for words in said)
    assert len(str(refused.value).splitlines()) <= 5


def test_a_run_of_another_task_is_refused(tmp_path, first):
    numbers = write_predictions(tmp_path / "n", np.zeros((N, 1)), TARGET.astype(float), task=REGRESSION)
    with pytest.raises(DataError, match="a regression task there, multiclass here"):
        read_members([first, numbers])


def test_different_folds_are_blended_when_asked_for_over_rows_all_hold_out(tmp_path, first):
    fold_of_row = make_plan(N, seed=5).fold_of_row.copy()
    fold_of_row[0, 3] = -1
    other = run(tmp_path / "b", seed=2, plan=replace(make_plan(N, seed=5), fold_of_row=fold_of_row))
    members = read_members([first, other], allow_different_folds=True)
    expected = make_plan(N).fold_of_row.copy()
    expected[0, 3] = -1
    np.testing.assert_array_equal(members.plan.fold_of_row, expected)
    assert members.plan.fingerprint not in (members.first.plan.fingerprint, members.runs[1].plan.fingerprint)
    assert "flatters" in members.notes[0]


def test_one_run_and_the_same_run_twice_are_refused(first):
    with pytest.raises(ConfigError, match="two runs at least"):
        read_members([first])
    with pytest.raises(ConfigError, match="named twice"):
        read_members([first, first])
    with pytest.raises(ConfigError, match="named twice"):
        read_members([first, first.parent / "." / "a"])


def test_runs_that_are_unfinished_damaged_or_not_finite_are_refused(tmp_path, first):
    logits = noisy_logits(TARGET, 3, 1.0, 0)
    logits[5] = np.nan
    broken = write_predictions(tmp_path / "nan", logits, TARGET, metrics=METRICS)
    with pytest.raises(CheckpointError, match="are not finite, the first that of row 'row5'"):
        read_members([first, broken])
    unfinished = run(tmp_path / "unfinished")
    (unfinished / "fold_2" / "DONE").unlink()
    with pytest.raises(CheckpointError, match="1 of 4 folds are not finished: 2"):
        read_members([first, unfinished])
    changed = run(tmp_path / "changed")
    data = bytearray((changed / "fold_1" / "oof.parquet").read_bytes())
    data[len(data) // 2] ^= 1
    (changed / "fold_1" / "oof.parquet").write_bytes(data)
    with pytest.raises(CheckpointError, match="damaged"):
        read_members([first, changed])
    with pytest.raises(FoldwiseError, match="not a run directory"):
        read_members([first, tmp_path])


def test_the_task_of_the_cases_is_the_one_they_are_written_for(first, other):
    assert read_members([first, other]).first.task == MULTICLASS
