"""FreeLB: a step against algorithm 1 in float64; accumulation, loss scale, levels; nothing to move is an error."""

import pytest
import torch
from torch.nn import functional as F

from tests.engine.engine_cases import level, same_state, state_of
from tests.tricks.trick_cases import assert_stepped, batch, in_float64, part, setting, step, tricked, words
from trainer.errors import ConfigError
from trainer.tricks.freelb import FreeLB


def mean_gradients(model, rows, delta, *, steps, alpha, epsilon):
    """Algorithm 1 on a model in float64, from the first delta (B, T, D)."""
    names, parameters = zip(*model.named_parameters(), strict=True)
    total = [torch.zeros_like(parameter) for parameter in parameters]
    for _ in range(steps):
        delta = delta.detach().requires_grad_()
        vectors = model.table(rows.inputs["tokens"]) + delta
        loss = F.cross_entropy(model.head(model.hidden(vectors.mean(1)).tanh()), rows.target)
        *found, g = torch.autograd.grad(loss, (*parameters, delta))
        total = [one + own / steps for one, own in zip(total, found, strict=True)]
        delta = delta + alpha * g / g.flatten(1).norm(dim=1)[:, None, None]
        delta = delta * (epsilon / delta.flatten(1).norm(dim=1)).clamp(max=1)[:, None, None]
    return dict(zip(names, total, strict=True))


@pytest.mark.parametrize("initial", [0.0, 0.4])
def test_a_step_is_along_the_mean_of_all_passes(initial):
    options = {"steps": 3, "alpha": 0.5, "epsilon": 0.7}
    it, model, rows = tricked(words(), freelb=FreeLB(initial=initial, **options)), in_float64(words()), batch()
    torch.manual_seed(3)
    step(it, rows)
    torch.manual_seed(3)
    bound = initial / (4 * 6) ** 0.5
    delta = torch.zeros(8, 4, 6).uniform_(-bound, bound).double() if initial else torch.zeros(8, 4, 6).double()
    assert_stepped(it, model, mean_gradients(model, rows, delta, **options))
    assert it.tricks.moves["freelb"].what == "numbers of embedded inputs"
    assert 0.6 * 8**0.5 < it.tricks.moves["freelb"].distance <= 0.7 * 8**0.5 + 1e-6


def test_accumulation_loss_scale_and_clipping_are_those_of_one_large_batch():
    whole = batch(8)
    large = tricked(words(), freelb=FreeLB(initial=0))
    step(large, whole, clip_norm=0.05)
    in_parts = tricked(words(), {"amp": level(loss_scale="1024.0")}, freelb=FreeLB(initial=0))
    step(in_parts, part(whole, slice(0, 5)), part(whole, slice(5, 8)), clip_norm=0.05)
    for one, other in zip(large.model.parameters(), in_parts.model.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-7)


@pytest.mark.parametrize("opt_level", ["O1", "O2", "O3"])
def test_half_vectors_are_moved_and_the_weights_are_not(opt_level):
    it = tricked(words(), {"amp": level(opt_level)}, freelb=FreeLB(alpha=0.5))
    before, seen = state_of(it.model), []
    it.model.head.register_forward_pre_hook(lambda *_: seen.append(state_of(it.model)))
    step(it, batch())
    assert len(seen) == 3
    assert all(same_state(state, before) for state in seen)
    assert it.tricks.moves["freelb"].distance > 0.3
    assert not same_state(state_of(it.model), before)


def test_a_step_that_overflows_leaves_every_bit():
    it = tricked(words(), {"amp": level(loss_scale="dynamic"), "decay": 0.5}, freelb=FreeLB())
    for parameter in it.model.parameters():
        parameter.register_hook(lambda gradient: gradient * float("inf"))
    before = state_of(it.model)
    step(it, batch())
    assert same_state(state_of(it.model), before)
    assert it.precision.scaler.skipped_steps == 1


def test_vectors_of_padding_stay_and_nothing_happens_outside_of_a_step():
    model, seen = words(), []
    model.table.padding_idx = 0
    model.table.register_forward_hook(lambda *call: seen.append((call[1][0], call[2].detach())))
    it = tricked(model, freelb=FreeLB(alpha=0.5))
    model.table._forward_hooks.move_to_end(next(iter(model.table._forward_hooks)))  # looks after the trick's own
    rows = batch()
    step(it, rows)
    padding = rows.inputs["tokens"] == 0
    assert padding.any()
    assert all(torch.equal(vectors[padding], seen[0][1][padding]) for _, vectors in seen)
    plain = model.table.weight.detach()[rows.inputs["tokens"]]
    assert torch.equal(model.table(rows.inputs["tokens"]), plain)


@pytest.mark.parametrize(("alpha", "said"), [(0.0, "moved nothing"), (1e-9, r"is lost in bfloat16")])
def test_moving_nothing_is_an_error(alpha, said):
    it = tricked(words(), {"amp": level("O3")}, freelb=FreeLB(alpha=alpha, initial=0))
    with pytest.raises(ConfigError, match=f"tricks=freelb has moved nothing.*{said}|{said}"):
        step(it, batch())


def test_embeddings_that_are_not_called_or_frozen_or_one_pass_are_refused():
    model = words()
    model.forward = lambda tokens: model.head(model.hidden(F.embedding(tokens, model.table.weight).mean(1)))
    with pytest.raises(ConfigError, match="the model does not call them"):
        step(tricked(model, freelb=FreeLB()), batch())
    with pytest.raises(ConfigError, match="are frozen"):
        FreeLB().attach(setting(words().requires_grad_(False)))
    with pytest.raises(ConfigError, match=r"tricks\.freelb\.steps=1 is not at least 2"):
        FreeLB(steps=1)
