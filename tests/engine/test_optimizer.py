import math

import pytest
import torch
from torch import nn

from trainer.config.schema import FitConfig
from trainer.engine.optimizer import make_optimizer, make_scheduler, warmup_steps
from trainer.errors import ConfigError

TORCH = "torch.optim.lr_scheduler."
LR = 0.4
COSINE = {"_target_": TORCH + "CosineAnnealingLR", "T_max": "total_steps", "eta_min": 0.0}
LINEAR = {"_target_": TORCH + "LinearLR", "start_factor": 1.0, "end_factor": 0.0, "total_iters": "total_steps"}
STEP = {"_target_": TORCH + "StepLR", "step_size": "steps_per_epoch", "gamma": 0.5}
CONSTANT = {"_target_": TORCH + "ConstantLR", "factor": 1.0, "total_iters": 0}


def sgd(lr=LR):
    return make_optimizer({"_target_": "torch.optim.SGD", "lr": lr}, [nn.Parameter(torch.zeros(1))])


def rates(section, *, warmup_steps, total_steps, steps_per_epoch=10):
    """The learning rate each of ``total_steps`` optimizer steps is taken with."""
    optimizer = sgd()
    scheduler = make_scheduler(
        section, optimizer, warmup_steps=warmup_steps, total_steps=total_steps, steps_per_epoch=steps_per_epoch
    )
    found = []
    for _ in range(total_steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return found


FORMULAS = {
    "cosine": (COSINE, lambda t, total: LR * (1 + math.cos(math.pi * t / total)) / 2),
    "linear": (LINEAR, lambda t, total: LR * (1 - t / total)),
    "step": (STEP, lambda t, total: LR * 0.5 ** (t // 10)),
    "constant": (CONSTANT, lambda t, total: LR),
}


@pytest.mark.parametrize("warmup_steps", [0, 1, 7])
@pytest.mark.parametrize("name", FORMULAS)
def test_warm_up_then_schedule_equals_the_formula(name, warmup_steps):
    section, formula = FORMULAS[name]
    total = 40
    expected = [LR * (t + 1) / (warmup_steps + 1) for t in range(warmup_steps)]
    expected += [formula(t, total - warmup_steps) for t in range(total - warmup_steps)]
    assert rates(section, warmup_steps=warmup_steps, total_steps=total) == pytest.approx(expected, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("warmup_steps", [0, 5])
def test_one_cycle_after_warm_up_is_torch_alone_and_the_warm_up_leads_to_its_start(warmup_steps):
    section = {"_target_": TORCH + "OneCycleLR", "max_lr": 1.0, "total_steps": "total_steps", "pct_start": 0.3}
    optimizer = sgd()
    alone = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1.0, total_steps=30, pct_start=0.3)
    expected = []
    for _ in range(30):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if len(expected) < 30:
            alone.step()
    warm_up = [expected[0] * (t + 1) / (warmup_steps + 1) for t in range(warmup_steps)]
    found = rates(section, warmup_steps=warmup_steps, total_steps=30 + warmup_steps)
    assert found == pytest.approx(warm_up + expected)


def test_the_words_become_this_folds_numbers():
    scheduler = make_scheduler(COSINE, sgd(), warmup_steps=3, total_steps=33, steps_per_epoch=11)
    assert scheduler._schedulers[1].T_max == 30
    assert make_scheduler(STEP, sgd(), warmup_steps=0, total_steps=33, steps_per_epoch=11).step_size == 11


@pytest.mark.parametrize("total_steps", [5, 6])
def test_a_warm_up_that_leaves_no_step_is_refused(total_steps):
    with pytest.raises(ConfigError, match=rf"fit\.warmup_steps=6 leaves no step of the fold's {total_steps}"):
        make_scheduler(COSINE, sgd(), warmup_steps=6, total_steps=total_steps, steps_per_epoch=1)


def test_a_scheduler_that_needs_a_metric_is_refused():
    section = {"_target_": TORCH + "ReduceLROnPlateau"}
    with pytest.raises(ConfigError, match="ReduceLROnPlateau is not a scheduler stepped per optimizer step"):
        make_scheduler(section, sgd(), warmup_steps=0, total_steps=10, steps_per_epoch=1)


def test_a_class_of_torch_optim_that_is_no_optimizer_is_refused():
    section = {"_target_": "torch.optim.swa_utils.AveragedModel", "model": nn.Linear(1, 1)}
    with pytest.raises(ConfigError, match="AveragedModel is not a torch optimizer"):
        make_optimizer(section, [nn.Parameter(torch.zeros(1))])


def test_what_torch_refuses_is_a_configuration_error():
    with pytest.raises(ConfigError, match=r"optimizer: torch\.optim\.SGD refused its arguments.*-1"):
        sgd(lr=-1.0)


def test_every_argument_reaches_torch():
    section = {"_target_": "torch.optim.AdamW", "lr": 0.01, "betas": [0.5, 0.6], "weight_decay": 0.3}
    group = make_optimizer(section, [nn.Parameter(torch.zeros(1))]).param_groups[0]
    assert (group["lr"], tuple(group["betas"]), group["weight_decay"]) == (0.01, (0.5, 0.6), 0.3)


@pytest.mark.parametrize(
    ("ratio", "total_steps", "expected"),
    [(0.0, 100, 0), (0.1, 100, 10), (0.1, 101, 11), (0.06, 40, 3), (0.5, 3, 2), (0.9, 1, 0), (0.9, 2, 1)],
)
def test_a_share_of_warm_up_is_rounded_up_and_leaves_a_step(ratio, total_steps, expected):
    steps = warmup_steps(FitConfig(warmup_ratio=ratio), total_steps)
    assert steps == expected
    assert len(rates(LINEAR, warmup_steps=steps, total_steps=total_steps)) == total_steps


def test_a_number_of_warm_up_steps_stays_that_number():
    assert warmup_steps(FitConfig(warmup_steps=7), 3) == 7


def test_a_share_of_warm_up_is_transformers_own_schedule():
    """``get_linear_schedule_with_warmup`` starts at 0; ours takes its rates one step earlier, none is wasted."""
    from transformers import get_linear_schedule_with_warmup

    steps = warmup_steps(FitConfig(warmup_ratio=0.2), 50)
    optimizer = sgd()
    theirs = get_linear_schedule_with_warmup(optimizer, steps, 50)
    reference = []
    for _ in range(50):
        reference.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        theirs.step()
    found = rates(LINEAR, warmup_steps=steps, total_steps=50)
    assert steps == 10
    assert found[steps:] == pytest.approx(reference[steps:], rel=1e-6)
    assert found[:steps] == pytest.approx([LR * (t + 1) / (steps + 1) for t in range(steps)])
