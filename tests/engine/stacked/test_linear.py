"""Linear layers of several folds at once are bit for bit the layers of each, whatever kernels torch picks."""

import pytest
import torch
from torch.nn import functional as F

from trainer.engine.stacked import linear as stacked_linear
from trainer.engine.stacked.linear import Joint, joint_products, joint_sums, linear

SIZES = [(5, 32, 64, 256), (5, 29, 256, 10), (3, 32, 256, 1), (3, 8, 6, 3), (3, 4, 20, 2), (2, 1, 16, 16), (1, 7, 5, 4)]
SIZES += [(5, 32, 768, 5), (3, 8, 256, 5), (2, 64, 128, 32)]


def layers(sizes, dtype=torch.float32, bias=True):
    n_folds, n_rows, n_in, n_out = sizes
    source = torch.Generator().manual_seed(n_in)
    shapes = [(n_folds, n_rows, n_in), (n_folds, n_out, n_in), *([(n_folds, n_out)] if bias else [])]
    return [torch.randn(*shape, generator=source).to(dtype).requires_grad_() for shape in shapes]


def outcome(call, given, d):
    output = call(*given)
    return [output.detach(), *torch.autograd.grad(output, given, d)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("sizes", SIZES)
def test_outputs_and_gradients_are_the_bits_of_each_layer(sizes, dtype):
    given = layers(sizes, dtype)
    d = torch.randn(sizes[0], sizes[1], sizes[3], generator=torch.Generator().manual_seed(9)).to(dtype)
    together = outcome(linear, given, d)
    for k in range(sizes[0]):
        alone = outcome(F.linear, [value[k].detach().clone().requires_grad_() for value in given], d[k])
        assert all(torch.equal(one[k], other) for one, other in zip(together, alone, strict=True))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize(
    "sizes", [(2, 1, 8, 24), (3, 1, 1, 2), (2, 2, 1, 3), (3, 3, 24, 3), (5, 3, 64, 10), (3, 32, 24, 3)]
)
def test_a_choice_holds_for_all_numbers(sizes, dtype):
    """Where few numbers are compared, or rounded ones, two kernels agree on most draws."""
    n_folds, n_rows, n_in, n_out = sizes
    source = torch.Generator().manual_seed(2)
    for _ in range(60):
        shapes = [(n_rows, n_in), (n_out, n_in), (n_out,), (n_rows, n_out)]
        *given, d = (torch.randn(n_folds, *shape, generator=source).to(dtype) for shape in shapes)
        together = outcome(linear, [value.requires_grad_() for value in given], d)
        for k in range(n_folds):
            alone = outcome(F.linear, [value[k].detach().clone().requires_grad_() for value in given], d[k])
            assert all(torch.equal(one[k], other) for one, other in zip(together, alone, strict=True))


def test_a_layer_without_bias():
    x, weight = layers((3, 5, 8, 4), bias=False)
    assert torch.equal(linear(x, weight, None), torch.stack([F.linear(x[k], weight[k]) for k in range(3)]))


def test_products_that_differ_are_computed_one_by_one(monkeypatch):
    """A kernel for batches whose last bit is another one is found out, for that product alone."""
    bmm = torch.bmm
    monkeypatch.setattr(torch, "bmm", lambda a, b: torch.nextafter(bmm(a, b), torch.tensor(9.0)))
    found = joint_products((4, 33, 16, 32), torch.float32, True, 17)
    assert found == Joint(output=True, d_input=False, d_weight=False, d_bias=True)
    given, d = layers((4, 33, 16, 32)), torch.randn(4, 33, 32)
    monkeypatch.setattr(stacked_linear, "joint_products", lambda *_: found)
    together = outcome(linear, given, d)
    alone = outcome(F.linear, [value[1].detach().clone().requires_grad_() for value in given], d[1])
    assert all(torch.equal(one[1], other) for one, other in zip(together, alone, strict=True))


def test_weights_are_put_in_order_where_that_is_the_same_bits(monkeypatch):
    baddbmm, in_order = torch.baddbmm, []

    def shifted(bias, x, weight):
        in_order.append(weight.is_contiguous())
        return (
            torch.nextafter(baddbmm(bias, x, weight), torch.tensor(9.0)) if in_order[-1] else baddbmm(bias, x, weight)
        )

    def same(bias, x, weight):
        return torch.stack(
            [torch.addmm(*each) for each in zip(bias.unbind(0), x.unbind(0), weight.mT.contiguous().mT, strict=True)]
        )

    monkeypatch.setattr(torch, "baddbmm", same)
    assert joint_products((3, 7, 128, 32), torch.float32, True, 18).in_order
    assert not joint_products((3, 7, 127, 32), torch.float32, True, 18).in_order
    assert not joint_products((3, 7, 128, 33), torch.float32, True, 18).in_order
    monkeypatch.setattr(torch, "baddbmm", shifted)
    assert not joint_products((3, 7, 128, 32), torch.float32, True, 19).in_order
    assert any(in_order)


def test_sums_are_joint_where_they_are_the_same_bits(monkeypatch):
    values = torch.randn(3, 41)
    assert joint_sums(3, 41, 17) == torch.equal(values.sum(1), torch.stack([value.sum() for value in values]))
    monkeypatch.setattr(torch, "equal", lambda *_: False)
    assert not joint_sums(3, 41, 18)


def test_where_no_product_is_torchs_own_each_layer_is_called(monkeypatch):
    given, d = layers((3, 5, 8, 4)), torch.randn(3, 5, 4)
    expected = outcome(linear, given, d)
    monkeypatch.setattr(stacked_linear, "joint_products", lambda *_: None)
    assert all(map(torch.equal, outcome(linear, given, d), expected))
