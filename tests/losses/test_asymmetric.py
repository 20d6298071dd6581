"""Asymmetric loss against the paper's formula, torchvision's focal loss and torch's cross-entropy."""

import math

import pytest
import torch
import torch.nn.functional as F
from torchvision.ops import sigmoid_focal_loss

from tests.losses.loss_cases import DTYPES, EXTREMES, close, finite_with_gradient, ordinary_and_extreme_rows
from trainer.errors import ConfigError
from trainer.losses.asymmetric import Asymmetric

OUT_OF_RANGE = [{"gamma_positive": -1}, {"gamma_negative": math.nan}, {"margin": 1}, {"class_weights": [1, 2]}]


def make(n_labels, **options):
    return Asymmetric(n_classes=n_labels, class_counts=[10] * n_labels, n_rows=40, **options)


def formula(z, y, gamma_positive, gamma_negative, margin):
    """Equations 4 to 6 for one label, with 1 - p and log p free of cancellation."""
    p, rest = 1 / (1 + math.exp(-z)), 1 / (1 + math.exp(z))
    if y:
        return rest**gamma_positive * math.log1p(math.exp(-z))
    shifted = max(p - margin, 0.0)
    log_rest = -math.log1p(math.exp(z)) if margin == 0 else math.log1p(-shifted)
    return -(shifted**gamma_negative) * log_rest


@pytest.mark.parametrize("gamma_negative", [0.0, 0.5, 4.0])
@pytest.mark.parametrize(("gamma_positive", "margin"), [(0.0, 0.05), (1.0, 0.0), (0.5, 0.5)])
def test_a_row_s_loss_is_the_mean_of_the_formula(gamma_positive, gamma_negative, margin):
    logits = ordinary_and_extreme_rows(4).clamp(-30, 30)
    labels = torch.arange(logits.numel()).reshape(logits.shape) % 3 % 2
    options = {"gamma_positive": gamma_positive, "gamma_negative": gamma_negative, "margin": margin}
    pairs = zip(logits.tolist(), labels.tolist(), strict=True)
    expected = [[formula(z, y, **options) for z, y in zip(*row, strict=True)] for row in pairs]
    close(make(4, **options)(logits, labels), torch.tensor(expected, dtype=torch.float64).mean(1))


@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_without_a_margin_equal_exponents_are_focal_loss_and_none_is_cross_entropy(gamma):
    logits = ordinary_and_extreme_rows(4)
    labels = torch.arange(logits.numel()).reshape(logits.shape) % 3 % 2
    loss = make(4, gamma_positive=gamma, gamma_negative=gamma, margin=0)
    close(loss(logits, labels), sigmoid_focal_loss(logits, labels.double(), alpha=-1, gamma=gamma).mean(1))
    weights = [0.5, 2.0, 0.0, 1.25]
    plain = make(4, gamma_negative=0, margin=0, class_weights=weights)
    weight_L = torch.tensor(weights, dtype=torch.float64)
    expected = F.binary_cross_entropy_with_logits(logits, labels.double(), pos_weight=weight_L, reduction="none")
    close(plain(logits, labels), expected.mean(1))


@pytest.mark.parametrize("options", [{}, {"gamma_negative": 0.5}, {"margin": 0.0}, {"gamma_positive": 0.5}], ids=str)
def test_extremes_are_finite_and_gradients_are_those_of_differences(options):
    loss = make(2, **options)
    pairs = torch.cartesian_prod(torch.tensor(EXTREMES), torch.tensor(EXTREMES))
    for dtype in DTYPES:
        for y in (0, 1):
            assert finite_with_gradient(loss, pairs.to(dtype), torch.full_like(pairs, y, dtype=torch.int64))
    logits = torch.randn(4, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    labels = torch.tensor([[0, 1], [1, 0], [0, 0], [1, 1]])
    assert torch.autograd.gradcheck(lambda z: loss(z, labels), (logits,))
    assert loss(logits.half(), labels).dtype is torch.float32


def test_a_label_below_the_margin_costs_nothing():
    logits = torch.tensor([[-4.0, -4.0]], requires_grad=True)
    loss_B = make(2)(logits, torch.zeros(1, 2))
    loss_B.sum().backward()
    assert loss_B.item() == 0
    assert not logits.grad.any()


@pytest.mark.parametrize("options", OUT_OF_RANGE, ids=str)
def test_options_out_of_range_are_refused_by_name(options):
    with pytest.raises(ConfigError, match=f"loss.{next(iter(options))}"):
        make(3, **options)
