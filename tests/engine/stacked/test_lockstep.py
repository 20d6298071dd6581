"""Folds that are trained together come to the bits of folds that are trained one after the other."""

import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from tests.engine.engine_cases import SPEC, cross_entropy, dataset, fold, learner, level, settings
from trainer.data.loading import batch_order
from trainer.data.loading.batches import DenseRows
from trainer.data.samples import DataSpec
from trainer.engine.fit import fit_steps
from trainer.engine.fit_state import FitState, Selection
from trainer.engine.loops import Totals
from trainer.engine.own_random import CPU
from trainer.engine.snapshot import capture, first_difference
from trainer.engine.stacked import by_hand
from trainer.engine.stacked.lockstep import take_together
from trainer.engine.stacked.stack import Stack
from trainer.engine.stepwise import take_all
from trainer.errors import Interrupted, NonFiniteError
from trainer.losses.bce import BinaryCrossEntropy
from trainer.losses.focal import Focal
from trainer.losses.mse import MeanSquaredError
from trainer.models.dropout import Dropout
from trainer.system import interrupts
from trainer.tasks import MULTICLASS, MULTILABEL, REGRESSION

N_ROWS = 61


def body(*, norm=False, p=0.2, hidden=16, n_outputs=3, between=nn.GELU):
    middle = [nn.BatchNorm1d(hidden)] if norm else []
    first = [nn.Linear(4, hidden), *middle, nn.ReLU(), nn.Dropout(p)]
    return nn.Sequential(*first, nn.Linear(hidden, hidden), between(), Dropout(p), nn.Linear(hidden, n_outputs))


class Net(nn.Module):
    """The layers that can be stacked, over ``x``."""

    def __init__(self, **options):
        super().__init__()
        self.body = body(**options)

    def forward(self, x):
        return self.body(x)


def adamw(parameters, lr):
    return torch.optim.AdamW(parameters, lr=lr, fused=True)


def focal(k):
    return Focal(gamma=1.5, alpha="balanced", task=MULTICLASS, n_classes=3, class_counts=[9 + k, 20, 17 - k], n_rows=46)


def bce(k):
    return BinaryCrossEntropy(
        class_weights="balanced", task=MULTILABEL, n_classes=3, class_counts=[9, 20 + k, 5], n_rows=46
    )


def labels(data):
    return replace(data, target=torch.nn.functional.one_hot(data.target, 3))


def numbers(data):
    return replace(data, target=data.rows.inputs["x"].sum(1))


def weighted(data):
    return replace(data, weights_N=torch.arange(len(data)).remainder(3).float() + 0.5, unweighted=False)


IN_A_ROW = {"net": {"between": nn.ReLU}}
BY_HAND = {
    "plain": IN_A_ROW,
    "accumulated": {**IN_A_ROW, "accumulate_steps": 3, "clip_norm": 0.1},
    "unequal": {**IN_A_ROW, "held": lambda k: range(k, N_ROWS, 3 + k)},
}
CASES = {
    "dropout": {},
    "batch norm": {"net": {"norm": True}},
    "class weights": {"loss": lambda k: cross_entropy(class_weights=[1.0, 2.0 + k, 0.5])},
    "focal": {"loss": focal},
    "labels": {
        "loss": bce,
        "data": labels,
        "spec": DataSpec("made up", MULTILABEL, ("a", "b", "c")),
        "metrics": ("hamming_loss",),
    },
    "numbers": {
        "loss": lambda k: MeanSquaredError(),
        "data": numbers,
        "net": {"n_outputs": 1},
        "spec": DataSpec("made up", REGRESSION, ()),
        "metrics": ("rmse",),
    },
    "row weights": {"data": weighted},
    "accumulation": {"accumulate_steps": 2, "clip_norm": 0.1, "decay": 0.9, "schedule": lambda step: 0.97**step},
    "unequal folds": {"held": lambda k: range(k, N_ROWS, 3 + k)},
    "early stopping": {"max_epochs": 8, "patience_epochs": 1, "monitor": range(0, N_ROWS, 5), "lr": 0.05},
    "SGD": {"optimizer": lambda ps, lr: torch.optim.SGD(ps, lr=lr, momentum=0.9, nesterov=True)},
    "O1": {"amp": level("O1")},
    "O2": {"amp": level("O2", loss_scale="dynamic"), "net": {"norm": True}},
    "O3": {"amp": level("O3")},
}


