"""What is frozen when, that nothing moves it, and that a fold stopped in between goes on to the same bits."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.optim.lr_scheduler import LambdaLR

from tests.engine.engine_cases import SPEC, cross_entropy, dataset, fold, level, made, same_state, settings, state_of
from tests.engine.layered_models import BODY, deep, part_of
from tests.engine.test_snapshot import Killed, assert_same, checkpointer
from trainer.config.schema import FitConfig
from trainer.data.loading.batch_order import training_order
from trainer.engine.ema import WeightAverage
from trainer.engine.fit import fit
from trainer.engine.freezing import freeze_for_epoch, freeze_for_good, frozen_parameters
from trainer.engine.loops import Learner
from trainer.engine.modes import training
from trainer.engine.precision.precision import Precision
from trainer.engine.preflight.preflight import findings
from trainer.engine.preflight.probe import ProbedModel
from trainer.tasks import MULTICLASS

LEVELS = [
    ("O0", {}),
    ("O1", {"dtype": "bf16"}),
    ("O2", {"dtype": "bf16"}),
    ("O2", {"dtype": "fp16"}),
    ("O3", {"dtype": "bf16"}),
]


def learner(chosen, model=None, *, opt_level="O0", optimizer=torch.optim.AdamW, decay=None, lr=0.05, **options):
    """A learner as ``fresh_learner`` builds it."""
    torch.manual_seed(7)
    model = deep() if model is None else model
    freeze_for_good(model, chosen)
    precision = Precision(model, level(opt_level, **options))
    kind = {"weight_decay": 0.5, "eps": 1e-4} if optimizer is torch.optim.AdamW else {}
    stepper = optimizer(precision.parameters, lr=lr, **kind)
    average = None if decay is None else WeightAverage(precision.parameters, decay)
    scheduler = LambdaLR(stepper, lambda step: 1 / (1 + 0.1 * step))
    return Learner(model, cross_entropy(), stepper, scheduler, precision, average)


class Watch:
    """Keeps the model's state after each epoch."""

    def __init__(self, model):
        self.model, self.states = model, [state_of(model)]

    def epoch(self, record):
        self.states.append(state_of(self.model))

    def fold_started(self, *_):
        pass

    step = fold_finished = fold_started


def fitted(it, chosen, kept=None):
    watch = Watch(it.model)
    outcome = fit(it, dataset(), fold(), chosen, SPEC, [watch], kept)
    return outcome, watch.states


def moved(before, after):
    """The parts of the model whose parameters or statistics changed."""
    return {part_of(name) for name in before if not torch.equal(before[name], after[name])}


EVERYTHING = BODY | {"head"}
SCHEDULES = [
    ({"freeze_epochs": 0}, [EVERYTHING] * 3),
    ({"freeze_epochs": 2}, [{"head"}, {"head"}, EVERYTHING, EVERYTHING]),
    ({"freeze_epochs": "all"}, [{"head"}] * 3),
    (
        {"freeze_epochs": 1, "unfreeze_layers": 1},
        [
            {"head"},
            {"head", "blocks.2"},
            {"head", "blocks.2", "blocks.1"},
            {"head", "blocks.2", "blocks.1", "blocks.0"},
            EVERYTHING,
            EVERYTHING,
        ],
    ),
    (
        {"freeze_epochs": 2, "unfreeze_layers": 3},
        [{"head"}, {"head"}, {"head", "blocks.2", "blocks.1", "blocks.0"}, EVERYTHING],
    ),
    ({"freeze_epochs": 1, "unfreeze_layers": 9}, [{"head"}, EVERYTHING]),
]


@pytest.mark.parametrize(("fit", "trained"), SCHEDULES, ids=[str(fit) for fit, _ in SCHEDULES])
def test_each_epoch_moves_the_parts_it_should_and_no_other(fit, trained):
    """Weights and BatchNorm's statistics, under weight decay and Adam's momentum."""
    chosen = settings(max_epochs=len(trained), **fit)
    _, states = fitted(learner(chosen), chosen)
    assert [moved(*pair) for pair in pairwise(states)] == trained


