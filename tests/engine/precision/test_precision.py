import copy
import io

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tests.engine.engine_cases import (
    CLASSES,
    ConvNet,
    cross_entropy,
    dataset,
    learner,
    level,
    made,
    same_state,
    state_of,
    totals,
)
from trainer.engine.loops import train_step
from trainer.engine.modes import evaluating, training
from trainer.engine.precision.precision import Precision, all_finite, cast_model, refuse_underflowing_optimizer
from trainer.errors import CheckpointError, ConfigError, NonFiniteError

HALVES = {"fp16": torch.float16, "bf16": torch.bfloat16}
KEPT_BY_APEX = {"norm.weight", "norm.bias", "norm.running_mean", "norm.running_var"}


def net(seed=0):
    torch.manual_seed(seed)
    return ConvNet()


def images(n=8, seed=2):
    generator = torch.Generator().manual_seed(seed)
    return {
        "image": torch.randn(n, 1, 6, 6, generator=generator),
        "code": torch.randint(0, 5, (n,), generator=generator),
    }


TARGET = torch.arange(8) % CLASSES


def steps(it, count, inputs=None, clip_norm=None):
    """Train on the same rows ``count`` times; return whether each step was taken."""
    inputs, taken = inputs or images(), []
    with training(it.model):
        for _ in range(count):
            logits = it.precision.forward(it.model, inputs)
            it.precision.backward(it.loss(logits, TARGET).mean())
            taken.append(it.precision.step(it.optimizer, clip_norm))
    return taken


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize(
    ("opt_level", "options", "kept"),
    [
        ("O0", {}, "all"),
        ("O1", {}, "all"),
        ("O2", {}, KEPT_BY_APEX),
        ("O2", {"keep_batchnorm_fp32": False}, set()),
        ("O3", {}, set()),
        ("O3", {"keep_batchnorm_fp32": True}, KEPT_BY_APEX),
        ("O2", {"cast_model_type": "float32"}, "all"),
    ],
)
def test_which_tensor_holds_which_dtype(opt_level, options, kept, dtype):
    """Affine BatchNorm stays float32 under O2; one without weights is cast with the rest, as in apex."""
    model = net()
    it = learner(model, amp=level(opt_level, dtype=dtype, **options))
    steps(it, 2)
    for name, value in model.state_dict().items():
        if not value.is_floating_point():
            assert value.dtype == torch.int64
        else:
            wanted = torch.float32 if kept == "all" or name in kept else HALVES[dtype]
            assert value.dtype == wanted, name
    assert len(list(model.parameters())) == 7


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("opt_level", ["O0", "O1", "O2", "O3"])
def test_what_goes_in_and_what_comes_out(opt_level, dtype):
    model = net()
    it = learner(model, amp=level(opt_level, dtype=dtype))
    inner = []
    model.head.register_forward_hook(lambda module, args, output: inner.append(output.dtype))
    logits = it.precision.forward(model, images())
    half = HALVES[dtype]
    cast = opt_level in ("O2", "O3")
    assert model.seen == [(half if cast else torch.float32, torch.int64)]
    assert inner == [torch.float32 if opt_level == "O0" else half]
    assert logits.dtype == torch.float32
    assert it.precision.half_outputs == (opt_level != "O0")
    with evaluating(model):
        assert it.precision.forward(model, images()).dtype == torch.float32


@pytest.mark.parametrize("opt_level", ["O0", "O1", "O2", "O3"])
@pytest.mark.parametrize("dtype", HALVES)
def test_what_the_optimizer_steps(opt_level, dtype):
    model = net()
    it = learner(model, amp=level(opt_level, dtype=dtype))
    assert it.precision.has_masters == (opt_level == "O2")
    stepped = it.optimizer.param_groups[0]["params"]
    assert {p.dtype for p in stepped} == ({HALVES[dtype]} if opt_level == "O3" else {torch.float32})
    if opt_level != "O2":
        assert all(a is b for a, b in zip(stepped, model.parameters(), strict=True))


def test_o0_is_the_model_itself():
    plain, it = net(), learner(net())
    logits = it.precision.forward(it.model, images())
    assert torch.equal(logits, plain(**images()))
    assert same_state(state_of(it.model), state_of(plain))


