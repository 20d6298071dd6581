"""FGM, AWP and SAM: a step against the formula in float64; scales, accumulation, levels; moving nothing is an error."""

import pytest
import torch
from torch import nn

from tests.engine.engine_cases import Small, dataset, level, same_state, state_of
from tests.tricks.trick_cases import (
    assert_stepped,
    batch,
    gradients,
    in_float64,
    moved,
    part,
    setting,
    step,
    tricked,
    words,
)
from trainer.errors import ConfigError
from trainer.tricks.awp import AWP
from trainer.tricks.fgm import FGM
from trainer.tricks.pgd import PGD
from trainer.tricks.sam import SAM

MADE = {"fgm": FGM, "awp": AWP, "sam": SAM, "pgd": PGD}


def test_fgm_steps_along_both_gradients():
    it, model, rows = tricked(words(), fgm=FGM(epsilon=0.5)), in_float64(words()), batch()
    step(it, rows)
    plain = gradients(model, rows)
    g = plain["table.weight"]
    further = gradients(moved(model, {"table.weight": 0.5 * g / g.norm()}), rows)
    assert_stepped(it, model, {name: plain[name] + further[name] for name in plain})


@pytest.mark.parametrize("add_plain", [False, True])
def test_awp_moves_each_tensor_by_a_share_of_its_norm(add_plain):
    it, model, rows = tricked(words(), awp=AWP(gamma=0.1, add_plain=add_plain)), in_float64(words()), batch()
    step(it, rows)
    plain = gradients(model, rows)
    by = {
        name: 0.1 * model.get_parameter(name).detach().norm() * g / g.norm() for name, g in plain.items() if g.ndim > 1
    }
    assert len(by) == 3
    further = gradients(moved(model, by), rows)
    assert_stepped(it, model, {name: further[name] + add_plain * plain[name] for name in plain})


@pytest.mark.parametrize("adaptive", [False, True])
def test_sam_moves_all_weights_by_one_norm(adaptive):
    it, model, rows = tricked(words(), sam=SAM(rho=0.3, adaptive=adaptive)), in_float64(words()), batch()
    step(it, rows)
    plain = gradients(model, rows)
    size = {name: model.get_parameter(name).detach().abs() if adaptive else 1.0 for name in plain}
    norm = sum((size[name] * g).square().sum() for name, g in plain.items()).sqrt()
    by = {name: 0.3 * size[name] * size[name] * g / norm for name, g in plain.items()}
    assert_stepped(it, model, gradients(moved(model, by), rows))


def test_two_tricks_each_start_from_the_plain_gradient():
    it = tricked(words(), fgm=FGM(epsilon=0.5), awp=AWP(gamma=0.1, add_plain=True))
    model, rows = in_float64(words()), batch()
    step(it, rows)
    plain = gradients(model, rows)
    g = plain["table.weight"]
    by_fgm = {"table.weight": 0.5 * g / g.norm()}
    by_awp = {n: 0.1 * model.get_parameter(n).detach().norm() * g / g.norm() for n, g in plain.items() if g.ndim > 1}
    found = [plain, gradients(moved(model, by_fgm), rows), gradients(moved(model, by_awp), rows)]
    assert_stepped(it, model, {name: sum(each[name] for each in found) for name in plain})


@pytest.mark.parametrize("name", MADE)
def test_accumulation_loss_scale_and_clipping_are_those_of_one_large_batch(name):
    whole, model = batch(8), in_float64(words())
    large = tricked(words(), **{name: MADE[name]()})
    step(large, whole, clip_norm=0.05)
    in_parts = tricked(words(), {"amp": level(loss_scale="1024.0")}, **{name: MADE[name]()})
    step(in_parts, part(whole, slice(0, 5)), part(whole, slice(5, 8)), clip_norm=0.05)
    way = [0.0, 0.0]
    for (key, one), other in zip(large.model.named_parameters(), in_parts.model.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=2.5e-7, atol=1e-7)
        way[0] += float((one.detach() - model.get_parameter(key).detach()).square().sum())
    assert way[0] ** 0.5 == pytest.approx(0.1 * 0.05, rel=1e-3)  # learning rate x the clipped norm


