"""Folds trained as one model: a run with the same files, bit for bit, whichever of its options is set."""

import pytest

from tests.battery import some_of
from tests.faults.fingerprints import fingerprint, leftovers
from trainer.engine.stacked.stack import Stack
from trainer.store.checkpoints import load

COMMON = ("data=wine", "batch_size=16", "profile.enabled=false", "tracker.name=none", "baseline=off", "preflight=off")
RUNS = {
    "seeds": ("seed=[1,2]", "cv.n_splits=2", "max_epochs=3", "model.hidden=[16]"),
    "early stopping": (
        "cv.select=inner",
        "max_epochs=8",
        "fit.patience_epochs=1",
        "optimizer.lr=0.02",
        "cv.n_splits=3",
    ),
    "one layer": ("model.hidden=[]", "cv.n_splits=2", "max_epochs=2", "cv.repeats=2", "amp=O1", "batch_size=9"),
}


@pytest.fixture
def joint_steps(monkeypatch):
    sizes, take = [], Stack.take

    def noted(stack, steps, first):
        sizes.append(len(steps))
        return take(stack, steps, first)

    monkeypatch.setattr(Stack, "take", noted)
    return sizes


@pytest.mark.parametrize("kind", some_of(RUNS, ["early stopping", "one layer"]))
def test_the_files_of_a_run_are_the_same_bits(train, tmp_path, without_pictures, joint_steps, kind):
    for name, stack in (("apart", "off"), ("together", "8")):
        outcome = train(f"run={name}", f"cv.stack={stack}", "checkpoint.keep_final=true", *COMMON, *RUNS[kind])
        assert outcome.code == 0, outcome.err
        assert bool(joint_steps) == (stack == "8")
        assert "one by one" not in outcome.out
    apart, together = tmp_path / "runs/apart", tmp_path / "runs/together"
    assert fingerprint(apart) == fingerprint(together)
    for fold in sorted(apart.glob("fold_*")):
        assert same_checkpoint(load(fold), load(together / fold.name))


def same_checkpoint(one, other):
    from trainer.engine.snapshot import first_difference

    def timeless(loaded):
        progress = loaded.state["captured"]["progress"]
        progress = {key: value for key, value in progress.items() if "seconds" not in key and key != "epochs"}
        return {**loaded.state["captured"], "progress": progress}

    assert first_difference(timeless(one), timeless(other)) is None
    return one.position == other.position


def test_what_cannot_be_stacked_says_why_and_is_trained_all_the_same(train, without_pictures):
    outcome = train("cv.stack=4", "optimizer.lr=0.01", "fit.freeze_epochs=1", "max_epochs=1", "cv.n_splits=2", *COMMON)
    assert outcome.code == 0
    assert "cv.stack=4 has no effect: fit.freeze_epochs thaws layers as training goes on" in outcome.out


def test_one_fold_that_diverges_is_named_and_the_others_are_done(train, tmp_path, monkeypatch):
    from trainer.engine import stepwise

    real, seen = stepwise.require_finite, []

    def breaks(totals):
        seen.append(totals)
        if len(seen) == 2:  # the first step of the second fold
            totals.loss.fill_(float("nan"))
        real(totals)

    monkeypatch.setattr(stepwise, "require_finite", breaks)
    outcome = train("run=nan", "cv.stack=3", "cv.n_splits=3", "max_epochs=2", "model.hidden=[8]", *COMMON)
    assert outcome.code == 5
    assert "fold 1: the training loss is nan" in outcome.err
    run = tmp_path / "runs/nan"
    assert [fold.name for fold in sorted(run.glob("fold_*")) if (fold / "DONE").exists()] == ["fold_0", "fold_2"]
    assert leftovers(run) == []