def test_o1_is_torchs_autocast():
    plain, it = net(), learner(net(), amp=level("O1", dtype="bf16"))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        expected = plain(**images())
    assert torch.equal(it.precision.forward(it.model, images()), expected.float())


@pytest.mark.parametrize(("dtype", "scale"), [("fp16", "256"), ("fp16", "dynamic"), ("bf16", "1")])
def test_o2_steps_float32_masters_as_a_reference_does_by_hand(dtype, scale):
    """Gradients from the half model, unscaled and stepped in float32, the half model the cast of the masters."""
    half = HALVES[dtype]
    it = learner(made(), amp=level("O2", dtype=dtype, loss_scale=scale), lr=0.1, optimizer=torch.optim.Adam)
    masters, data = made(), dataset()
    optimizer = torch.optim.Adam(masters.parameters(), lr=0.1)
    factor = it.precision.scaler.scale
    with training(it.model):
        for _ in range(8):
            train_step(it, [data.batch(np.arange(23))], 0.7, totals())
            worker = copy.deepcopy(masters).to(half)
            logits = worker(data.rows.inputs["x"].to(half)).float()
            (F.cross_entropy(logits, data.target, reduction="none").sum() / 23 * factor).backward()
            for master, parameter in zip(masters.parameters(), worker.parameters(), strict=True):
                master.grad = parameter.grad.float() / factor
            nn.utils.clip_grad_norm_(masters.parameters(), 0.7)
            optimizer.step()
    for master, found in zip(masters.parameters(), it.precision.parameters, strict=True):
        assert torch.equal(master, found)
    assert same_state(state_of(it.model), state_of(masters.to(half)))


def test_masters_take_steps_too_small_for_half():
    """A thousand steps of 1e-5 move the masters and, with them, the half weights; without masters nothing moves."""

    def moved(opt_level):
        it = learner(made(), amp=level(opt_level, dtype="bf16"), lr=1e-5)
        before = it.model.head.weight.detach().float().clone()
        for _ in range(1000):
            for parameter in it.precision.model_parameters:
                parameter.grad = torch.ones_like(parameter)
            it.precision.step(it.optimizer, None)
        return float((before - it.model.head.weight.detach().float()).mean())

    assert moved("O2") == pytest.approx(1e-2, rel=0.05)
    assert abs(moved("O3")) < 5e-3


@pytest.mark.parametrize("opt_level", ["O0", "O1", "O2", "O3"])
def test_frozen_parameters_are_cast_but_neither_stepped_nor_mastered(opt_level):
    model = net()
    model.conv.requires_grad_(False)
    before = model.conv.weight.detach().clone()
    it = learner(model, amp=level(opt_level, dtype="bf16"))
    steps(it, 2)
    assert torch.equal(model.conv.weight, before.to(model.conv.weight.dtype))
    assert len(it.precision.parameters) == len(it.precision.model_parameters) == 5


def test_tied_weights_stay_tied():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.table = nn.Embedding(7, 4)
            self.head = nn.Linear(4, 7, bias=False)
            self.head.weight = self.table.weight

    model = Tied()
    precision = Precision(model, level("O2", dtype="bf16"))
    assert model.head.weight is model.table.weight
    assert model.head.weight.dtype == torch.bfloat16
    assert len(precision.parameters) == 1


def test_buffers_that_are_not_saved_stay_so():
    model = nn.Module()
    model.register_buffer("kept", torch.ones(2))
    model.register_buffer("passing", torch.ones(2), persistent=False)
    model.register_buffer("count", torch.ones(2, dtype=torch.int32))
    cast_model(model, torch.float16, keep_batchnorm_fp32=True)
    assert (model.kept.dtype, model.passing.dtype, model.count.dtype) == (torch.float16, torch.float16, torch.int32)
    assert list(model.state_dict()) == ["kept", "count"]


