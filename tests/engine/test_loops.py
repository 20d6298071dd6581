import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tests.engine.engine_cases import (
    CLASSES,
    Small,
    cross_entropy,
    dataset,
    learner,
    level,
    made,
    same_state,
    state_of,
    totals,
)
from trainer.data.loading.batch_order import training_order
from trainer.data.loading.batches import TokenRows, TrainingSet
from trainer.engine.loops import predict, train_step
from trainer.engine.modes import training
from trainer.engine.stepwise import epoch_steps, take_all
from trainer.errors import ConfigError, NonFiniteError
from trainer.losses.bce import BinaryCrossEntropy
from trainer.tasks import BINARY

WEIGHTS = [0.2, 1.0, 5.0]


def one_step(it, data, batches, clip_norm=None, sums=None):
    with training(it.model):
        train_step(it, [data.batch(np.asarray(rows)) for rows in batches], clip_norm, sums or totals())


def epoch(it, data, order, *, accumulate_steps=1, clip_norm=None, on_step=lambda sums: None):
    sums = totals()
    batches = data.batches(order, key=None)
    options = {"accumulate_steps": accumulate_steps, "clip_norm": clip_norm, "on_step": on_step}
    take_all(epoch_steps(it, batches, sums, **options))
    return sums


def gradient_of_step(before, after, lr):
    """What plain SGD must have seen."""
    return [(before[name] - after[name]) / lr for name in before]


def weighted_mean(model, data, class_weights):
    """torch's own weighted mean over all rows, times the sample weights (float64)."""
    model = copy.deepcopy(model).double()
    weight_C = None if class_weights is None else torch.tensor(class_weights, dtype=torch.float64)
    rows_N = torch.arange(len(data))
    losses = F.cross_entropy(
        model(data.rows.take(rows_N)["x"].double()), data.target, weight=weight_C, reduction="none"
    )
    factor_N = torch.ones(len(data)).double() if weight_C is None else weight_C[data.target]
    mean = (losses * data.weights_N.double()).sum() / (factor_N * data.weights_N.double()).sum()
    return mean.detach(), torch.autograd.grad(mean, list(model.parameters()))


@pytest.mark.parametrize("class_weights", [None, WEIGHTS])
@pytest.mark.parametrize("weighted_rows", [False, True])
@pytest.mark.parametrize("cuts", [[23], [10, 13], [5, 5, 5, 5, 3], [1] * 23])
def test_accumulation_over_ragged_batches_is_one_full_batch(class_weights, weighted_rows, cuts):
    weights_N = torch.rand(23, generator=torch.Generator().manual_seed(3)) * 4 if weighted_rows else None
    data, lr = dataset(weights=weights_N), 0.25
    it = learner(lr=lr, loss=cross_entropy(class_weights=class_weights))
    mean, gradient = weighted_mean(it.model, data, class_weights)
    before = state_of(it.model)
    sums = totals()
    one_step(it, data, np.split(np.arange(23), np.cumsum(cuts)[:-1]), sums=sums)
    assert sums.mean() == pytest.approx(float(mean), rel=1e-5)
    for found, expected in zip(gradient_of_step(before, state_of(it.model), lr), gradient, strict=True):
        torch.testing.assert_close(found.double(), expected, rtol=2e-4, atol=1e-6)


@pytest.mark.parametrize(("class_weights", "smoothing"), [(None, 0.0), (None, 0.3), (WEIGHTS, 0.0)])
def test_votes_are_torchs_cross_entropy_of_probabilities(class_weights, smoothing):
    votes_NC = torch.rand(23, CLASSES, generator=torch.Generator().manual_seed(4))
    votes_NC /= votes_NC.sum(dim=1, keepdim=True)
    data, lr = replace(dataset(), votes_NC=votes_NC), 0.25
    it = learner(lr=lr, loss=cross_entropy(class_weights=class_weights, label_smoothing=smoothing))
    logits, before = it.model(data.rows.take(torch.arange(23))["x"]), state_of(it.model)
    weight_C = torch.ones(CLASSES) if class_weights is None else torch.tensor(class_weights)
    losses = F.cross_entropy(logits, votes_NC, weight=weight_C, reduction="sum", label_smoothing=smoothing)
    mean = losses / (votes_NC * weight_C).sum()
    gradient = torch.autograd.grad(mean, list(it.model.parameters()))
    sums = totals()
    one_step(it, data, [range(10), range(10, 23)], sums=sums)
    assert sums.mean() == pytest.approx(float(mean.detach()), rel=1e-5)
    for found, expected in zip(gradient_of_step(before, state_of(it.model), lr), gradient, strict=True):
        torch.testing.assert_close(found, expected, rtol=2e-4, atol=1e-6)


