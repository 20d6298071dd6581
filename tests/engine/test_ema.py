import copy

import pytest
import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from tests.engine.engine_cases import dataset, learner, level, made, same_state, state_of, totals
from trainer.engine.ema import WeightAverage
from trainer.engine.loops import predict, train_step
from trainer.engine.modes import training


@pytest.mark.parametrize("decay", [0.0, 0.9, 0.999])
def test_equals_torch_averaged_model_bit_for_bit(decay):
    model = made()
    averaged = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay))
    average = WeightAverage(list(model.parameters()), decay)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    for step in range(20):
        optimizer.zero_grad()
        model(torch.full((2, 4), float(step))).square().mean().backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        averaged.update_parameters(model)
        average.update()
    expected = list(averaged.module.parameters())
    assert all(torch.equal(a, e) for a, e in zip(average.average, expected, strict=True))
    assert any(not torch.equal(a, p) for a, p in zip(average.average, model.parameters(), strict=True)) or decay == 0


def test_half_weights_are_averaged_in_float32():
    """The average of masters moves by steps that half weights would lose."""
    it = learner(amp=level("O2", dtype="bf16"), lr=1e-3, decay=0.999)
    data = dataset()
    assert {p.dtype for p in it.model.parameters()} == {torch.bfloat16}
    masters = []
    with training(it.model):
        for _ in range(30):
            train_step(it, [data.batch(torch.arange(20).numpy())], None, totals())
            masters.append([p.detach().double().clone() for p in it.precision.parameters])
    expected = masters[0]
    for now in masters[1:]:
        expected = [0.999 * e + 0.001 * n for e, n in zip(expected, now, strict=True)]
    for average, reference in zip(it.average.average, expected, strict=True):
        assert average.dtype == torch.float32
        torch.testing.assert_close(average.double(), reference, rtol=1e-6, atol=1e-7)
    half = [m.bfloat16() for m in masters[0]]
    for now in masters[1:]:
        torch._foreach_lerp_(half, [n.bfloat16() for n in now], 0.001)
    errors = [float((h.double() - e).abs().max()) for h, e in zip(half, expected, strict=True)]
    assert max(errors) > 1e-4  # what averaging in half would have cost


@pytest.mark.parametrize("opt_level", ["O0", "O2"])
def test_the_average_is_what_is_evaluated_and_the_weights_come_back(opt_level):
    it = learner(amp=level(opt_level, dtype="bf16"), decay=0.5)
    data, rows = dataset(), torch.arange(23).numpy()
    with training(it.model):
        for _ in range(3):
            train_step(it, [data.batch(rows)], None, totals())
    before = state_of(it.model)
    twin = copy.deepcopy(it.model)
    with torch.no_grad():
        for parameter, average in zip(twin.parameters(), it.average.average, strict=True):
            parameter.copy_(average)
    expected = it.precision.forward(twin, data.batch(rows).inputs)
    assert torch.equal(torch.from_numpy(predict(it, data, rows, 23)), expected)
    assert same_state(state_of(it.model), before)


def test_weights_come_back_after_an_exception():
    it = learner(decay=0.9)
    data, rows = dataset(), torch.arange(23).numpy()
    with training(it.model):
        for _ in range(2):
            train_step(it, [data.batch(rows)], None, totals())
    before = state_of(it.model)

    def fails_midway():
        with it.evaluation_weights():
            assert not same_state(state_of(it.model), before)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails_midway()
    assert same_state(state_of(it.model), before)


def test_before_the_first_step_the_weights_themselves_are_evaluated():
    it = learner(decay=0.9)
    before = state_of(it.model)
    with it.evaluation_weights():
        assert same_state(state_of(it.model), before)