@pytest.mark.parametrize("opt_level", ["O2", "O3"])
def test_recurrent_layers_run_after_the_cast(opt_level):
    class Recurrent(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm = nn.LSTM(4, 5, batch_first=True)
            self.head = nn.Linear(5, CLASSES)

        def forward(self, x):
            return self.head(self.lstm(x)[0][:, -1])

    it = learner(Recurrent(), amp=level(opt_level, dtype="bf16"), lr=0.3)
    x = {"x": torch.randn(8, 6, 4, generator=torch.Generator().manual_seed(0))}
    first = float(it.loss(it.precision.forward(it.model, x), TARGET).mean().detach())
    steps(it, 20, inputs=x)
    assert float(it.loss(it.precision.forward(it.model, x), TARGET).mean().detach()) < first - 0.05


def poisoned(it, value):
    """A hook that makes the head's gradient overflow."""
    return it.model.head.weight.register_hook(lambda gradient: torch.full_like(gradient, value))


@pytest.mark.parametrize("value", [float("inf"), -float("inf"), float("nan")])
@pytest.mark.parametrize("opt_level", ["O1", "O2"])
def test_an_overflow_skips_the_step_and_halves_the_scale(opt_level, value):
    it = learner(net(), amp=level(opt_level, dtype="fp16"), optimizer=torch.optim.Adam)
    assert steps(it, 1) == [True]
    trainable = {name: p.detach().clone() for name, p in it.model.named_parameters()}
    moments = copy.deepcopy(it.optimizer.state_dict())
    hook = poisoned(it, value)
    assert steps(it, 3) == [False] * 3
    assert it.precision.scaler.scale == 2.0**13
    assert it.precision.scaler.skipped_steps == 3
    assert all(torch.equal(p, trainable[name]) for name, p in it.model.named_parameters())
    assert str(moments) == str(it.optimizer.state_dict())
    assert all(p.grad is None for p in (*it.precision.parameters, *it.model.parameters()))
    hook.remove()
    assert steps(it, 1) == [True]
    assert not torch.equal(it.model.head.weight, trainable["head.weight"])


def test_overflow_without_end_stops_the_run_with_finite_weights():
    it = learner(net(), amp=level("O2", dtype="fp16"))
    poisoned(it, float("inf"))
    with pytest.raises(NonFiniteError, match="50 optimizer steps in a row overflowed"):
        steps(it, 60)
    assert all(p.isfinite().all() for p in it.model.parameters())


def test_an_overflow_of_the_scaled_loss_itself_is_found():
    """fp16 holds nothing above 65504: at 2^16 a gradient of 1 overflows; the scale finds its level by itself."""
    it = learner(made(), amp=level("O2", dtype="fp16"), lr=1e-3)
    inputs, target = {"x": torch.full((4, 4), 3.0)}, torch.tensor([0, 1, 2, 0])
    taken = []
    for _ in range(16):
        it.precision.backward(30 * it.loss(it.precision.forward(it.model, inputs), target).sum())
        taken.append(it.precision.step(it.optimizer, None))
    assert taken[0] is False
    assert taken[-1] is True
    assert taken == sorted(taken)


def test_all_finite():
    fine = [torch.ones(3), torch.full((2,), 6e4, dtype=torch.float16)]
    assert all_finite([])
    assert all_finite(fine)
    for value in (float("inf"), -float("inf"), float("nan")):
        assert not all_finite([*fine, torch.tensor([1.0, value])])
        assert not all_finite([*fine, torch.tensor([value], dtype=torch.float16)])


def saved(it):
    """Model, optimizer and precision through a file that holds tensors and plain values only."""
    buffer = io.BytesIO()
    state = {
        "model": it.model.state_dict(),
        "optimizer": it.optimizer.state_dict(),
        "precision": it.precision.state_dict(),
    }
    torch.save(state, buffer)
    buffer.seek(0)
    return torch.load(buffer, weights_only=True)


def restored(state, *, with_masters, **options):
    it = learner(net(seed=5), **options)
    it.model.load_state_dict(state["model"])
    it.optimizer.load_state_dict(state["optimizer"])
    if with_masters:
        it.precision.load_state_dict(state["precision"])
    else:
        for master, parameter in zip(it.precision.parameters, it.precision.model_parameters, strict=True):
            master.data.copy_(parameter)
    return it


@pytest.mark.parametrize("dtype", HALVES)
def test_a_resume_from_saved_masters_is_bit_equal_and_one_from_half_weights_drifts(dtype):
    options = {"amp": level("O2", dtype=dtype), "lr": 1e-2, "optimizer": torch.optim.Adam}
    it = learner(net(), **options)
    steps(it, 10)
    state = saved(it)
    resumed = restored(state, with_masters=True, **options)
    rebuilt = restored(state, with_masters=False, **options)
    for one in (it, resumed, rebuilt):
        steps(one, 10)
    assert same_state(state_of(it.model), state_of(resumed.model))
    assert all(torch.equal(a, b) for a, b in zip(it.precision.parameters, resumed.precision.parameters, strict=True))
    assert it.precision.scaler == resumed.precision.scaler
    drift = max(
        float((a - b).detach().abs().max())
        for a, b in zip(it.precision.parameters, rebuilt.precision.parameters, strict=True)
    )
    assert drift > 1e-5


def test_the_state_carries_the_scaler():
    it = learner(net(), amp=level("O2", dtype="fp16"))
    hook = poisoned(it, float("inf"))
    steps(it, 2)
    hook.remove()
    steps(it, 3)
    other = learner(net(), amp=level("O2", dtype="fp16"))
    other.precision.load_state_dict(saved(it)["precision"])
    found = other.precision.scaler
    assert (found.scale, found.clean_steps, found.skipped_steps, found.skipped_in_a_row) == (2.0**14, 3, 2, 0)


@pytest.mark.parametrize("opt_level", ["O0", "O1", "O3"])
def test_levels_without_masters_save_none_and_refuse_those_of_o2(opt_level):
    it, o2 = learner(net(), amp=level(opt_level, dtype="bf16")), learner(net(), amp=level("O2", dtype="bf16"))
    state = saved(it)["precision"]
    assert state["masters"] is None
    it.precision.load_state_dict(state)
    with pytest.raises(CheckpointError, match=rf"with its float32 master weights.*amp={opt_level}"):
        it.precision.load_state_dict(o2.precision.state_dict())
    with pytest.raises(CheckpointError, match=r"with no float32 master weights.*amp=O2"):
        o2.precision.load_state_dict(state)


@pytest.mark.parametrize("optimizer", [torch.optim.Adam, torch.optim.AdamW, torch.optim.RMSprop])
def test_an_epsilon_that_is_zero_in_half_is_refused(optimizer):
    amp = level("O3", dtype="fp16")
    precision = Precision(made(), amp)
    with pytest.raises(ConfigError, match=r"optimizer\.eps=1e-08 is zero in float16.*\n.*eps=1e-4"):
        refuse_underflowing_optimizer(amp, optimizer(precision.parameters, eps=1e-8))
    refuse_underflowing_optimizer(amp, optimizer(precision.parameters, eps=1e-4))


def test_the_refused_epsilon_does_give_nan_and_the_advised_one_does_not():
    """The reason for the refusal, on torch alone."""
    for eps, finite in ((1e-8, False), (1e-4, True)):
        weight = nn.Parameter(torch.ones(4, dtype=torch.float16))
        optimizer = torch.optim.Adam([weight], lr=1e-3, eps=eps)
        weight.grad = torch.zeros_like(weight)
        optimizer.step()
        assert bool(weight.isfinite().all()) is finite


@pytest.mark.parametrize(("opt_level", "dtype"), [("O0", "fp16"), ("O1", "fp16"), ("O2", "fp16"), ("O3", "bf16")])
def test_the_epsilon_is_fine_where_float32_or_bfloat16_is_stepped(opt_level, dtype):
    amp = level(opt_level, dtype=dtype)
    precision = Precision(made(), amp)
    refuse_underflowing_optimizer(amp, torch.optim.Adam(precision.parameters, eps=1e-8))
    refuse_underflowing_optimizer(amp, torch.optim.SGD(precision.parameters, lr=0.1))


def test_the_loss_is_computed_in_float32_outside_autocast():
    seen = []

    class Spy(nn.Module):
        def forward(self, logits, target):
            seen.append((logits.dtype, torch.is_autocast_enabled("cpu")))
            return cross_entropy()(logits, target)

        def normaliser(self, target):
            return torch.ones(len(target))

    for opt_level in ("O0", "O1", "O2", "O3"):
        it = learner(made(), amp=level(opt_level, dtype="bf16"), loss=Spy())
        with training(it.model):
            train_step(it, [dataset().batch(np.arange(23))], None, totals())
    assert seen == [(torch.float32, False)] * 4