@pytest.mark.parametrize(("opt_level", "options"), LEVELS, ids=str)
@pytest.mark.parametrize("accumulate_steps", [1, 2])
def test_at_every_level_the_frozen_body_keeps_its_bits_and_is_trained_after(opt_level, options, accumulate_steps):
    chosen = settings(freeze_epochs=2, clip_norm=0.5, accumulate_steps=accumulate_steps)
    it = learner(chosen, opt_level=opt_level, decay=0.5, **options)
    masters = [p.detach().clone() for p in it.precision.parameters]
    _, states = fitted(it, chosen)
    assert moved(states[0], states[2]) == {"head"}
    assert moved(states[2], states[3]) == EVERYTHING
    assert len(masters) == len(list(it.model.parameters()))


@pytest.mark.parametrize(("opt_level", "options"), LEVELS, ids=str)
def test_frozen_for_good_neither_optimizer_nor_masters_hold_the_body(opt_level, options):
    chosen = settings(freeze_epochs="all")
    it = learner(chosen, opt_level=opt_level, decay=0.9, **options)
    n_head = len(list(it.model.head.parameters()))
    held = [p for group in it.optimizer.param_groups for p in group["params"]]
    assert len(held) == len(it.precision.parameters) == len(it.average.average) == n_head
    _, states = fitted(it, chosen)
    assert moved(states[0], states[-1]) == {"head"}


def test_a_frozen_epoch_and_the_next_are_what_torch_does():
    chosen = settings(max_epochs=2, freeze_epochs=1)
    it = learner(chosen, made(), optimizer=torch.optim.SGD)
    fitted(it, chosen)
    model, data, step = made(), dataset(), 0
    for epoch, parameters in ((1, list(model.head.parameters())), (2, list(model.parameters()))):
        for rows in training_order(fold().train, 5, (42, 0, 0, epoch), None):
            loss = F.cross_entropy(model(data.batch(rows).inputs["x"]), data.target[rows])
            for parameter, gradient in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
                parameter.data -= 0.05 / (1 + 0.1 * step) * gradient
            step += 1
    for name, value in model.state_dict().items():
        torch.testing.assert_close(it.model.state_dict()[name], value, rtol=1e-5, atol=1e-6)


def test_what_the_model_froze_itself_is_never_thawed():
    chosen, model = settings(max_epochs=3, freeze_epochs=1), deep()
    model.blocks[1].requires_grad_(False)
    it = learner(chosen, model)
    _, states = fitted(it, chosen)
    assert moved(states[0], states[-1]) == EVERYTHING - {"blocks.1"}


FROZEN = [{"freeze_epochs": 2}, {"freeze_epochs": 1, "unfreeze_layers": 1}, {"freeze_epochs": "all"}]
LEVELS_AND_FROZEN = [(LEVELS[0], FROZEN[1]), (LEVELS[1], FROZEN[0])]
LEVELS_AND_FROZEN += [(LEVELS[2], frozen) for frozen in FROZEN]  # masters are kept of what is trained only
LEVELS_AND_FROZEN += [(LEVELS[3], FROZEN[1])]


@pytest.mark.parametrize(("level", "fit"), LEVELS_AND_FROZEN, ids=str)
def test_a_fold_interrupted_while_frozen_or_after_ends_like_one_that_was_not(tmp_path, level, fit):
    opt_level, options = level
    chosen = settings(max_epochs=4, accumulate_steps=2, batch_size=3, **fit)  # 3 steps an epoch

    def fresh():
        return learner(chosen, opt_level=opt_level, decay=0.5, **options)

    straight, _ = fitted(fresh(), chosen)
    for step in (1, 3, 4, 6, 7, 11):
        directory = tmp_path / f"step{step}"
        directory.mkdir()
        with pytest.raises(Killed):
            fitted(fresh(), chosen, checkpointer(directory, kill_at=step))
        assert_same(fitted(fresh(), chosen, checkpointer(directory))[0], straight)


