import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tests.engine.engine_cases import (
    SPEC,
    Small,
    cross_entropy,
    dataset,
    fold,
    learner,
    level,
    made,
    same_state,
    settings,
    state_of,
)
from trainer.data.loading.batch_order import training_order
from trainer.engine.fit import fit
from trainer.engine.fit_state import Selection
from trainer.engine.scoring import evaluation_state, predict_rows
from trainer.errors import NonFiniteError
from trainer.metrics.find import metric_named
from trainer.metrics.scores import score
from trainer.results import EpochRecord
from trainer.tasks import MULTICLASS

ROWS = 60
MONITOR = range(1, ROWS, 4)


class Recorder:
    """What an observer is told."""

    def __init__(self):
        self.told = []

    def fold_started(self, *args):
        self.told.append(("started", *args))

    def step(self, *args):
        self.told.append(("step", *args))

    def epoch(self, record):
        self.told.append(("epoch", record))

    def fold_finished(self, result, target, classes, task):
        self.told.append(("finished", result, target, classes, task))

    def of(self, kind):
        return [told[1:] for told in self.told if told[0] == kind]


def noisy_data():
    return dataset(ROWS, seed=4)


def three_way(select):
    """Rows of a fold whose epoch is picked by nothing, an inner slice or the fold itself."""
    rows = fold(ROWS, range(0, ROWS, 4))
    if select == "inner":
        return replace(rows, train=np.setdiff1d(rows.train, MONITOR), monitor=np.asarray(MONITOR))
    return replace(rows, monitor=rows.held_out) if select == "fold" else rows


def run(rows, observers=(), it=None, **changes):
    it = learner(lr=0.8) if it is None else it
    result, weights = fit(it, noisy_data(), rows, settings(**changes), SPEC, observers)
    return result, weights, it


def record(epoch, value, name="accuracy"):
    return EpochRecord(epoch=epoch, step=epoch, train_loss=0.0, lr=0.1, seconds=0.0, monitor={name: value})


def picks(scores, metric="accuracy", patience=None):
    """Feed the scores of epochs 1, 2, ...; return the picked epoch and how many epochs ran."""
    selection = Selection(metric, patience)
    for epoch, value in enumerate(scores, start=1):
        weights = {"epoch": torch.tensor(epoch)}
        selection.update(record(epoch, value, metric), lambda weights=weights: weights)
        if selection.stops_early():
            break
    assert int(selection.weights["epoch"]) == selection.epoch
    return selection.epoch, epoch


NAN = math.nan


@pytest.mark.parametrize(
    ("scores", "metric", "picked"),
    [
        ([0.1, 0.5, 0.3], "accuracy", 2),
        ([0.9, 0.5, 0.7], "log_loss", 2),
        ([0.5, 0.5, 0.5], "accuracy", 3),  # nothing is told: as without a choice
        ([0.5, NAN, 0.5], "log_loss", 3),
        ([0.5, 0.5, 0.4], "accuracy", 2),
        ([0.5, 0.5, 0.6], "accuracy", 3),
        ([0.6, 0.4, 0.6], "accuracy", 1),
        ([0.1, 0.5, 0.5], "accuracy", 2),
        ([0.4, 0.2, 0.2], "log_loss", 2),
        ([NAN, 0.1, NAN], "accuracy", 2),
        ([NAN, 9.0, NAN], "log_loss", 2),
        ([0.1, NAN, 0.0], "accuracy", 1),
        ([NAN, NAN, NAN], "accuracy", 3),
        ([NAN, NAN, NAN], "log_loss", 3),
    ],
)
def test_the_best_epoch_wins_the_earliest_of_equals_once_they_differ_and_nan_never(scores, metric, picked):
    assert metric_named("accuracy").greater_is_better
    assert not metric_named("log_loss").greater_is_better
    assert picks(scores, metric) == (picked, len(scores))


@pytest.mark.parametrize(
    ("patience", "scores", "ran"),
    [
        (1, [0.1, 0.2, 0.2, 0.9], 3),
        (2, [0.1, 0.2, 0.2, 0.1, 0.9], 4),
        (2, [0.1, 0.2, 0.1, 0.3, 0.2, 0.1, 0.9], 6),
        (2, [0.5, NAN, NAN, 0.9], 4),
        (2, [0.5, NAN, 0.4, NAN, 0.3, 0.9], 5),
        (2, [NAN, NAN, NAN, NAN, 0.9], 5),
        (None, [0.5] * 9, 9),
    ],
)
def test_patience_counts_epochs_without_improvement(patience, scores, ran):
    assert picks(scores, patience=patience)[1] == ran


