"""State in odd places: it comes back with the same bits, or is refused in time."""

import enum

import pytest
import torch
from torch import nn

from tests.engine.engine_cases import cross_entropy, dataset, fold, learner, level, made, settings
from tests.engine.test_snapshot import IDENTITY, SPEC, Killed, assert_same, checkpointer, fit
from trainer.engine.snapshot import all_weights_finite, capture
from trainer.errors import CheckpointError
from trainer.losses.ce import CrossEntropy
from trainer.store import checkpoints


def run(it, directory=None, kill_at=None, **changes):
    kept = None if directory is None else checkpointer(directory, kill_at)
    return fit(it, dataset(40, seed=4), fold(40, range(0, 40, 4)), settings(batch_size=4, **changes), SPEC, [], kept)


def killed_and_straight(tmp_path, fresh):
    """A run killed after step 11 and resumed, and one that was not."""
    directory = tmp_path / "fold"
    directory.mkdir()
    with pytest.raises(Killed):
        run(fresh(), directory, kill_at=11)
    return run(fresh(), directory), run(fresh())


class Growing(nn.Module):
    """A cache that is made in ``forward`` and grows, as rotary embeddings have, and a mask of -inf."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.head = nn.Linear(4, 3)
        self.register_buffer("mask", torch.full((2, 2), float("-inf")))
        self.register_buffer("seen", torch.zeros(0), persistent=False)

    def forward(self, x):
        if self.training:
            self.register_buffer("seen", torch.cat([self.seen, x.mean().reshape(1)]), persistent=False)
        return self.head(x) + self.seen.sum()


def test_a_buffer_that_grows_and_one_that_holds_infinities(tmp_path):
    assert_same(*killed_and_straight(tmp_path, lambda: learner(Growing())))


class Remembering(CrossEntropy):
    """A loss that scales by what it has seen, kept in a buffer that state_dict leaves out."""

    def __init__(self, **options):
        super().__init__(**options)
        self.register_buffer("calls", torch.zeros(()), persistent=False)

    def forward(self, logits, target):
        self.calls += 1
        return super().forward(logits, target) * (1 + 0.01 * float(self.calls))


def test_a_loss_with_a_buffer(tmp_path):
    counts = {"n_classes": 3, "class_counts": [10, 10, 10]}
    assert_same(*killed_and_straight(tmp_path, lambda: learner(loss=Remembering(**counts))))


@pytest.mark.parametrize("optimizer", [torch.optim.NAdam, torch.optim.ASGD])
def test_optimizer_state_of_another_dtype_than_the_weights(tmp_path, optimizer):
    half = level("O3", dtype="bf16")
    assert_same(*killed_and_straight(tmp_path, lambda: learner(amp=half, optimizer=optimizer, lr=0.01)))


class Kind(enum.IntEnum):
    ONE = 1


@pytest.mark.parametrize("value", [Kind.ONE, object(), torch.zeros(2).as_subclass(type("Odd", (torch.Tensor,), {}))])
def test_what_could_not_be_loaded_again_is_refused_at_the_first_step(tmp_path, value):
    it = learner()
    it.optimizer.param_groups[0]["odd"] = value
    kept = checkpointer(tmp_path, every_n_steps=None)
    with pytest.raises(CheckpointError, match=r"cannot save state\.optimizer\.param_groups\[0\]\.odd"):
        fit(it, dataset(40, seed=4), fold(40), settings(batch_size=4), SPEC, [], kept)
    assert not list(tmp_path.glob("step-*"))


def test_extra_state_of_a_module(tmp_path):
    class Extra(nn.Linear):
        def get_extra_state(self):
            return {"version": 3}

        def set_extra_state(self, state):
            assert state == {"version": 3}

    def fresh():
        torch.manual_seed(0)
        return learner(nn.Sequential(nn.Identity(), Wrapped(Extra(4, 3))))

    class Wrapped(nn.Module):
        def __init__(self, inner):
            super().__init__()
            self.inner = inner

        def forward(self, x):
            return self.inner(x)

    fresh_model = fresh().model
    state = capture(fresh(), progress_of())
    assert all_weights_finite(state)
    assert "1.inner._extra_state" in fresh_model.state_dict()


def progress_of():
    from tests.engine.test_snapshot import progressed

    return progressed()


def test_smaller_step_numbers_after_a_forced_change_are_kept(tmp_path):
    it = learner(made(), loss=cross_entropy())
    kept = checkpointer(tmp_path, identity=IDENTITY)
    for step in (199, 200, 21, 22, 23):
        kept.saved = None
        kept.save(it, progress_of(), checkpoints.Position(1, step))
    assert [path.name for path in sorted(tmp_path.glob("*.json"))] == ["step-00000022.json", "step-00000023.json"]