def steps_of(k, out, case):
    """Yield the steps of fold ``k``; note what it comes to, its whole state included."""
    case = {"net": {}, "loss": lambda k: cross_entropy(), "data": lambda data: data, "spec": SPEC, **case}
    torch.manual_seed(k)
    np.random.seed(k)  # noqa: NPY002 what a fold of a run does too
    how = {name: case.pop(name) for name in ("amp", "decay", "optimizer", "schedule", "lr") if name in case}
    it = learner(Net(**case.pop("net")), loss=case.pop("loss")(k), **{"optimizer": adamw, "lr": 0.01, **how})
    rows = fold(N_ROWS, case.pop("held", lambda k: range(k, N_ROWS, 4))(k), case.pop("monitor", None))
    spec, data = case.pop("spec"), case.pop("data")(replace(dataset(N_ROWS), unweighted=True))
    steps = fit_steps(it, data, replace(rows, fold=k, name=k), settings(**{"batch_size": 8, **case}), spec)
    result, weights = yield from steps
    epochs = [replace(record, seconds=0.0) for record in result.epochs]
    progress = FitState(Totals.start(CPU), Selection("accuracy", None))
    out[k] = {
        "logits": result.logits,
        "timed": result.epochs,
        "epochs": epochs,
        "weights": weights,
        "state": capture(it, progress),
    }


def alone(case, folds=range(3)):
    out = {}
    for k in folds:
        take_all(steps_of(k, out, dict(case)))
    return out


def together(case, folds=range(3)):
    out, said = {}, []
    errors = take_together({k: steps_of(k, out, dict(case)) for k in folds}, said.append)
    return out, errors, said


def require_same(one, other):
    assert one.keys() == other.keys()
    for k in one:
        assert np.array_equal(one[k]["logits"], other[k]["logits"])
        assert one[k]["epochs"] == other[k]["epochs"]
        assert first_difference(one[k]["weights"], other[k]["weights"]) is None
        assert first_difference(one[k]["state"], other[k]["state"]) is None


@pytest.fixture
def joint_steps(monkeypatch):
    """How many folds each joint step had."""
    sizes, take = [], Stack.take
    monkeypatch.setattr(
        Stack, "take", lambda stack, steps, first: sizes.append(len(steps)) or take(stack, steps, first)
    )
    return sizes


@pytest.mark.parametrize("case", [*CASES.values(), *BY_HAND.values()], ids=[*CASES, *BY_HAND])
def test_the_same_bits(case, joint_steps):
    found, errors, said = together(case)
    assert (errors, said) == ({}, [])
    assert max(joint_steps) >= 3
    require_same(found, alone(case))


@pytest.mark.parametrize("name", [*BY_HAND, "accumulation", "row weights", "O2"])
def test_the_same_bits_of_large_batches(name, joint_steps, monkeypatch):
    """Each batch is gathered where the step wants it, not together with others before."""
    case = {**CASES, **BY_HAND}[name]
    monkeypatch.setattr(batch_order, "LARGE_BYTES", 1)
    gathered, gather = [], by_hand.gather_into
    monkeypatch.setattr(by_hand, "gather_into", lambda *given: gathered.append(len(given[1])) or gather(*given))
    found, errors, said = together(case)
    assert (errors, said) == ({}, [])
    assert (max(gathered, default=0) == 3) == (name in BY_HAND)
    monkeypatch.undo()
    require_same(found, alone(case))


def test_a_fold_that_diverges_ends_and_the_others_go_on(joint_steps):
    bad = replace(dataset(N_ROWS), target=dataset(N_ROWS).target.clone())

    def data(k):
        x_NF = bad.rows.inputs["x"].clone()
        x_NF[30:34] = float("nan") if k == 1 else x_NF[30:34]
        return replace(bad, rows=DenseRows({"x": x_NF}))

    def steps(out):
        for k in range(3):
            yield k, steps_of(k, out, {"data": lambda _, k=k: data(k)})

    found, expected = {}, {}
    errors = take_together(dict(steps(found)), lambda line: None)
    assert list(errors) == [1]
    assert isinstance(errors[1], NonFiniteError)
    for k, own in steps(expected):
        if k != 1:
            take_all(own)
    require_same(found, expected)
    assert 2 in joint_steps


