"""Rates per part of the model, against BEiT's formula and against torch with groups written by hand."""

from functools import partial

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tests.engine.engine_cases import SPEC, cross_entropy, dataset, fold, level, made, settings, totals
from tests.engine.layered_models import deep, part_of
from tests.engine.test_snapshot import Killed, assert_same, checkpointer
from trainer.config.schema import FitConfig
from trainer.engine.fit import fit
from trainer.engine.freezing import freeze_for_good, require_parts
from trainer.engine.loops import Learner, train_step
from trainer.engine.modes import training
from trainer.engine.optimizer import make_optimizer, make_scheduler
from trainer.engine.param_groups import grouped_optimizer
from trainer.engine.precision.apex_backend import make_precision
from trainer.errors import ConfigError

LR = 0.2
SGD = {"_target_": "torch.optim.SGD", "lr": LR}
ADAMW = {"_target_": "torch.optim.AdamW", "lr": 0.01, "weight_decay": 0.3}
SCHEDULES = "torch.optim.lr_scheduler."
CONSTANT = {"_target_": SCHEDULES + "ConstantLR", "factor": 1.0, "total_iters": 0}
LAYER_ID = {"scale": 0, "first": 1, "blocks.0": 2, "blocks.1": 3, "blocks.2": 4, "head": 5}


def beit_scale(part, decay):
    """``LayerDecayValueAssigner`` of BeIT's optim_factory.py; what is in no layer is as deep as the lowest one."""
    num_layers = 4
    values = [decay ** (num_layers + 1 - i) for i in range(num_layers + 2)]
    return values[max(1, LAYER_ID[part])]


def rate_of_each(model, optimizer):
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    return {names[id(p)]: group["lr"] for group in optimizer.param_groups for p in group["params"]}


def grouped(model, section=SGD, **fit):
    return grouped_optimizer(section, model, list(model.parameters()), FitConfig(**fit))


def learner(model, fit, section=SGD, opt_level="O0", schedule=CONSTANT, warmup_steps=0, **options):
    build = partial(grouped_optimizer, section, model, fit=fit)
    precision, optimizer = make_precision(model, level(opt_level, **options), lambda stepped: build(stepped))
    scheduler = make_scheduler(schedule, optimizer, warmup_steps=warmup_steps, total_steps=12, steps_per_epoch=4)
    return Learner(model, cross_entropy(), optimizer, scheduler, precision)


@pytest.mark.parametrize("decay", [0.5, 0.9, 1.0])
@pytest.mark.parametrize("head_lr", [None, 0.7])
def test_layer_decay_gives_each_parameter_beits_rate(decay, head_lr):
    model = deep()
    found = rate_of_each(model, grouped(model, layer_decay=decay, head_lr=head_lr))
    assert found.keys() == dict(model.named_parameters()).keys()
    for name, rate in found.items():
        own = head_lr if head_lr is not None and part_of(name) == "head" else LR * beit_scale(part_of(name), decay)
        assert rate == pytest.approx(own, rel=1e-12)


def test_a_head_rate_alone_leaves_the_body_at_the_optimizers():
    model = made()
    found = rate_of_each(model, grouped(model, head_lr=0.01))
    assert found == {"body.weight": LR, "body.bias": LR, "head.weight": 0.01, "head.bias": 0.01}


@pytest.mark.parametrize(
    ("fit", "shown"),
    [
        ({"head_lr": 0.9}, LR),
        ({"layer_decay": 0.5}, LR),
        ({"decay_norms": False}, LR),
        ({"layer_decay": 0.5, "head_lr": 3.0}, LR / 2),
    ],
)
def test_the_first_group_is_the_one_whose_rate_is_shown(fit, shown):
    assert grouped(deep(), **fit).param_groups[0]["lr"] == pytest.approx(shown)


def test_without_such_a_key_the_optimizer_is_the_plain_one():
    model = deep()
    plain = make_optimizer(ADAMW, list(model.parameters()))
    assert grouped(model, ADAMW).state_dict() == plain.state_dict()
    assert len(plain.param_groups) == 1


@pytest.mark.parametrize("clip_norm", [None, 0.05])
@pytest.mark.parametrize(("opt_level", "options"), [("O0", {}), ("O2", {"dtype": "bf16"})])
def test_a_step_moves_each_parameter_by_its_own_rate(opt_level, options, clip_norm):
    model, data = deep(dropout=0.0), dataset()
    before = [p.detach().clone() for p in model.parameters()]
    names = [name for name, _ in model.named_parameters()]
    it = learner(model, FitConfig(layer_decay=0.5, head_lr=0.9), opt_level=opt_level, **options)
    gradients = []
    it.optimizer.register_step_pre_hook(lambda *_: gradients.extend(p.grad.clone() for p in it.precision.parameters))
    with training(model):
        train_step(it, [data.batch(np.arange(23))], clip_norm, totals())
    for name, old, new, gradient in zip(names, before, it.precision.parameters, gradients, strict=True):
        rate = 0.9 if part_of(name) == "head" else LR * beit_scale(part_of(name), 0.5)
        torch.testing.assert_close(new.detach(), old - rate * gradient, rtol=1e-5, atol=1e-7)
        assert new.dtype == torch.float32
    if clip_norm is not None:
        assert float(torch.cat([g.flatten() for g in gradients]).norm()) == pytest.approx(clip_norm, rel=1e-4)