@pytest.mark.parametrize("name", MADE)
@pytest.mark.parametrize("opt_level", ["O1", "O2", "O3"])
def test_a_half_model_is_moved_and_put_back(name, opt_level):
    made = {"fgm": FGM(epsilon=0.5), "awp": AWP(gamma=0.1), "sam": SAM(rho=0.5), "pgd": PGD(alpha=0.5)}
    it, plain = (
        tricked(words(), {"amp": level(opt_level)}, **{name: made[name]}),
        tricked(words(), {"amp": level(opt_level)}),
    )
    before = state_of(it.model)
    seen = []
    it.model.head.register_forward_pre_hook(lambda *_: seen.append(state_of(it.model)))
    step(it, batch())
    step(plain, batch())
    assert same_state(seen[0], before)
    assert not same_state(seen[1], before)
    assert it.tricks.moves[name].distance > 0.2 * it.tricks.moves[name].size * (0.1 if name == "awp" else 0.05)
    assert not same_state(state_of(it.model), state_of(plain.model))
    if opt_level == "O2":  # the model is the cast of the masters: nothing of the way is left
        for own, master in zip(it.precision.model_parameters, it.precision.parameters, strict=True):
            assert torch.equal(own, master.to(own.dtype))


@pytest.mark.parametrize("name", MADE)
def test_a_step_that_overflows_leaves_every_bit(name):
    it = tricked(words(), {"amp": level(loss_scale="dynamic"), "decay": 0.5}, **{name: MADE[name]()})
    for parameter in it.model.parameters():
        parameter.register_hook(lambda gradient: gradient * float("inf"))
    before = state_of(it.model)
    step(it, batch())
    assert same_state(state_of(it.model), before)
    assert it.precision.scaler.skipped_steps == 1


def test_batch_norm_keeps_the_statistics_of_the_plain_pass():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.Linear(5, 3))

    class Named(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = model

        def forward(self, x):
            return self.body(x)

    rows = dataset().batch(torch.arange(8).numpy())
    it = tricked(Named(), sam=SAM())
    step(it, rows)
    assert int(model[1].num_batches_tracked) == 1
    assert model[1].track_running_stats


@pytest.mark.parametrize(
    ("trick", "model", "said"),
    [
        (FGM(), Small(), "has no method get_input_embeddings()"),
        (FGM(), words().requires_grad_(False), "are frozen"),
        (AWP(), nn.LayerNorm(3), "trains none"),
        (SAM(), words().requires_grad_(False), "trains none"),
    ],
)
def test_nothing_to_move_is_an_error(trick, model, said):
    with pytest.raises(ConfigError, match="tricks=") as refused:
        trick.attach(setting(model))
    assert said in str(refused.value)
    assert len(str(refused.value).splitlines()) <= 3


def test_embeddings_that_the_loss_does_not_reach_are_an_error():
    it = tricked(words(), fgm=FGM())
    it.model.table.weight.register_hook(torch.zeros_like)
    with pytest.raises(ConfigError, match="tricks=fgm has moved nothing: their gradient is zero"):
        step(it, batch())


def test_a_way_that_is_lost_in_half_precision_is_an_error():
    it = tricked(words(), {"amp": level("O3")}, awp=AWP(gamma=1e-5))
    with pytest.raises(ConfigError, match=r"tricks=awp has moved nothing: .* is lost in bfloat16"):
        step(it, batch())


def test_pgd_goes_on_from_the_way_before_and_stays_within_its_ball():
    it, model, rows = tricked(words(), pgd=PGD(epsilon=0.7, alpha=0.3, steps=3)), in_float64(words()), batch()
    step(it, rows)
    plain = gradients(model, rows)
    g, way, norms = plain["table.weight"], 0.0, []
    for _ in range(3):
        way = way + 0.3 * g / g.norm()
        way = way * min(1.0, float(0.7 / way.norm()))
        norms.append(float(way.norm()))
        last = gradients(moved(model, {"table.weight": way}), rows)
        g = last["table.weight"]
    assert norms[0] < norms[1] < norms[2] <= 0.7 + 1e-12
    assert_stepped(it, model, {name: plain[name] + last[name] for name in plain})