def test_the_last_folds_are_trained_though_one_has_ended(joint_steps):
    """Three folds of one, two and four epochs: the stack shrinks, and the last fold goes on alone."""
    cases = {k: {"max_epochs": n_epochs} for k, n_epochs in enumerate((1, 2, 4))}
    found, expected = {}, {}
    take_together({k: steps_of(k, found, case) for k, case in cases.items()}, print)
    for k, case in cases.items():
        take_all(steps_of(k, expected, case))
    require_same(found, expected)
    assert {2, 3} <= set(joint_steps)
    assert joint_steps == sorted(joint_steps, reverse=True) or 1 in joint_steps


def test_where_a_joint_step_is_other_bits_the_folds_are_trained_one_by_one(monkeypatch, joint_steps):
    backward = Stack.backward

    def off_by_a_bit(stack, steps, first, weights):
        losses = backward(stack, steps, first, weights)
        gradient = steps[-1].learner.model.body[0].weight.grad
        gradient.copy_(torch.nextafter(gradient, torch.tensor(9.0)))
        return losses

    monkeypatch.setattr(Stack, "backward", off_by_a_bit)
    found, errors, said = together({"net": {"norm": True}})
    assert errors == {}
    assert said == ["the folds are trained one by one: a joint step is not the same bits here"]
    assert joint_steps == []
    require_same(found, alone({"net": {"norm": True}}))


def test_models_that_cannot_be_stacked_are_trained_one_by_one(monkeypatch):
    monkeypatch.setattr(Net, "forward", lambda net, x: net.body(x if x.sum() > 0 else -x))
    found, errors, said = together({})
    assert errors == {}
    assert len(said) == 1
    assert said[0].startswith("the folds are trained one by one: what it computes depends on")
    require_same(found, alone({}))


def test_folds_whose_layers_differ_in_size_are_stacks_of_their_own(joint_steps):
    cases = {k: {"net": {"hidden": 16 if k < 2 else 24}} for k in range(4)}
    found, expected = {}, {}
    errors = take_together({k: steps_of(k, found, case) for k, case in cases.items()}, print)
    for k, case in cases.items():
        take_all(steps_of(k, expected, case))
    assert errors == {}
    require_same(found, expected)
    assert set(joint_steps) <= {1, 2}


def test_a_signal_ends_every_fold_after_a_whole_step(monkeypatch):
    """Each fold sees it behind its own step, where its state is whole."""
    ended = []

    def fold_of(k):
        try:
            yield from steps_of(k, {}, {})
        except Interrupted:
            ended.append(k)
            raise

    take = Stack.take

    def signalled(stack, steps, first):
        errors = take(stack, steps, first)
        monkeypatch.setattr(interrupts, "_received", 15)
        return errors

    monkeypatch.setattr(Stack, "take", signalled)
    with pytest.raises(Interrupted):
        take_together({k: fold_of(k) for k in range(3)}, print)
    assert ended == [0, 1, 2]


def test_a_signal_before_the_first_step_takes_none():
    """A fold that waits for its first step is thrown out of it: what it saves has seen no step."""
    out = {}

    def first():
        try:
            yield from steps_of(0, out, {})
        except Interrupted:
            out["thrown"] = True
            raise

    def second():
        raise Interrupted(15)
        yield

    with pytest.raises(Interrupted):
        take_together({0: first(), 1: second()}, print)
    assert out == {"thrown": True}


def test_a_fold_is_told_its_share_of_the_time(monkeypatch):
    """Three folds together are said to take the time of one process, not each of them all of it."""
    began, take = time.perf_counter(), Stack.take
    now = [began]

    def second(stack, steps, first):
        now[0] += 1.0
        return take(stack, steps, first)

    monkeypatch.setattr(Stack, "take", second)
    monkeypatch.setattr("time.perf_counter", lambda: now[0])
    out, seconds = {}, []

    def fold_of(k):
        yield from steps_of(k, out, {})
        seconds.append(sum(record.seconds for record in out[k]["timed"]))

    take_together({k: fold_of(k) for k in range(3)}, print)
    assert sum(seconds) == pytest.approx(now[0] - began, rel=0.2)
    assert max(seconds) < (now[0] - began) / 2