def test_no_decay_on_norms_and_biases_is_what_torch_does_with_two_groups():
    model, twin, data = deep(dropout=0.0), deep(dropout=0.0), dataset()
    it = learner(model, FitConfig(decay_norms=False), section=ADAMW)
    decayed = [p for name, p in twin.named_parameters() if "norm" not in name and p.ndim > 1]
    others = [p for p in twin.parameters() if not any(p is other for other in decayed)]
    reference = torch.optim.AdamW(
        [{"params": decayed}, {"params": others, "weight_decay": 0.0}], 0.01, weight_decay=0.3
    )
    twin.train()
    for start in range(0, 20, 5):
        rows = np.arange(start, start + 5)
        with training(model):
            train_step(it, [data.batch(rows)], None, totals())
        F.cross_entropy(twin(data.batch(rows).inputs["x"]), data.target[rows]).backward()
        reference.step()
        reference.zero_grad()
    assert len(decayed) == 5
    for mine, theirs in zip(model.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-6)


def test_a_normalisation_over_several_dimensions_is_not_decayed_either():
    model = nn.Sequential(nn.LayerNorm((2, 3)), nn.Linear(3, 2))
    optimizer = grouped_optimizer(ADAMW, model, list(model.parameters()), FitConfig(decay_norms=False))
    assert [(len(g["params"]), g["weight_decay"]) for g in optimizer.param_groups] == [(1, 0.3), (3, 0.0)]


SECTIONS = {
    "constant": CONSTANT,
    "cosine": {"_target_": SCHEDULES + "CosineAnnealingLR", "T_max": "total_steps", "eta_min": 0.0},
    "linear": {
        "_target_": SCHEDULES + "LinearLR",
        "start_factor": 1.0,
        "end_factor": 0.1,
        "total_iters": "total_steps",
    },
    "step": {"_target_": SCHEDULES + "StepLR", "step_size": "steps_per_epoch", "gamma": 0.5},
    "onecycle": {"_target_": SCHEDULES + "OneCycleLR", "max_lr": 1.0, "total_steps": "total_steps"},
    "cyclic": {
        "_target_": SCHEDULES + "CyclicLR",
        "base_lr": 0.05,
        "max_lr": 0.5,
        "step_size_up": 3,
        "cycle_momentum": False,
    },
}


@pytest.mark.parametrize("warmup_steps", [0, 4])
@pytest.mark.parametrize("name", SECTIONS)
def test_under_every_schedule_the_rates_keep_their_ratio(name, warmup_steps):
    model = deep()
    optimizer = grouped(model, {**SGD, "momentum": 0.9}, layer_decay=0.5, head_lr=1.0)
    alone = make_optimizer({**SGD, "momentum": 0.9}, [nn.Parameter(torch.zeros(1))])
    counts = {"warmup_steps": warmup_steps, "total_steps": 20 + warmup_steps, "steps_per_epoch": 5}
    schedules = [make_scheduler(SECTIONS[name], it, **counts) for it in (optimizer, alone)]
    for _ in range(19 + warmup_steps):
        rates = [group["lr"] for group in optimizer.param_groups]
        plain = alone.param_groups[0]["lr"]
        assert rates == pytest.approx([plain * f for f in (0.5, 0.25, 0.125, 0.0625, 5.0)], rel=1e-9)
        for stepped, schedule in zip((optimizer, alone), schedules, strict=True):
            stepped.step()
            schedule.step()


MORE = {
    "multistep": {"_target_": SCHEDULES + "MultiStepLR", "milestones": [3, 7], "gamma": 0.3},
    "restarts": {"_target_": SCHEDULES + "CosineAnnealingWarmRestarts", "T_0": 5},
    "polynomial": {"_target_": SCHEDULES + "PolynomialLR", "total_iters": "total_steps", "power": 2.0},
}