def test_no_dropout_in_a_frozen_layer_and_dropout_outside_of_it():
    model = deep(dropout=0.5)
    freeze_for_epoch(model, list(model.parameters()), settings(freeze_epochs=1, unfreeze_layers=1), epoch=2)
    with training(model):
        resting = {name for name, module in model.named_modules() if not module.training}
    assert resting == {name for name, _ in model.named_modules() if name.startswith(("first", "blocks.0", "blocks.1"))}
    assert all(module.training for module in model.modules())


def test_frozen_is_a_function_of_the_epoch_in_any_order():
    model, chosen = deep(), settings(freeze_epochs=1, unfreeze_layers=1)
    trainable = list(model.parameters())

    def frozen(epoch):
        freeze_for_epoch(model, trainable, chosen, epoch)
        assert {id(p) for p in frozen_parameters(model, chosen, epoch)} == {
            id(p) for p in trainable if not p.requires_grad
        }
        return {part_of(name) for name, p in model.named_parameters() if not p.requires_grad}

    expected = [BODY, BODY - {"blocks.2"}, BODY - {"blocks.2", "blocks.1"}, {"scale", "first"}, set(), set()]
    assert [frozen(epoch) for epoch in (6, 4, 2, 5, 3, 1)] == [expected[e - 1] for e in (6, 4, 2, 5, 3, 1)]


def test_another_level_can_be_forced_in_the_middle_of_a_frozen_epoch(tmp_path):
    chosen = settings(max_epochs=3, freeze_epochs=2)
    directory = tmp_path / "fold"
    directory.mkdir()
    with pytest.raises(Killed):
        fitted(learner(chosen), chosen, checkpointer(directory, kill_at=2))
    it = learner(chosen, opt_level="O2", dtype="bf16")
    kept = checkpointer(directory)
    kept.force = True
    (result, _), states = fitted(it, chosen, kept)
    assert len(result.epochs) == 3
    assert len(it.precision.parameters) == len(list(it.model.parameters()))
    assert moved(states[1], states[2]) == {"head"}


@pytest.mark.parametrize("fit", [FitConfig(freeze_epochs="all"), FitConfig(freeze_epochs=2)])
@pytest.mark.parametrize("opt_level", ["O0", "O2"])
def test_the_preflight_finds_nothing_wrong_with_freezing(fit, opt_level):
    model, data = deep(), dataset()
    freeze_for_good(model, fit)
    probe = ProbedModel(
        model=model,
        loss=cross_entropy(),
        level=level(opt_level),
        task=MULTICLASS,
        batch=data.batch(np.arange(16)),
        target=data.target,
        train_sizes=[17],
        batch_size=5,
    )
    assert [finding.line() for finding in findings(probe) if "linear.bias" not in finding.where] == []


def test_a_head_that_is_the_whole_of_a_frozen_models_training_reaches_the_loss():
    chosen = settings(max_epochs=30, freeze_epochs="all")
    it = learner(chosen, made(hidden=32), optimizer=torch.optim.SGD, lr=1.0)
    (result, weights), _ = fitted(it, chosen)
    losses = [epoch.train_loss for epoch in result.epochs]
    assert losses[-1] < 0.6 * losses[0]
    assert torch.equal(weights["body.weight"], made(hidden=32).body.weight)
    assert not same_state(weights, state_of(made(hidden=32)))


class Shared(nn.Module):
    """The head uses a matrix of the backbone's."""

    def __init__(self):
        super().__init__()
        self.body = nn.Linear(4, 3)
        self.head = nn.Linear(4, 3)
        self.head.weight = self.body.weight


def test_what_the_head_shares_with_the_body_is_trained():
    model = Shared()
    freeze_for_good(model, FitConfig(freeze_epochs="all"))
    assert {name for name, p in model.named_parameters() if p.requires_grad} == {"body.weight", "head.bias"}
