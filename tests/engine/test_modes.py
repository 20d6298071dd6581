import pytest
import torch
from torch import nn

from trainer.engine.modes import evaluating, training


def net():
    model = nn.Sequential(nn.Linear(2, 4), nn.Sequential(nn.BatchNorm1d(4), nn.Dropout(0.5)), nn.Linear(4, 2))
    model[1][0].eval()  # a BatchNorm the user froze
    return model


def flags(model):
    return [module.training for module in model.modules()]


@pytest.mark.parametrize(("mode", "inside"), [(training, True), (evaluating, False)])
def test_every_flag_is_set_inside_and_restored_after(mode, inside):
    model = net()
    before = flags(model)
    with mode(model):
        assert flags(model) == [inside] * len(before)
    assert flags(model) == before
    assert before[3] is False  # the frozen BatchNorm, among modules in train mode
    assert before[0] is True


@pytest.mark.parametrize("mode", [training, evaluating])
def test_flags_are_restored_after_an_exception(mode):
    model = net()
    before = flags(model)

    def fails_midway():
        with mode(model):
            model[0].eval()
            model[1][1].train()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails_midway()
    assert flags(model) == before
    assert torch.is_grad_enabled()
    assert not torch.is_inference_mode_enabled()


def test_a_frozen_batchnorm_that_refuses_train_mode_stays_frozen():
    class Frozen(nn.BatchNorm1d):
        def train(self, mode=True):
            return super().train(False)

    model = nn.Sequential(nn.Linear(2, 3), Frozen(3))
    with training(model):
        model(torch.randn(8, 2))
    assert model[1].num_batches_tracked == 0


def test_no_gradients_while_evaluating_and_dropout_is_off():
    model, x = net(), torch.ones(3, 2)
    with evaluating(model):
        first, second = model(x), model(x)
    assert not first.requires_grad
    assert torch.equal(first, second)


def test_gradients_while_training_even_inside_no_grad():
    model, x = net(), torch.ones(3, 2)
    with torch.no_grad(), training(model):
        assert model(x).requires_grad
    assert torch.is_grad_enabled()


def test_training_nested_in_evaluating_trains_and_gives_back():
    model, x = net(), torch.ones(3, 2)
    with evaluating(model):
        with training(model):
            assert all(flags(model))
            model(x).sum().backward()
            assert model[0].weight.grad is not None
        assert not any(flags(model))
        assert not model(x).requires_grad
    assert flags(model)[3] is False
    assert flags(model)[0] is True


def test_evaluating_nested_in_training_leaves_train_mode_for_the_rest():
    model, x = net(), torch.ones(3, 2)
    with training(model):
        with evaluating(model):
            assert not model(x).requires_grad
        assert all(flags(model))
        assert model(x).requires_grad


def test_what_is_frozen_rests_with_everything_in_it_and_is_restored():
    model = net()
    model[1].requires_grad_(False)
    model[2].bias.requires_grad_(False)  # a part of a module is not the module
    before = flags(model)
    with training(model):
        assert [module.training for module in (model, model[0], model[2])] == [True] * 3
        assert [module.training for module in model[1].modules()] == [False] * 3  # its Dropout has no parameters
        statistics = model[1][0].running_mean.clone()
        model(torch.randn(8, 2))
        assert torch.equal(model[1][0].running_mean, statistics)
    assert flags(model) == before


def test_a_dropout_beside_frozen_layers_goes_on():
    model = nn.Sequential(nn.Linear(2, 4), nn.Dropout(0.5), nn.Linear(4, 2))
    model[0].requires_grad_(False)
    with training(model):
        assert [module.training for module in model] == [False, True, True]
