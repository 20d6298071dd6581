import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from tests.fake_results import make_fold
from tests.metrics.test_summary import held_out_only, ids, some_held_out
from trainer.errors import CheckpointError
from trainer.metrics import pooled
from trainer.metrics.pooled import pool_out_of_fold
from trainer.system import mapped_arrays
from trainer.tasks import MULTICLASS


def test_pool_puts_every_row_where_it_came_from(fake_result):
    _, oof, folds = fake_result(repeats=2)
    assert len(oof.ids) == 180
    assert oof.ids[:90].tolist() == oof.ids[90:].tolist() == ids(90).tolist()
    for part in folds:
        where = part.repeat * 90 + part.rows
        assert np.array_equal(oof.proba[where], part.proba)
        assert np.array_equal(oof.logits[where], part.logits)
        assert np.array_equal(oof.loss[where], part.loss)
        assert (oof.fold[where] == part.fold).all()
        assert (oof.repeat[where] == part.repeat).all()
    assert np.isfinite(oof.proba).all()


def test_pool_of_a_holdout_takes_the_room_of_the_rows_that_are_held_out():
    """Of 200,000 rows with 50 classes 1 % is held out, twice; all rows and classes would be 80 MB."""
    n, held, proba = 200_000, np.arange(0, 200_000, 100), np.full((200_000, 50), 0.02, dtype=np.float32)
    target, fold_of_row = np.arange(n) % 50, np.full((2, n), -1)
    fold_of_row[0, held] = fold_of_row[1, held + 1] = 0
    folds = [make_fold([], MULTICLASS, target, proba, rows=held + repeat, repeat=repeat) for repeat in range(2)]
    names = ids(n)
    tracemalloc.start()
    oof = pool_out_of_fold(folds, names, target, 2, fold_of_row=fold_of_row)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 15e6
    assert oof.ids.tolist() == [*names[held], *names[held + 1]]
    assert np.array_equal(oof.loss, np.concatenate([part.loss for part in folds]))
    assert np.array_equal(oof.target, [*target[held], *target[held + 1]])
    assert oof.repeat.tolist() == [0] * 2000 + [1] * 2000


def test_pool_of_very_many_rows_is_mapped_from_files_and_the_same(fake_result, tmp_path, monkeypatch):
    monkeypatch.setattr(pooled, "MANY_ROWS", 100)
    monkeypatch.setattr(mapped_arrays, "CHUNK_ROWS", 7)
    _, whole, folds = fake_result(repeats=2)
    for fold_of_row in (None, some_held_out(folds)):
        parts = folds if fold_of_row is None else held_out_only(folds, fold_of_row)
        given = parts[::-1], whole.ids[:90], whole.target[:90], 2
        kept = pool_out_of_fold(*given, fold_of_row=fold_of_row)
        mapped = pool_out_of_fold(*given, fold_of_row=fold_of_row, scratch=tmp_path)
        for name in ("ids", "fold", "repeat", "target", "proba", "logits", "loss"):
            np.testing.assert_array_equal(getattr(mapped, name), getattr(kept, name))
        assert not mapped.proba.flags.owndata
    assert list(tmp_path.iterdir()) == []


def test_of_rows_that_are_all_held_out_once_nothing_is_copied(fake_result):
    _, whole, folds = fake_result()
    oof = pool_out_of_fold(folds, whole.ids, whole.target, fold_of_row=whole.fold.reshape(1, -1))
    assert oof.ids is whole.ids
    assert oof.target is whole.target
    assert oof.repeat.strides == (0,)


def test_pool_names_rows_of_another_fold(fake_result):
    _, oof, folds = fake_result()
    planned = oof.fold.reshape(1, -1).copy()
    planned[0, [3, 5]] = (planned[0, [3, 5]] + 1) % 3
    message = (
        rf"2 of 90 rows predicted by fold {oof.fold[3]}, which fold {planned[0, 3]} holds out, .* row 3 \(id 'row3'\)"
    )
    with pytest.raises(CheckpointError, match=message):
        pool_out_of_fold(folds, oof.ids, oof.target, 1, fold_of_row=planned)


def test_pool_does_not_depend_on_the_order_of_folds(fake_result):
    _, oof, folds = fake_result()
    again = pool_out_of_fold(folds[::-1], oof.ids, oof.target, 1)
    assert np.array_equal(again.proba, oof.proba)


def test_pool_names_missing_rows(fake_result):
    _, oof, folds = fake_result()
    row = int(folds[1].rows[0])
    with pytest.raises(CheckpointError, match=rf"30 of 90 rows not predicted in repeat 0: row {row} \(id 'row{row}'\)"):
        pool_out_of_fold([folds[0], folds[2]], oof.ids, oof.target, 1)


def test_pool_names_rows_predicted_twice(fake_result):
    _, oof, folds = fake_result()
    with pytest.raises(CheckpointError, match="30 of 90 rows predicted more than once in repeat 0"):
        pool_out_of_fold([*folds, folds[1]], oof.ids, oof.target, 1)
    double = replace(folds[0], rows=np.repeat(folds[0].rows[:15], 2))
    with pytest.raises(CheckpointError, match="15 of 90 rows predicted more than once"):
        pool_out_of_fold([double, *folds[1:]], oof.ids, oof.target, 1)


def test_pool_wants_every_repeat(fake_result):
    _, oof, folds = fake_result()
    with pytest.raises(CheckpointError, match="90 of 90 rows not predicted in repeat 1"):
        pool_out_of_fold(folds, oof.ids, oof.target, 2)


def test_pool_holds_the_rows_that_are_held_out_in_input_order(fake_result):
    _, whole, folds = fake_result(repeats=2)
    fold_of_row = some_held_out(folds)
    parts, group_N = held_out_only(folds, fold_of_row), np.arange(90) // 2
    oof = pool_out_of_fold(parts, whole.ids[:90], whole.target[:90], 2, fold_of_row=fold_of_row, group_N=group_N)
    whole = replace(whole, group=np.tile(group_N, 2))
    kept = (fold_of_row >= 0).reshape(-1)
    for name in vars(oof):
        assert np.array_equal(getattr(oof, name), getattr(whole, name)[kept]), name
    assert len(oof.ids) == 120


def test_pool_refuses_what_the_plan_does_not_hold_out(fake_result):
    _, whole, folds = fake_result(repeats=2)
    fold_of_row = some_held_out(folds)
    with pytest.raises(CheckpointError, match="30 of 90 rows predicted that are never held out in repeat 0: row 0 "):
        pool_out_of_fold(folds, whole.ids[:90], whole.target[:90], 2, fold_of_row=fold_of_row)
    parts = held_out_only(folds, fold_of_row)
    with pytest.raises(CheckpointError, match="rows not predicted in repeat 1"):
        pool_out_of_fold(parts[:-1], whole.ids[:90], whole.target[:90], 2, fold_of_row=fold_of_row)


def test_pool_refuses_the_right_rows_from_the_wrong_fold(fake_result):
    _, whole, folds = fake_result()
    fold_of_row = np.full((1, 90), -1)
    for part in folds:
        fold_of_row[0, part.rows] = part.fold
    swapped = [replace(folds[0], fold=1), replace(folds[1], fold=0), folds[2]]
    with pytest.raises(CheckpointError, match=r"60 of 90 rows predicted by fold \d, which fold \d holds out,"):
        pool_out_of_fold(swapped, whole.ids, whole.target, fold_of_row=fold_of_row)