@pytest.mark.parametrize("class_weights", [None, WEIGHTS])
@pytest.mark.parametrize("scale", ["1", "100"])
def test_leaving_out_weights_of_one_does_not_change_a_bit(class_weights, scale):
    found = []
    for unweighted in (False, True):
        data = replace(dataset(), unweighted=unweighted)
        it = learner(lr=0.3, loss=cross_entropy(class_weights=class_weights), amp=level("O0", loss_scale=scale))
        it.loss.counts_rows = it.loss.counts_rows and unweighted
        sums = epoch(it, data, np.split(np.random.default_rng(1).permutation(23), [5, 10, 15, 20]), accumulate_steps=2)
        found.append({**state_of(it.model), "loss": sums.loss, "weight": sums.weight})
    assert same_state(*found)


def test_full_batch_class_weighted_mean_is_exactly_torchs():
    """The reference itself: without sample weights it is ``F.cross_entropy(weight=...)``."""
    data, model = dataset(), made()
    mean, _ = weighted_mean(model, data, WEIGHTS)
    logits = model.double()(data.rows.take(torch.arange(23))["x"].double())
    expected = F.cross_entropy(logits, data.target, weight=torch.tensor(WEIGHTS, dtype=torch.float64))
    assert float(mean) == pytest.approx(float(expected.detach()), rel=1e-12)


def test_an_epoch_takes_a_ragged_last_window_as_its_own_average():
    """23 rows in batches of 5, two batches a step: windows of 10, 10 and 3 rows."""
    data, lr = dataset(), 0.2
    it = learner(lr=lr)
    order = np.split(np.arange(23), [5, 10, 15, 20])
    sums = epoch(it, data, order, accumulate_steps=2)
    model = made()
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    for window in (np.arange(10), np.arange(10, 20), np.arange(20, 23)):
        optimizer.zero_grad()
        F.cross_entropy(model(data.batch(window).inputs["x"]), data.target[window]).backward()
        optimizer.step()
    assert sums.steps == 3
    for name, value in state_of(model).items():
        torch.testing.assert_close(it.model.state_dict()[name], value, rtol=1e-5, atol=1e-6)


def test_a_window_of_weightless_rows_changes_nothing():
    data = dataset(weights=[0.0] * 5 + [1.0] * 18)
    it = learner()
    before = state_of(it.model)
    sums = totals()
    one_step(it, data, [np.arange(5)], sums=sums)
    assert same_state(state_of(it.model), before)
    one_step(it, data, [np.arange(5, 23)], sums=sums)
    assert np.isfinite(sums.mean())


@pytest.mark.parametrize("scale", ["1", "65536", "dynamic"])
def test_clipping_comes_after_unscaling(scale):
    """Equal to torch by hand whatever the loss scale: 2**16 would otherwise clip every gradient to nothing."""
    data, lr, clip_norm = dataset(), 0.5, 0.05
    it = learner(amp=level("O0", loss_scale=scale), lr=lr)
    assert it.precision.scaler.scale == (1.0 if scale == "1" else 2.0**16)
    one_step(it, data, [np.arange(23)], clip_norm=clip_norm)
    model = made()
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    F.cross_entropy(model(data.batch(np.arange(23)).inputs["x"]), data.target).backward()
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), clip_norm)
    optimizer.step()
    assert float(norm) > 2 * clip_norm
    for name, value in state_of(model).items():
        torch.testing.assert_close(it.model.state_dict()[name], value, rtol=1e-5, atol=1e-7)


class Exploding(Small):
    """Its loss becomes ``value`` from the k-th forward pass on."""

    def __init__(self, k, value):
        super().__init__()
        self.calls, self.k, self.value = 0, k, value

    def forward(self, x):
        self.calls += 1
        return super().forward(x) + (self.value if self.calls >= self.k else 0.0)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("k", [1, 3, 5])
def test_a_loss_that_is_not_finite_stops_within_the_step(value, k):
    data = dataset(25)
    it = learner(Exploding(k, value))
    seen = []
    with pytest.raises(NonFiniteError, match=rf"training loss is nan at step {k} of the epoch"):
        epoch(it, data, np.split(np.arange(25), 5), on_step=lambda sums: seen.append(sums.steps))
    assert it.model.calls == k
    assert seen == list(range(1, k))
    assert it.model.training  # as it came


def test_nan_in_the_data_stops_at_its_batch():
    data = dataset(25)
    data.rows.inputs["x"][12, 1] = float("nan")
    with pytest.raises(NonFiniteError, match="at step 3 "):
        epoch(learner(), data, np.split(np.arange(25), 5))


def test_the_scheduler_and_the_average_follow_only_steps_that_were_taken():
    data = dataset()
    it = learner(amp=level("O0", loss_scale="dynamic"), decay=0.5, schedule=lambda step: 1 / (1 + step))
    it.precision.scaler.scale = 2.0**24
    overflow = {2, 3}
    before, taken, sums = state_of(it.model), 0, totals()
    for number in range(6):
        if number in overflow:
            head = it.model.head.weight
            handle = head.register_hook(lambda gradient: gradient * float("inf"))
        one_step(it, data, [np.arange(23)], sums=sums)
        if number in overflow:
            handle.remove()
            assert same_state(state_of(it.model), before)
        else:
            assert not same_state(state_of(it.model), before)
            taken += 1
        assert it.scheduler.last_epoch == it.average.updates == sums.steps == taken
        assert it.optimizer.param_groups[0]["lr"] == pytest.approx(0.1 / (1 + taken))
        before = state_of(it.model)
    assert taken == 4
    assert it.precision.scaler.skipped_steps == 2
    assert it.precision.scaler.scale == 2.0**22


