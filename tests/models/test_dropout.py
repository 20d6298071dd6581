"""The masks: how many numbers they drop, that these depend on nothing else, and what they are multiplied with."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from trainer.models.dropout import Dropout, drawn_masks, replace_dropout

GENERATOR = torch.default_generator
KINDS = {"ours": Dropout, "torch": nn.Dropout}


def seeded(seed=1):
    return torch.Generator().manual_seed(seed)


def kept(p, *shape, seed=1):
    """Where a mask keeps numbers, 1 or 0, in float64."""
    [mask] = drawn_masks(Dropout(p), torch.empty(1, *shape), [seeded(seed)])
    return (mask > 0).double()


def correlation(one, other):
    return torch.corrcoef(torch.stack([one.flatten(), other.flatten()]))[0, 1]


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9, 0.333])
def test_as_many_numbers_are_dropped_as_asked_for(p):
    n = 4_000_000
    assert abs(1 - kept(p, n).mean().item() - p) < 5 * (p * (1 - p) / n) ** 0.5 + 1 / 2**17


@pytest.mark.parametrize("p", [0.1, 0.5, 0.333, 1e-9, 0.999999])
def test_the_expectation_is_that_of_the_input(p):
    dropped = min(max(round(p * 65536), 1), 65535)
    [mask] = drawn_masks(Dropout(p), torch.empty(1, 1_000_000, dtype=torch.float64), [seeded()])
    assert set(mask.unique().tolist()) <= {0.0, 65536 / (65536 - dropped)}
    assert (1 - dropped / 65536) * (65536 / (65536 - dropped)) == pytest.approx(1, abs=1e-15)


@pytest.mark.parametrize("apart", [1, 2, 3, 4, 5, 8, 64, 256, 1248])
def test_numbers_are_dropped_without_regard_to_their_neighbours(apart):
    flat = kept(0.3, 2_000_000)
    assert abs(correlation(flat[:-apart], flat[apart:])) < 5 / 2_000_000**0.5


def test_each_of_the_four_pieces_of_a_draw_is_as_likely():
    n = 1_000_000
    shares = kept(0.1, n, 4).mean(0)
    assert ((shares - 0.9).abs() < 5 * (0.1 * 0.9 / n) ** 0.5 + 1 / 2**17).all()
    patterns = (kept(0.5, n, 4) @ torch.tensor([8.0, 4, 2, 1], dtype=torch.float64)).long().bincount(minlength=16)
    chi_square = ((patterns - n / 16) ** 2 / (n / 16)).sum()
    assert chi_square < 37.7  # 15 degrees of freedom: more in one of a thousand cases


def test_each_step_has_a_mask_of_its_own():
    layer, x = Dropout(0.3), torch.ones(1_000_000)
    torch.manual_seed(0)
    one, other = layer(x), layer(x)
    assert abs(correlation(one, other)) < 5e-3
    torch.manual_seed(0)
    assert torch.equal(layer(x), one)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("shape", [(8, 16), (5, 3), (7,), (), (0, 4), (2, 3, 5)], ids=str)
def test_a_fold_has_the_mask_it_draws_alone(kind, shape):
    layer, generators = kind(0.3), [seeded(k) for k in range(3)]
    masks = drawn_masks(layer, torch.empty(3, *shape), generators)
    for k, mask in enumerate(masks):
        torch.manual_seed(k)
        assert torch.equal(layer(torch.ones(shape)), mask)
        assert torch.equal(GENERATOR.get_state(), generators[k].get_state())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16, torch.float64])
def test_the_output_is_the_input_times_the_mask_and_so_is_the_gradient(dtype):
    x, towards = torch.randn(9, 5, dtype=dtype).requires_grad_(), torch.randn(9, 5, dtype=dtype)
    torch.manual_seed(4)
    y = Dropout(0.4)(x)
    y.backward(towards)
    [mask] = drawn_masks(Dropout(0.4), x.detach()[None], [seeded(4)])
    assert y.dtype == mask.dtype == dtype
    assert 0 < (mask == 0).sum() < mask.numel()
    assert torch.equal(y, x * mask)
    assert torch.equal(x.grad, towards * mask)


def test_gradients_are_those_of_numbers():
    def dropped(x):
        torch.manual_seed(4)
        return Dropout(0.4)(x.sin())

    assert torch.autograd.gradcheck(dropped, torch.randn(3, 7, dtype=torch.float64, requires_grad=True))


def test_in_place_it_changes_its_input():
    x = torch.ones(50)
    y = Dropout(0.5, inplace=True)(x)
    assert y is x
    assert set(x.tolist()) == {0.0, 2.0}


def test_of_another_layout_the_output_keeps_it():
    x = torch.randn(2, 3, 4, 4).to(memory_format=torch.channels_last)
    assert Dropout(0.5)(x).is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("p", [0.0, 0.5])
def test_where_nothing_is_drawn_it_is_torchs_own(p):
    x, state = torch.randn(40), GENERATOR.get_state()
    assert torch.equal(Dropout(p).eval()(x), x)
    assert torch.equal(GENERATOR.get_state(), state)
    if p != 0.5:
        assert torch.equal(Dropout(p)(x), F.dropout(x, p))


def test_a_probability_of_one_is_refused_and_left_to_torch_in_others_models():
    with pytest.raises(ValueError, match="leaves nothing to learn from"):
        Dropout(1.0)
    others = nn.Sequential(nn.Dropout(1.0))
    replace_dropout(others)
    assert type(others[0]) is nn.Dropout


@pytest.mark.filterwarnings("ignore:There is a performance drop")
@pytest.mark.parametrize(("randomness", "masks"), [("same", 1), ("different", 3)])
def test_under_vmap_models_have_masks_of_their_own_where_asked_for(randomness, masks):
    y = torch.func.vmap(Dropout(0.5), randomness=randomness)(torch.ones(3, 40))
    assert len({tuple(row.tolist()) for row in y}) == masks
    assert set(y.flatten().tolist()) == {0.0, 2.0}


def test_off_the_cpu_and_compiled_it_is_torchs_own(monkeypatch):
    assert Dropout(0.5)(torch.ones(4, device="meta")).device.type == "meta"
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    torch.manual_seed(3)
    found = Dropout(0.5)(torch.ones(40))
    torch.manual_seed(3)
    assert torch.equal(found, F.dropout(torch.ones(40), 0.5))


def test_it_says_what_torchs_says_and_keeps_no_state():
    assert repr(Dropout(0.2)) == repr(nn.Dropout(0.2))
    assert not Dropout(0.2).state_dict()
    assert copy.deepcopy(Dropout(0.2)).p == 0.2


def test_exactly_torchs_layers_are_replaced():
    class Own(nn.Dropout):
        """Someone's own."""

    inner = nn.Sequential(nn.Dropout(0.3, inplace=True), nn.Dropout1d(0.2), Own(0.1))
    model = nn.Sequential(nn.Linear(2, 2), inner)
    replace_dropout(model)
    assert [type(module) for module in inner] == [Dropout, nn.Dropout1d, Own]
    assert (inner[0].p, inner[0].inplace) == (0.3, True)