def scores_by_hand(rows, epochs, decay):
    """Monitored scores and weights after 1, 2, ... epochs from runs of just so many epochs."""
    found = []
    for count in range(1, epochs + 1):
        it = learner(lr=0.8, decay=decay)
        fit(it, noisy_data(), replace(rows, monitor=None), settings(max_epochs=count), SPEC)
        proba = predict_rows(it, noisy_data(), rows.monitor, settings())[1]
        target = noisy_data().target.numpy()[rows.monitor]
        found.append((score(("accuracy",), MULTICLASS, target, proba)["accuracy"], evaluation_state(it)))
    return found


@pytest.mark.parametrize("decay", [None, 0.5])
@pytest.mark.parametrize("select", ["inner", "fold"])
def test_the_picked_epoch_its_weights_and_its_scores(select, decay):
    rows = three_way(select)
    by_hand = scores_by_hand(rows, 6, decay)
    best = max(value for value, _ in by_hand)
    expected = next(epoch for epoch, (value, _) in enumerate(by_hand, start=1) if value == best)
    assert expected < 6  # else it would be the last epoch anyway
    result, weights, it = run(rows, it=learner(lr=0.8, decay=decay), max_epochs=6)
    assert [epoch.monitor["accuracy"] for epoch in result.epochs] == [value for value, _ in by_hand]
    assert result.best_epoch == expected
    assert same_state(weights, by_hand[expected - 1][1])
    last = learner(lr=0.8, decay=decay)
    fit(last, noisy_data(), replace(rows, monitor=None), settings(max_epochs=6), SPEC)
    assert same_state(state_of(it.model), state_of(last.model))  # the picked weights were only lent to it
    if select == "fold":
        assert result.metrics["accuracy"] == best


def test_without_a_monitor_the_last_epoch_is_scored():
    rows = three_way("last")
    result, weights, it = run(rows, max_epochs=4)
    assert (result.best_epoch, len(result.epochs)) == (4, 4)
    assert all(epoch.monitor == {} for epoch in result.epochs)
    assert same_state(weights, state_of(it.model))


@pytest.mark.parametrize(
    ("opt_level", "decay"), [("O0", None), ("O0", 0.8), ("O1", None), ("O2", None), ("O2", 0.8), ("O3", None)]
)
@pytest.mark.parametrize("select", ["last", "inner"])
def test_the_saved_weights_give_the_scored_logits(select, opt_level, decay):
    """Loaded into a fresh model under the same level, they predict the same bits."""
    amp = level(opt_level, dtype="bf16")
    rows = three_way(select)
    result, weights, _ = run(rows, it=learner(lr=0.8, amp=amp, decay=decay), max_epochs=5)
    fresh = learner(made(seed=9), amp=amp)
    fresh.model.load_state_dict(weights)
    logits, proba, loss = predict_rows(fresh, noisy_data(), rows.held_out, settings())
    assert np.array_equal(logits, result.logits)
    assert np.array_equal(proba, result.proba)
    assert np.array_equal(loss, result.loss)


def test_a_result_is_what_the_logits_say():
    rows = three_way("last")
    result, _, _ = run(rows)
    target = noisy_data().target[torch.from_numpy(rows.held_out)]
    logits = torch.from_numpy(result.logits)
    torch.testing.assert_close(torch.from_numpy(result.proba), logits.softmax(1))
    torch.testing.assert_close(torch.from_numpy(result.loss), F.cross_entropy(logits, target, reduction="none"))
    assert result.metrics["accuracy"] == float((logits.argmax(1) == target).double().mean())
    assert np.array_equal(result.rows, rows.held_out)
    assert (result.n_train, result.repeat, result.fold) == (45, 0, 0)


def same_result(a, b):
    assert np.array_equal(a.logits, b.logits)
    assert a.metrics == b.metrics
    assert a.best_epoch == b.best_epoch
    assert [replace(e, seconds=0.0) for e in a.epochs] == [replace(e, seconds=0.0) for e in b.epochs]


@pytest.mark.parametrize("select", ["last", "inner", "fold"])
def test_the_same_seed_gives_the_same_bits_and_another_does_not(select):
    first, second = run(three_way(select))[0], run(three_way(select))[0]
    same_result(first, second)
    assert not np.array_equal(first.logits, run(three_way(select), seed=0)[0].logits)


def test_early_stopping_starts_afresh_in_the_next_fold():
    """A fold that follows one that stopped early runs as if it were the first."""
    options = {"max_epochs": 30, "patience_epochs": 2}
    first, _, _ = run(three_way("inner"), **options)
    assert len(first.epochs) == first.best_epoch + 2 < 30
    second, _, _ = run(three_way("inner"), **options)
    same_result(first, second)


