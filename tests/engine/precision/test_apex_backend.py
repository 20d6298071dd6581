"""``amp.backend=apex`` against a stand-in.

The real ``apex.amp`` cannot be installed here: it left NVIDIA/apex in 2025 and wants CUDA. ``FakeAmp`` stands in for
it: it records the calls and keeps to what apex 25.04 does at this surface (masters made lazily, unscaling on leaving
``scale_loss``, a no-op put in place of ``step`` after an overflow). It shows that our side of the contract holds, not
that apex works.
"""

import sys
from contextlib import contextmanager
from functools import partial
from types import MethodType, ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch
from torch.optim.lr_scheduler import LambdaLR

from tests.engine.engine_cases import cross_entropy, dataset, made, same_state, settings, state_of, totals
from trainer.config.schema import AmpConfig, FitConfig
from trainer.engine.freezing import freeze_for_epoch, freeze_for_good
from trainer.engine.loops import Learner, train_step
from trainer.engine.modes import training
from trainer.engine.param_groups import grouped_optimizer
from trainer.engine.precision.apex_backend import ApexPrecision, make_precision
from trainer.engine.precision.loss_scaler import LossScaler
from trainer.engine.precision.opt_levels import resolve_opt_level
from trainer.engine.precision.precision import Precision
from trainer.errors import NonFiniteError


class FakeAmp(ModuleType):
    """apex.amp as far as it is used; O2 with float32 masters of a half model."""

    def __init__(self):
        super().__init__("apex.amp")
        self.calls = []
        self._amp_state = SimpleNamespace()
        self.scaler = None

    def initialize(self, model, optimizer, **options):
        self.calls.append(("initialize", options))
        self.scaler = LossScaler.start(options.get("loss_scale") or "dynamic")
        self._amp_state.handle = SimpleNamespace(_deactivate=lambda: self.calls.append("deactivate"))
        self.half = [p for group in optimizer.param_groups for p in group["params"]]
        model.half()
        plain = model.forward
        model.forward = lambda **inputs: plain(**{name: value.half() for name, value in inputs.items()})
        optimizer._amp_stash = SimpleNamespace(already_patched=False)
        optimizer._amp_lazy_init = lambda: self.make_masters(optimizer)
        step = optimizer.step

        def new_step(it):
            step()
            for master, parameter in zip(self.masters, self.half, strict=True):
                parameter.data.copy_(master)

        def new_zero_grad(it):
            for parameter in (*self.masters, *self.half):
                parameter.grad = None

        optimizer.step, optimizer.zero_grad = MethodType(new_step, optimizer), MethodType(new_zero_grad, optimizer)
        return model, optimizer

    def make_masters(self, optimizer):
        self.calls.append("masters")
        self.masters = [torch.nn.Parameter(p.detach().clone().float()) for p in self.half]
        left = iter(self.masters)
        for group in optimizer.param_groups:
            group["params"] = [next(left) for _ in group["params"]]

    def master_params(self, optimizer):
        return (p for group in optimizer.param_groups for p in group["params"])

    @contextmanager
    def scale_loss(self, loss, optimizer):
        self.calls.append("scale_loss")
        yield loss.float() * self.scaler.scale
        overflow = False
        for master, parameter in zip(self.masters, self.half, strict=True):
            if parameter.grad is not None:
                gradient = parameter.grad.float() / self.scaler.scale
                overflow |= not bool(gradient.isfinite().all())
                master.grad = gradient if master.grad is None else master.grad + gradient
                parameter.grad = None
        if not self.scaler.update(overflow) and not optimizer._amp_stash.already_patched:
            optimizer._amp_stash.already_patched = True
            step = optimizer.step

            def skip():
                optimizer.step = step
                optimizer._amp_stash.already_patched = False

            optimizer.step = skip

    def state_dict(self):
        return {"loss_scaler0": {"loss_scale": self.scaler.scale, "unskipped": self.scaler.clean_steps}}

    def load_state_dict(self, state):
        self.scaler.load_state_dict(state)


@pytest.fixture
def amp(monkeypatch):
    package, fake = ModuleType("apex"), FakeAmp()
    package.amp = fake
    monkeypatch.setitem(sys.modules, "apex", package)
    monkeypatch.setitem(sys.modules, "apex.amp", fake)
    return fake


def resolved(**options):
    return resolve_opt_level(AmpConfig(**{"opt_level": "O2", **options}), torch.device("cuda"))


def sgd(parameters):
    return torch.optim.SGD(parameters, lr=0.1)


def apex_learner(**options):
    model = made()
    precision, optimizer = make_precision(model, resolved(backend="apex", **options), sgd)
    scheduler = LambdaLR(optimizer, lambda step: 1.0)
    return Learner(model, cross_entropy(), optimizer, scheduler, precision)


def steps(it, count, batches=1, clip_norm=None):
    data, sums = dataset(24), totals()
    with training(it.model):
        for _ in range(count):
            train_step(it, [data.batch(rows) for rows in np.split(np.arange(24), batches)], clip_norm, sums)
    return sums


def test_the_backend_decides_who_does_it(amp):
    native, _ = make_precision(made(), resolved(), sgd)
    assert isinstance(native, Precision)
    assert amp.calls == []
    apex, optimizer = make_precision(made(), resolved(backend="apex"), sgd)
    assert isinstance(apex, ApexPrecision)
    assert optimizer is apex.optimizer


