"""A fold that dies before or after any single call of the store: the next attempt ends with the same bits."""

import os

import pytest
from safetensors.torch import save as to_safetensors

from tests.battery import some_of
from tests.engine.engine_cases import SPEC, dataset, fold, learner, settings
from tests.store.test_checkpoints import die_at, in_a_child
from trainer.config.schema import CheckpointConfig
from trainer.engine.checkpointer import Checkpointer
from trainer.engine.fit import fit
from trainer.store.checkpoints import remove_all
from trainer.store.fold_files import load_fold, save_fold
from trainer.store.lock import FoldLock
from trainer.store.status import survey
from trainer.system import files

IDENTITY = {"config": {}, "content": {}, "software": {}, "hardware": {}, "length": {"max_epochs": 1}}


def train(run):
    """What a run does with one fold: lock, train with a save after each step, write the result, clean up."""
    directory = run / "fold_0"
    with FoldLock(directory) as lock, lock.explaining():
        if survey(run, [0], 1)[0].done:
            return
        checkpointer = Checkpointer(
            directory,
            identity=IDENTITY,
            settings=CheckpointConfig(every_n_steps=1, background=False),
            force=False,
            still_ours=lock.require_ours,
            print_line=lambda line: None,
        )
        with checkpointer:
            it = learner(decay=0.5)
            result, weights = fit(it, dataset(11), fold(11, (0, 5)), settings(max_epochs=1), SPEC, [], checkpointer)
        own = {"model.safetensors": to_safetensors(weights)}
        save_fold(directory, result, amp={}, identity=IDENTITY, files=own, still_ours=lock.require_ours)
        lock.require_ours()
        remove_all(directory)


def bits(run):
    saved = load_fold(run / "fold_0").result
    return (run / "fold_0/model.safetensors").read_bytes(), saved.logits.tobytes(), saved.loss.tobytes()


# The ordinary command tries every fourth call. After a call the disk is as it is before the next one.
@pytest.mark.parametrize(
    ("every", "after"), some_of([(4, False), (1, False), (1, True)], [(4, False)]), ids=["some", "before", "after"]
)
def test_a_fold_that_dies_at_any_call_ends_the_same(tmp_path, every, after):
    train(tmp_path / "straight")
    expected, died, k = bits(tmp_path / "straight"), 0, 0
    while True:
        k += every
        run = tmp_path / str(k)

        def work(run=run, k=k):
            die_at(k, after)
            train(run)

        status = in_a_child(work)
        if status == 0:
            break
        assert status == 9
        died += 1
        train(run)
        assert bits(run) == expected, k
        left = {path.name for path in (run / "fold_0").iterdir()}
        assert left >= {"DONE", "metrics.jsonl", "model.safetensors", "oof.parquet"}
        assert files.os is os
    assert died > 35 // every