def test_the_losses_are_those_of_a_loop_written_by_hand():
    data, rows = noisy_data(), three_way("last")
    result, weights, _ = run(rows, it=learner(lr=0.3), max_epochs=3, batch_size=8)
    model = made()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.3)
    by_hand = []
    for epoch in (1, 2, 3):
        total = torch.zeros(())
        for batch_rows in training_order(rows.train, 8, (42, 0, 0, epoch), None):
            batch = data.batch(batch_rows)
            losses = F.cross_entropy(model(batch.inputs["x"]), batch.target, reduction="none")
            optimizer.zero_grad()
            (losses.sum() / len(batch_rows)).backward()
            optimizer.step()
            total += losses.detach().sum()
        by_hand.append(float(total / len(rows.train)))
    assert [epoch.train_loss for epoch in result.epochs] == by_hand
    assert same_state(weights, state_of(model))
    assert [epoch.step for epoch in result.epochs] == [6, 12, 18]


@pytest.mark.parametrize(
    ("n_rows", "batch_size", "accumulate", "steps"), [(45, 8, 1, 6), (45, 8, 4, 2), (45, 45, 3, 1)]
)
def test_steps_per_epoch_are_those_taken(n_rows, batch_size, accumulate, steps):
    changes = {"batch_size": batch_size, "accumulate_steps": accumulate, "max_epochs": 2}
    assert settings(**changes).steps_per_epoch(n_rows) == steps
    recorder = Recorder()
    result, _, it = run(three_way("last"), [recorder], **changes)
    assert result.epochs[-1].step == it.scheduler.last_epoch == 2 * steps
    assert recorder.of("started") == [(0, 2 * steps, 0)]


def test_observers_hear_of_every_epoch_and_of_the_result(monkeypatch):
    monkeypatch.setattr("trainer.engine.fit.PROGRESS_SECONDS", 0.0)
    recorder = Recorder()
    result, _, _ = run(three_way("inner"), [recorder], max_epochs=2)
    kinds = [told[0] for told in recorder.told]
    assert kinds == ["started", *["step"] * 6, "epoch", *["step"] * 6, "epoch", "finished"]
    assert [number for number, _, _ in recorder.of("step")] == list(range(1, 13))
    assert tuple(record for (record,) in recorder.of("epoch")) == result.epochs
    assert recorder.of("step")[5][1] == result.epochs[0].train_loss
    ((found, target, classes, task),) = recorder.of("finished")
    assert found is result
    assert np.array_equal(target, noisy_data().target.numpy()[result.rows])
    assert (classes, task) == (SPEC.classes, SPEC.task)


def test_progress_is_not_told_more_often_than_asked(monkeypatch):
    monkeypatch.setattr("trainer.engine.fit.PROGRESS_SECONDS", 3600.0)
    recorder = Recorder()
    run(three_way("last"), [recorder])
    assert recorder.of("step") == []


def test_the_learning_rate_told_is_the_next_steps():
    it = learner(lr=0.8, schedule=lambda step: 0.5**step)
    result, _, _ = run(three_way("last"), it=it, max_epochs=2, batch_size=15)
    assert [epoch.lr for epoch in result.epochs] == pytest.approx([0.8 * 0.5**3, 0.8 * 0.5**6])


class LastStepBreaks(Small):
    """Its gradient is infinite in the last step, which no later loss can show."""

    def __init__(self, last):
        super().__init__()
        self.calls, self.last = 0, last
        self.head.weight.register_hook(self.broken)

    def broken(self, gradient):
        self.calls += 1
        return gradient * (float("inf") if self.calls == self.last else 1.0)


def test_divergence_in_the_very_last_step_is_not_reported_as_a_result():
    it = learner(LastStepBreaks(last=6))
    with pytest.raises(NonFiniteError, match="15 of 15 held-out predictions are not finite, the first of row 0"):
        run(three_way("last"), it=it, max_epochs=2, batch_size=15)
    assert it.model.calls == 6


def test_the_epochs_record_skipped_steps_and_the_scale():
    it = learner(amp=level("O0", loss_scale="dynamic"))
    calls = []
    it.model.head.weight.register_hook(
        lambda gradient: calls.append(1) or gradient * (float("inf") if len(calls) == 1 else 1.0)
    )
    result, _, _ = run(three_way("last"), it=it, max_epochs=2, batch_size=15)
    assert [(epoch.step, epoch.skipped_steps, epoch.loss_scale) for epoch in result.epochs] == [
        (2, 1, 2.0**15),
        (5, 1, 2.0**15),
    ]


def test_evaluation_state_is_a_copy():
    it = learner()
    state = evaluation_state(it)
    with torch.no_grad():
        it.model.head.weight.zero_()
    assert bool(state["head.weight"].any())


def test_evaluation_batches_do_not_change_a_batchnorm():
    class Normed(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm = nn.BatchNorm1d(4)
            self.head = nn.Linear(4, 3)

        def forward(self, x):
            return self.head(self.norm(x))

    it = learner(Normed(), loss=cross_entropy())
    predict_rows(it, noisy_data(), np.arange(ROWS), settings())
    assert int(it.model.norm.num_batches_tracked) == 0
    run(three_way("inner"), it=it, max_epochs=2, batch_size=15)
    assert int(it.model.norm.num_batches_tracked) in (2, 4)  # training batches up to the picked epoch