@pytest.mark.parametrize(
    ("options", "passed"),
    [
        ({}, {}),
        (
            {"keep_batchnorm_fp32": False, "master_weights": True, "loss_scale": "128"},
            {"keep_batchnorm_fp32": False, "master_weights": True, "loss_scale": 128.0},
        ),
        (
            {"opt_level": "O3", "cast_model_type": "half", "loss_scale": "dynamic"},
            {"cast_model_type": torch.float16, "loss_scale": "dynamic"},
        ),
        ({"opt_level": "O1"}, {}),
    ],
)
def test_level_and_overrides_reach_apex_under_its_own_names(amp, options, passed):
    apex_learner(**options)
    name, found = amp.calls[0]
    assert name == "initialize"
    assert found == {
        "opt_level": options.get("opt_level", "O2"),
        "verbosity": 0,
        "min_loss_scale": 1.0,
        "max_loss_scale": 2.0**24,
        **passed,
    }
    assert amp.calls[1:] == ["masters"]  # before the first step: schedulers and averages look at them


def test_the_next_fold_takes_back_the_patches_of_the_last(amp):
    apex_learner()
    assert "deactivate" not in amp.calls
    apex_learner()
    assert amp.calls[2] == "deactivate"
    assert amp.calls[3][0] == "initialize"


@pytest.mark.parametrize(("batches", "clip_norm"), [(1, None), (3, None), (1, 0.01), (3, 0.01)])
def test_training_through_apex_equals_the_native_level(amp, batches, clip_norm):
    it = apex_learner(loss_scale="256")
    model = made()
    native, optimizer = make_precision(model, resolved(loss_scale="256"), sgd)
    other = Learner(model, cross_entropy(), optimizer, LambdaLR(optimizer, lambda step: 1.0), native)
    found, expected = steps(it, 5, batches, clip_norm), steps(other, 5, batches, clip_norm)
    assert amp.calls.count("scale_loss") == 5 * batches
    assert found.mean() == pytest.approx(expected.mean(), rel=1e-3)
    for ours, theirs in zip(native.parameters, it.precision.parameters, strict=True):
        assert theirs.dtype == torch.float32
        torch.testing.assert_close(ours, theirs, rtol=2e-3, atol=2e-4)
    assert it.scheduler.last_epoch == 5
    assert it.precision.half_outputs


@pytest.mark.parametrize("freeze_epochs", [0, 1, "all"])
def test_groups_and_frozen_bodies_through_apex_equal_the_native_level(amp, freeze_epochs):
    def trained(**options):
        model = made()
        fit = FitConfig(decay_norms=False, freeze_epochs=freeze_epochs)
        section = {"_target_": "torch.optim.SGD", "lr": 0.1, "weight_decay": 0.1}
        freeze_for_good(model, fit)
        build = partial(grouped_optimizer, section, model, fit=fit)
        precision, optimizer = make_precision(model, resolved(loss_scale="256", **options), lambda ps: build(ps))
        it = Learner(model, cross_entropy(), optimizer, LambdaLR(optimizer, lambda step: 1.0), precision)
        for epoch in (1, 2):
            freeze_for_epoch(model, precision.model_parameters, settings(freeze_epochs=freeze_epochs), epoch)
            steps(it, 3)
        for stepped, held in zip(precision.parameters, precision.model_parameters, strict=True):
            assert torch.equal(stepped.half(), held)
        return it

    native, apex = trained(), trained(backend="apex")
    assert [group["weight_decay"] for group in apex.optimizer.param_groups] == [0.1, 0.0]
    for name, ours in native.model.named_parameters():
        torch.testing.assert_close(ours, apex.model.get_parameter(name), rtol=4e-3, atol=1e-3)
    assert torch.equal(native.model.body.weight, made().body.weight.half()) == (freeze_epochs == "all")


@pytest.mark.parametrize("batches", [1, 2])
def test_a_step_that_apex_skips_is_counted_and_moves_nothing(amp, batches):
    it = apex_learner()
    hook = it.model.head.weight.register_hook(lambda gradient: torch.full_like(gradient, float("inf")))
    before = state_of(it.model)
    sums = steps(it, 2, batches)
    assert same_state(state_of(it.model), before)
    assert (sums.steps, it.scheduler.last_epoch, it.precision.scaler.skipped_steps) == (0, 0, 2)
    assert it.precision.scaler.scale == 2.0 ** (16 - 2 * batches)
    hook.remove()
    assert steps(it, 1).steps == 1
    assert not same_state(state_of(it.model), before)
    assert it.precision.scaler.clean_steps == 1
    assert it.precision.scaler.skipped_in_a_row == 0


def test_fifty_skipped_in_a_row_stop_apex_too(amp):
    it = apex_learner()
    it.model.head.weight.register_hook(lambda gradient: torch.full_like(gradient, float("inf")))
    amp.scaler.skipped_in_a_row = -100  # apex itself never stops
    with pytest.raises(NonFiniteError, match="50 optimizer steps in a row overflowed"):
        steps(it, 60)


def test_a_resume_is_bit_equal(amp):
    it = apex_learner(loss_scale="256")
    steps(it, 3)
    state, model = it.precision.state_dict(), state_of(it.model)
    state = {"apex": state["apex"], "scaler": dict(state["scaler"]), "masters": [m.clone() for m in state["masters"]]}
    steps(it, 3)
    other = apex_learner(loss_scale="256")
    other.model.load_state_dict(model)
    other.precision.load_state_dict(state)
    assert same_state(state_of(other.model), model)
    steps(other, 3)
    assert same_state(state_of(it.model), state_of(other.model))
    assert all(torch.equal(a, b) for a, b in zip(it.precision.parameters, other.precision.parameters, strict=True))
    assert state["apex"] == {"loss_scaler0": {"loss_scale": 256.0, "unskipped": 0}}
