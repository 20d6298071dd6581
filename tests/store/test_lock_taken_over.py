"""A process that stands still at any call of the store while another takes its fold over, and then goes on."""

import os

import numpy as np
import pytest

from tests.store.test_checkpoints import OPERATIONS, in_a_child, state
from trainer.errors import FoldBusyError
from trainer.results import FoldResult
from trainer.store import checkpoints
from trainer.store.checkpoints import Position
from trainer.store.fold_files import save_fold
from trainer.store.lock import NAME, FoldLock, FoldLostError, read_holder
from trainer.store.status import survey
from trainer.system import files

IDENTITY = {"config": {}, "content": {}, "software": {}, "hardware": {}, "length": {"max_epochs": 0}}
ROWS, COLUMNS = np.arange(2), np.ones((2, 3), np.float32)
RESULT = FoldResult(0, 0, ROWS, COLUMNS, COLUMNS, COLUMNS[:, 0], {}, (), best_epoch=0, n_train=4, seconds=1.0)
LOST, NO_SUCH_CALL = 7, 3


def train(run, by):
    """What a run does with a fold: lock, some checkpoints, the result, clean up; the files say whose they are."""
    directory = run / "fold_0"
    with FoldLock(directory) as lock, lock.explaining():
        if survey(run, [0], 0)[0].done:
            return
        for step in (1, 2):
            checkpoints.save(directory, Position(1, step), state(step), lock.require_ours)
        own = {"preprocess.json": by}
        save_fold(directory, RESULT, amp={}, identity=IDENTITY, files=own, still_ours=lock.require_ours)
        lock.require_ours()
        checkpoints.remove_all(directory)


def stand_still_at(k, meanwhile):
    """Let something else happen before the store's k-th call of the operating system; count the calls."""
    count = 0

    def slow(call):
        def wrapped(*arguments, **options):
            nonlocal count
            count += 1
            if count == k:
                meanwhile()
            return call(*arguments, **options)

        return wrapped

    class Slow:
        def __getattr__(self, name):
            value = getattr(os, name)
            return slow(value) if name in OPERATIONS else value

    files.os = Slow()
    return lambda: count


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != NAME}


# The ordinary command tries every eighth call, and another that is done by then; one that trains on has the same files.
@pytest.mark.parametrize(
    ("every", "trains_on"),
    [(8, False), *(pytest.param(1, on, marks=pytest.mark.battery) for on in (False, True))],
)
def test_whoever_comes_back_changes_nothing(tmp_path, monkeypatch, every, trains_on):
    monkeypatch.setattr(files, "STALE_SECONDS", 0.05)  # where it stands still while it takes the lock
    lost, k = 0, 0
    while True:
        k += every
        run, then = tmp_path / str(k), tmp_path / f"{k}-then"
        fold = run / "fold_0"

        def other(run=run, fold=fold):
            """Take over what has given no sign of life."""
            files.os = os
            if (fold / NAME).exists():
                os.utime(fold / NAME, (1, 1))
            train(run, b"other")
            if trains_on:
                (fold / NAME).write_text('{"host": "b", "pid": 1, "started": "1", "machine": "m", "token": "t"}')

        def meanwhile(fold=fold, then=then, other=other):
            assert in_a_child(other) == 0
            then.mkdir()
            for name, data in contents(fold).items():
                (then / name).write_bytes(data)

        def stands_still(run=run, k=k, meanwhile=meanwhile):
            calls = stand_still_at(k, meanwhile)
            try:
                train(run, b"whoever comes back")
            except (FoldLostError, FoldBusyError):
                os._exit(LOST)
            os._exit(0 if calls() >= k else NO_SUCH_CALL)

        status = in_a_child(stands_still)
        if status == NO_SUCH_CALL:
            break
        assert status in (0, LOST), k
        lost += status == LOST
        written_by = (then / "preprocess.json").read_bytes()
        assert (fold / "preprocess.json").read_bytes() == written_by, k
        if written_by == b"other":
            assert contents(fold) == contents(then), k
    assert lost > 30 // every


def test_a_lock_that_is_taken_over_counts_the_attempts(tmp_path):
    path = tmp_path / "fold_0" / NAME

    def take_over():
        FoldLock(path.parent).__enter__()
        os._exit(0)  # and dies

    with FoldLock(path.parent) as first:
        assert read_holder(path).attempt == 1
        os.utime(path, (1, 1))
        assert in_a_child(take_over) == 0
        with pytest.raises(FoldLostError, match=r"\(attempt 2, this is 1\)"):
            first.require_ours()
    with FoldLock(path.parent):
        assert read_holder(path).attempt == 3
