"""Against autograd: folds and steps that are trained with its gradients."""

from contextlib import ExitStack

import pytest
import torch
from torch import nn

from tests.engine.engine_cases import cross_entropy, learner, totals
from tests.engine.stacked import test_lockstep as folds
from trainer.data.loading.batches import Batch
from trainer.engine.flat import Flat
from trainer.engine.loops import train_step
from trainer.engine.modes import training
from trainer.engine.stacked.traced import NotStackable, traced
from trainer.models.dropout import Dropout
from trainer.models.mlp import MLP

FLOAT32 = {name: case for name, case in folds.CASES.items() if "amp" not in case}


def flat_of(model, *inputs):
    return Flat(model, traced(model, inputs))


def in_a_row(*, norm=False, p=0.2, hidden=16, n_outputs=3):
    """Layers that are all differentiated one by one (dropout of both kinds), behind a normalisation if there is one."""
    first = [nn.LayerNorm(4)] if norm else []
    layers = [nn.Linear(4, hidden), nn.ReLU(), nn.Dropout(p), nn.Linear(hidden, hidden), nn.ReLU(), Dropout(p)]
    return nn.Sequential(*first, *layers, nn.Linear(hidden, n_outputs))


@pytest.fixture
def flat_steps(monkeypatch):
    """Train the learners of ``folds`` with flat gradients; the steps that were taken so, without those of a proof."""
    made, computed, taken = folds.learner, Flat._losses, []

    def with_flat(model, **options):
        it = made(model, **options)
        it.flat = flat_of(model, "x")
        return it

    def noted(flat, it, batches, divisor):
        taken.append(len(batches))
        return computed(flat, it, batches, divisor)

    monkeypatch.setattr(folds, "learner", with_flat)
    monkeypatch.setattr(Flat, "_losses", noted)
    return taken


@pytest.mark.parametrize("body", [folds.body, in_a_row])
@pytest.mark.parametrize("case", FLOAT32.values(), ids=FLOAT32)
def test_a_fold_comes_to_the_same_bits(case, body, flat_steps, monkeypatch):
    monkeypatch.setattr(folds, "body", body)
    found = folds.alone(case, range(2))
    assert len(flat_steps) > 2 * 8
    with monkeypatch.context() as patch:
        patch.setattr(folds, "learner", learner)
        flat_steps.clear()
        expected = folds.alone(case, range(2))
    assert not flat_steps
    folds.require_same(found, expected)


def batches_of(n_batches, sizes=(8, 8, 5)):
    """Batches of two numbers and two codes a row."""
    source = torch.Generator().manual_seed(3)
    for number in range(n_batches):
        size = sizes[number % len(sizes)]
        codes = torch.stack([torch.randint(n, (size,), generator=source) for n in (4, 9)], dim=1)
        inputs = {"numeric": torch.randn(size, 2, generator=source), "categorical": codes}
        target = torch.randint(3, (size,), generator=source)
        yield Batch(inputs, target, torch.ones(size), torch.arange(size), unweighted=True)


def trained(model, *, flat, loss=None):
    torch.manual_seed(7)
    it = learner(model, optimizer=folds.adamw, lr=0.01, loss=loss)
    it.flat = flat_of(model, "numeric", "categorical") if flat else None
    for batch in batches_of(12):
        with training(model):
            train_step(it, [batch], None, totals())
    return it, [*(p.detach() for p in model.parameters()), torch.get_rng_state()]


@pytest.mark.parametrize("loss", [cross_entropy(), cross_entropy(label_smoothing=0.1)], ids=["plain", "smoothed"])
@pytest.mark.parametrize("hidden", [(16,), (16, 8, 8)])
def test_embeddings_before_the_layers_are_differentiated_by_autograd(hidden, loss):
    def made():
        torch.manual_seed(1)
        return MLP(2, 3, cardinalities=(4, 9), hidden=hidden, dropout=0.3)

    (it, found), (_, expected) = trained(made(), flat=True, loss=loss), trained(made(), flat=False, loss=loss)
    assert it.flat is not None
    assert len(it.flat.proved) == 2  # batches of 8 and of 5
    assert all(map(torch.equal, found, expected))


@pytest.mark.parametrize("seed", range(4))
def test_batches_of_one_row_into_one_hidden_number(seed):
    """autograd multiplies the other way around there, which hardly any step shows by its bits."""

    def trained_on(flat):
        torch.manual_seed(seed)
        it = learner(MLP(2, 3, cardinalities=(4, 9), hidden=(8, 1), dropout=0.1), optimizer=folds.adamw, lr=0.01)
        it.flat = flat_of(it.model, "numeric", "categorical") if flat else None
        for batch in batches_of(30, sizes=(1,)):
            with training(it.model):
                train_step(it, [batch], None, totals())
        return [p.detach() for p in it.model.parameters()]

    assert all(map(torch.equal, trained_on(flat=True), trained_on(flat=False)))


def test_where_the_bits_are_others_autograd_goes_on(monkeypatch):
    def made():
        torch.manual_seed(1)
        return MLP(2, 3, cardinalities=(4, 9), hidden=(16,), dropout=0.3)

    backward = Flat._backward

    def off_by_a_bit(flat, d, kept, *, wanted):
        return backward(flat, torch.nextafter(d, torch.tensor(9.0)), kept, wanted=wanted)

    monkeypatch.setattr(Flat, "_backward", off_by_a_bit)
    (it, found), (_, expected) = trained(made(), flat=True), trained(made(), flat=False)
    assert it.flat is None
    assert all(map(torch.equal, found, expected))


@pytest.mark.parametrize(
    ("model", "why"),
    [
        (nn.Sequential(nn.Linear(4, 3), nn.LogSoftmax(1)), "its last layer is not linear"),
        (nn.Sequential(nn.Linear(4, 3).requires_grad_(False)), "frozen"),
        (nn.Sequential(nn.Conv1d(1, 1, 1), nn.Linear(4, 3)), "Conv1d"),
    ],
)
def test_what_it_refuses(model, why):
    with pytest.raises(NotStackable, match=why):
        flat_of(model, "input")


def test_only_layers_that_follow_each_other_to_the_logits():
    class Skips(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second, self.head = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 3)

        def forward(self, x):
            kept = self.first(x).relu()
            return self.head(kept + self.second(kept).relu())

    model = Skips()
    assert [layer for _, layer in flat_of(model, "x").layers] == [model.head]
    with ExitStack() as stack:
        stack.enter_context(training(model))
        it = learner(model)
        it.flat = flat_of(model, "x")
        x = torch.randn(8, 4)
        batch = Batch({"x": x}, torch.randint(3, (8,)), torch.ones(8), torch.arange(8), unweighted=True)
        train_step(it, [batch], None, totals())
        assert it.flat is not None
