"""Against ``torch.optim``: its own step, on twins of the same weights and gradients."""

from copy import deepcopy

import pytest
import torch
from torch import nn
from torch.optim import SGD, Adam, AdamW
from torch.optim.lr_scheduler import CosineAnnealingLR
from torch.optim.optimizer import register_optimizer_step_post_hook

from trainer.engine import fused_step
from trainer.engine.fused_step import step_optimizers

SHAPES = ((33, 7), (33,), (10, 33), (1,))  # with and without a rest beside whole vectors
CASES = {
    "AdamW": (AdamW, {"weight_decay": 0.02}),
    "Adam": (Adam, {"weight_decay": 0.02}),
    "Adam, decoupled": (Adam, {"weight_decay": 0.02, "decoupled_weight_decay": True}),
    "maximize": (AdamW, {"maximize": True}),
    "betas": (AdamW, {"betas": (0.5, 0.9), "eps": 1e-3}),
    "amsgrad": (AdamW, {"amsgrad": True}),
    "not fused": (AdamW, {"fused": False}),
    "a whole number": (AdamW, {"lr": 1}),
    "SGD": (SGD, {"momentum": 0.9, "fused": False}),
}


def made(kind, options, *, seed=0, groups=False):
    """An optimizer of parameters, with a schedule that has it note its steps."""
    source = torch.Generator().manual_seed(seed)
    parameters = [nn.Parameter(torch.randn(shape, generator=source)) for shape in SHAPES]
    given = [{"params": parameters[:2], "lr": 0.5}, {"params": parameters[2:]}] if groups else parameters
    optimizer = kind(given, **{"lr": 0.01, "fused": True, **options})
    return optimizer, CosineAnnealingLR(optimizer, 20)


def parameters_of(optimizer):
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def give_gradients(optimizer, step, without=()):
    source = torch.Generator().manual_seed(100 + step)
    for place, parameter in enumerate(parameters_of(optimizer)):
        gradient = torch.randn(parameter.shape, generator=source)
        parameter.grad = None if place in without else gradient.to(parameter.dtype)


def left_by(optimizer):
    """Weights and moments, as one row of tensors."""
    kept = [optimizer.state[p] for p in parameters_of(optimizer)]
    states = [state[name] for state in kept for name in sorted(state) if isinstance(state[name], torch.Tensor)]
    return [*(p.detach() for p in parameters_of(optimizer)), *states]


def equal(one, other):
    mine, theirs = left_by(one), left_by(other)
    return len(mine) == len(theirs) and all(map(torch.equal, mine, theirs))


@pytest.fixture
def kernel_calls(monkeypatch):
    """How many tensors each call of the kernel was given by ``fused_step``."""
    seen = []

    class Watched:
        def __getattr__(self, name):
            found = getattr(torch, name)
            if not name.startswith("_fused_"):
                return found
            return lambda parameters, *rest, **options: (
                seen.append(len(parameters)) or found(parameters, *rest, **options)
            )

    monkeypatch.setattr(fused_step, "torch", Watched())
    return seen


@pytest.mark.parametrize("groups", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_the_same_bits_as_torch(case, groups):
    ours, rates = made(*CASES[case], groups=groups)
    theirs, their_rates = made(*CASES[case], groups=groups)
    for step in range(6):
        for optimizer, schedule in ((ours, rates), (theirs, their_rates)):
            give_gradients(optimizer, step, without=(1,) if step in (0, 3) else ())
            step_optimizers([ours]) if optimizer is ours else optimizer.step()
            schedule.step()
        assert equal(ours, theirs)


def test_optimizers_of_like_options_are_one_call_others_more(kernel_calls):
    every = [made(AdamW, {}, seed=seed) for seed in range(3)] + [made(AdamW, {"weight_decay": 0.5}, seed=3)]
    twins = [made(AdamW, {}, seed=seed) for seed in range(3)] + [made(AdamW, {"weight_decay": 0.5}, seed=3)]
    for step in range(3):
        for optimizer, _ in (*every, *twins):
            give_gradients(optimizer, step)
        step_optimizers([optimizer for optimizer, _ in every])
        for optimizer, _ in twins:
            optimizer.step()
    assert kernel_calls == [3 * len(SHAPES), len(SHAPES)] * 2  # the first step is torch's
    assert all(equal(one, other) for (one, _), (other, _) in zip(every, twins, strict=True))


def test_optimizers_of_like_groups_are_a_call_for_each_group_and_not_looked_at_one_by_one(kernel_calls, monkeypatch):
    every, twins = ([made(AdamW, {}, seed=seed, groups=True) for seed in range(3)] for _ in range(2))
    for step in range(5):
        if step == 1:
            monkeypatch.setattr(fused_step, "_put", None)
        for optimizer, schedule in (*every, *twins):
            give_gradients(optimizer, step)
            if step:
                schedule.step()  # all rates are other ones, but alike
        here = every[: 2 if step == 4 else 3]  # a fold that ends leaves the others
        step_optimizers([optimizer for optimizer, _ in here])
        for optimizer, _ in twins[: len(here)]:
            optimizer.step()
    assert kernel_calls == [6, 6] * 3 + [4, 4]
    assert all(equal(one, other) for (one, _), (other, _) in zip(every, twins, strict=True))


def test_one_of_several_without_a_gradient_steps_as_torch_has_it_step():
    every, twins = ([made(AdamW, {}, seed=seed) for seed in range(3)] for _ in range(2))
    for step in range(5):
        for place, (optimizer, _) in enumerate((*every, *twins)):
            give_gradients(optimizer, step, without=(2,) if step == 3 and place % 3 == 1 else ())
        step_optimizers([optimizer for optimizer, _ in every])
        for optimizer, _ in twins:
            optimizer.step()
    assert all(equal(one, other) for (one, _), (other, _) in zip(every, twins, strict=True))


def test_a_state_that_is_loaded_is_gone_on_with(kernel_calls):
    ours, rates = made(AdamW, {})
    for step in range(2):
        give_gradients(ours, step)
        step_optimizers([ours])
        rates.step()
    there, theirs = made(AdamW, {}), made(AdamW, {})
    for other, schedule in (there, theirs):
        for parameter, own in zip(parameters_of(other), parameters_of(ours), strict=True):
            parameter.data = own.detach().clone()
        other.load_state_dict(deepcopy(ours.state_dict()))  # else both would step the same moments
        schedule.load_state_dict(rates.state_dict())
    for step in range(2, 5):
        for other, schedule in (there, theirs):
            give_gradients(other, step)
            step_optimizers([other]) if other is there[0] else other.step()
            schedule.step()
    assert kernel_calls == [len(SHAPES)] * 3
    assert equal(there[0], theirs[0])


def test_hooks_are_called():
    optimizer, _ = made(AdamW, {})
    called = []
    optimizer.register_step_pre_hook(lambda *_: called.append("before"))
    handle = register_optimizer_step_post_hook(lambda *_: called.append("after"))
    try:
        for step in range(3):
            give_gradients(optimizer, step)
            step_optimizers([optimizer])
    finally:
        handle.remove()
    assert called == ["before", "after"] * 3


def test_half_and_whole_numbers_are_calls_of_their_own(kernel_calls):
    halves = [made(AdamW, {}, seed=seed) for seed in range(2)]
    for optimizer, _ in halves[:1]:
        for parameter in parameters_of(optimizer):
            parameter.data = parameter.data.bfloat16()
    for step in range(3):
        for optimizer, _ in halves:
            give_gradients(optimizer, step)
        step_optimizers([optimizer for optimizer, _ in halves])
    assert kernel_calls == [len(SHAPES)] * 4