@pytest.mark.parametrize(("name", "warmup_steps"), [("cosine", 0), *((name, 2) for name in SECTIONS | MORE)])
def test_under_every_schedule_an_interrupted_fold_resumes_to_the_same_bits(tmp_path, name, warmup_steps):
    chosen = settings(clip_norm=0.5, freeze_epochs=1, unfreeze_layers=1)
    wanted = FitConfig(head_lr=0.05, layer_decay=0.6, decay_norms=False, freeze_epochs=1, unfreeze_layers=1)

    def run(kept=None):
        section = (SECTIONS | MORE)[name]
        it = learner(deep(), wanted, {**ADAMW, "eps": 1e-4}, "O2", section, warmup_steps, dtype="bf16")
        torch.manual_seed(1)
        return fit(it, dataset(), fold(), chosen, SPEC, [], kept)

    straight = run()
    for step in (1, 4, 9):
        directory = tmp_path / str(step)
        directory.mkdir()
        with pytest.raises(Killed):
            run(checkpointer(directory, kill_at=step))
        assert_same(run(checkpointer(directory)), straight)


def test_a_schedule_that_would_raise_the_lowest_layers_is_refused():
    section = {**SECTIONS["cosine"], "eta_min": 0.02}
    make_scheduler(section, grouped(deep(), layer_decay=0.9), warmup_steps=0, total_steps=9, steps_per_epoch=3)
    with pytest.raises(ConfigError, match=r"scheduler\.eta_min=0\.02 is above the learning rate 0\.0125 of a part"):
        make_scheduler(section, grouped(deep(), layer_decay=0.5), warmup_steps=0, total_steps=9, steps_per_epoch=3)


@pytest.mark.parametrize(
    ("model", "fit", "message"),
    [
        (
            nn.Linear(2, 2),
            {"head_lr": 0.1},
            "fit.head_lr needs a model with a head, and Linear has no sub-module 'head'",
        ),
        (nn.Linear(2, 2), {"freeze_epochs": 2}, "fit.freeze_epochs needs a model with a head"),
        (made(), {"layer_decay": 0.9}, "fit.layer_decay needs a model that lists its layers, and Small has no method"),
        (made(), {"freeze_epochs": 1, "unfreeze_layers": 1}, "fit.unfreeze_layers needs a model that lists its layers"),
    ],
)
def test_a_model_without_the_part_is_refused_by_name(model, fit, message):
    with pytest.raises(ConfigError) as error:
        require_parts(model, FitConfig(**fit))
    assert message in str(error.value)
    assert len(str(error.value).splitlines()) <= 5


def test_what_needs_nothing_of_the_model_is_not_refused():
    require_parts(nn.Linear(2, 2), FitConfig(decay_norms=False, warmup_ratio=0.1, mixup_alpha=0.2))
    require_parts(deep(), FitConfig(head_lr=1.0, layer_decay=0.5, freeze_epochs=2, unfreeze_layers=1))


def test_an_optimizer_that_decays_nothing_is_refused():
    section = {"_target_": "torch.optim.SparseAdam"}
    with pytest.raises(ConfigError, match=r"fit\.decay_norms=false has no effect: torch\.optim\.SparseAdam"):
        grouped(made(), section, decay_norms=False)


OPTIMIZERS = [
    "SGD",
    "Adam",
    "AdamW",
    "NAdam",
    "RAdam",
    "RMSprop",
    "Adagrad",
    "Adadelta",
    "Adamax",
    "ASGD",
    "Rprop",
    "Adafactor",
]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_torch_optimizer_takes_groups_and_frozen_layers(name):
    model = deep()
    wanted = FitConfig(head_lr=0.02, layer_decay=0.8, freeze_epochs=1, unfreeze_layers=2)
    freeze_for_good(model, wanted)
    it = learner(model, wanted, section={"_target_": f"torch.optim.{name}", "lr": 0.01})
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    chosen = settings(freeze_epochs=1, unfreeze_layers=2, batch_size=6)
    fit(it, dataset(), fold(), chosen, SPEC, [])
    assert len(it.optimizer.param_groups) == 5
    still = {name for name, p in model.named_parameters() if torch.equal(p, before[name])}
    assert still <= {f"blocks.{k}.linear.bias" for k in range(3)}  # BatchNorm takes them out again


def test_thawed_layers_join_under_sgd_with_momentum():
    """torch's fused SGD fails once some parameters of a group have momentum and others none yet."""
    section = {**SGD, "momentum": 0.9, "nesterov": True, "fused": True}
    weights, expected = ([torch.ones(3, requires_grad=True), torch.ones(2, requires_grad=True)] for _ in range(2))
    found = grouped_optimizer(section, nn.Module(), weights, FitConfig(freeze_epochs=1))
    reference = torch.optim.SGD(expected, lr=LR, momentum=0.9, nesterov=True, foreach=False)
    for thawed in (False, True, True):
        for parameters, optimizer in ((weights, found), (expected, reference)):
            for parameter in parameters if thawed else parameters[1:]:
                parameter.grad = torch.full_like(parameter, 0.5)
            optimizer.step()
    torch.testing.assert_close(weights, expected, rtol=0, atol=0)
    assert grouped_optimizer(section, nn.Module(), weights, FitConfig()).defaults["fused"]