def test_the_mean_of_an_epoch_is_over_rows_not_over_batches():
    data, it = dataset(), learner(lr=1e-12)
    order = np.split(np.arange(23), [20])
    sums = epoch(it, data, order)
    expected = F.cross_entropy(it.model(data.batch(np.arange(23)).inputs["x"]), data.target).detach()
    assert sums.mean() == pytest.approx(float(expected), rel=1e-5)
    halves = [F.cross_entropy(it.model(data.batch(rows).inputs["x"]), data.target[rows]) for rows in order]
    assert abs(float(sum(halves).detach()) / 2 - float(expected)) > 1e-3


class Bag(nn.Module):
    """Mean of word vectors; a row's logits depend on its own tokens alone."""

    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(50, CLASSES, padding_idx=0)
        self.dropout = nn.Dropout(0.5)

    def forward(self, tokens):
        return self.dropout(self.table(tokens).sum(1)) / (tokens > 0).sum(1, keepdim=True)


@pytest.mark.parametrize("batch_size", [1, 4, 100])
def test_predictions_come_in_row_order_from_batches_sorted_by_length(batch_size):
    generator = np.random.default_rng(0)
    lengths = generator.integers(1, 12, 40)
    texts = [generator.integers(1, 50, length) for length in lengths]
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    rows = TokenRows(np.concatenate(texts).astype(np.int32), offsets)
    data = TrainingSet(rows, torch.zeros(40, dtype=torch.int64), torch.ones(40))
    torch.manual_seed(0)
    it = learner(Bag())
    wanted = np.array([0, 3, 4, 9, 17, 22, 39])
    found = predict(it, data, wanted, batch_size)
    table = it.model.table.weight.detach()
    expected = torch.stack([table[torch.from_numpy(texts[row])].mean(0) for row in wanted])
    torch.testing.assert_close(torch.from_numpy(found), expected)
    assert it.model.training


def test_a_plain_torch_loop_gives_the_same_losses_and_weights_bit_for_bit():
    """Same seed, same order, O0: nothing is added to what a person would write."""
    data = dataset(64)
    it = learner(lr=0.05, optimizer=torch.optim.AdamW)
    model = made()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.05)
    for number in range(3):
        order = training_order(np.arange(64), 16, (0, number), None)
        losses = []
        sums = epoch(it, data, order, on_step=lambda sums, losses=losses: losses.append(float(sums.loss)))
        by_hand, total = [], torch.zeros(())
        for rows in order:
            optimizer.zero_grad()
            batch = data.batch(rows)
            summed = F.cross_entropy(model(batch.inputs["x"]), batch.target, reduction="none").sum()
            (summed / len(rows)).backward()
            optimizer.step()
            total += summed.detach()
            by_hand.append(float(total))
        assert losses == by_hand
        assert sums.mean() == float(total / 64)
    assert same_state(state_of(it.model), state_of(model))


class Sigmoid(Small):
    """Probabilities (B, 1)."""

    def __init__(self):
        super().__init__(n_outputs=1)

    def forward(self, x):
        return super().forward(x).sigmoid()


class OnProbabilities(nn.Module):
    """A user's loss that wants probabilities."""

    def forward(self, proba, target):
        return nn.BCELoss(reduction="none")(proba[:, 0], target.float())

    def normaliser(self, target):
        return torch.ones(len(target))


def binary_data():
    data = dataset()
    return TrainingSet(data.rows, (data.target > 0).long(), data.weights_N)


@pytest.mark.parametrize("opt_level", ["O1", "O2", "O3"])
def test_bce_on_probabilities_is_refused_in_half(opt_level):
    it = learner(Sigmoid(), amp=level(opt_level, dtype="bf16"), loss=OnProbabilities())
    with pytest.raises(ConfigError, match=r"binary_cross_entropy.*\n.*loss=bce \(with logits\)"):
        one_step(it, binary_data(), [np.arange(23)])


class FloatSigmoid(Sigmoid):
    def forward(self, x):
        return Small.forward(self, x).float().sigmoid()


def test_bce_on_probabilities_is_allowed_in_float32_and_with_logits():
    """apex refused half tensors, not the function: a sigmoid in float32 is fine."""
    bce = BinaryCrossEntropy(task=BINARY, n_classes=2, class_counts=[10, 10], n_rows=20)
    for model, amp, loss in (
        (Sigmoid(), level("O0"), OnProbabilities()),
        (FloatSigmoid(), level("O1", dtype="bf16"), OnProbabilities()),
        (Small(n_outputs=1), level("O1", dtype="bf16"), bce),
    ):
        sums = totals()
        one_step(learner(model, amp=amp, loss=loss), binary_data(), [np.arange(23)], sums=sums)
        assert np.isfinite(sums.mean())
