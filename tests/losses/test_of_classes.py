"""The losses of one class per row against their papers' formulas in extended precision; weights, extremes, options."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from tests.losses.loss_cases import (
    DTYPES,
    EXTREMES,
    close,
    finite_with_gradient,
    ordinary_and_extreme_rows,
    reference_softmax_focal,
)
from trainer.errors import ConfigError
from trainer.losses.bootstrapped import Bootstrapped
from trainer.losses.dice import Dice
from trainer.losses.gce import GeneralisedCrossEntropy
from trainer.losses.ldam import LDAM
from trainer.losses.poly import Poly

COUNTS = [40, 10, 3, 7, 25]


def row_of(logits):
    """Probabilities of a row, 1 - p as the sum of the others, and log p, in extended precision."""
    z = np.array(logits, dtype=np.longdouble)
    z -= z.max()
    log_p = z - np.log(np.exp(z).sum())
    p = np.exp(log_p)
    return p, np.array([np.delete(p, place).sum() for place in range(len(p))]), log_p


def gce(logits, y, q):
    _, _, log_p = row_of(logits)
    return -np.expm1(q * log_p[y]) / q


def poly(logits, y, epsilon, gamma):
    _, rest, log_p = row_of(logits)
    return -(rest[y] ** gamma) * log_p[y] + epsilon * rest[y] ** (gamma + 1)


def ldam(logits, y, max_margin, scale):
    counts = COUNTS[: len(logits)]
    largest = max(count**-0.25 for count in counts)
    lowered = np.array(logits, dtype=np.longdouble)
    lowered[y] -= max_margin * counts[y] ** -0.25 / largest
    return -row_of(scale * lowered)[2][y]


def dice(logits, y, alpha, smooth):
    p, rest, _ = row_of(logits)
    s, present = rest**alpha * p, np.eye(len(p))[y]
    return (1 - (2 * s * present + smooth) / (s + present + smooth)).sum()


def bootstrap(logits, y, form, beta):
    p, _, log_p = row_of(logits)
    own = p if form == "soft" else np.eye(len(p))[p.argmax()]
    return -((beta * np.eye(len(p))[y] + (1 - beta) * own) * log_p).sum()


CASES = [
    (GeneralisedCrossEntropy, gce, {"q": 0.7}),
    (GeneralisedCrossEntropy, gce, {"q": 1.0}),
    (GeneralisedCrossEntropy, gce, {"q": 1e-4}),
    (Poly, poly, {"epsilon": 2.0, "gamma": 0.0}),
    (Poly, poly, {"epsilon": -1.0, "gamma": 0.5}),
    (LDAM, ldam, {"max_margin": 0.5, "scale": 1.0}),
    (LDAM, ldam, {"max_margin": 0.3, "scale": 30.0}),
    (Dice, dice, {"alpha": 0.01, "smooth": 1.0}),
    (Dice, dice, {"alpha": 1.0, "smooth": 0.1}),
    (Dice, dice, {"alpha": 0.0, "smooth": 1.0}),
    (Bootstrapped, bootstrap, {"form": "soft", "beta": 0.95}),
    (Bootstrapped, bootstrap, {"form": "hard", "beta": 0.6}),
]
of_each = pytest.mark.parametrize(("made", "formula", "options"), CASES, ids=lambda it: getattr(it, "__name__", it))


@of_each
@pytest.mark.parametrize("n_classes", [2, 5])
def test_a_row_s_loss_is_the_formula(made, formula, options, n_classes):
    logits = ordinary_and_extreme_rows(n_classes)
    target = torch.arange(len(logits)) % n_classes
    loss = made(class_counts=COUNTS[:n_classes], **options)
    expected = [float(formula(row, y, **options)) for row, y in zip(logits.tolist(), target.tolist(), strict=True)]
    for dtype in (torch.float64, torch.float32):
        close(loss(logits.to(dtype), target), torch.tensor(expected, dtype=torch.float64))


@of_each
def test_every_pair_of_extreme_logits_in_every_type_is_finite_with_a_gradient(made, formula, options):
    loss = made(class_counts=[40, 10], **options)
    pairs = torch.cartesian_prod(torch.tensor(EXTREMES), torch.tensor(EXTREMES))
    for dtype in DTYPES:
        for y in (0, 1):
            rows = torch.full((len(pairs),), y)
            assert finite_with_gradient(loss, pairs.to(dtype), rows), (dtype, y)
            assert loss(pairs.to(dtype), rows).dtype is (torch.float64 if dtype is torch.float64 else torch.float32)


@of_each
def test_gradcheck_and_class_weights_as_torch_s(made, formula, options):
    logits = torch.randn(6, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    target, weights = torch.tensor([0, 1, 2, 0, 1, 2]), [0.5, 2.0, 3.0]
    plain, weighted = (made(class_counts=COUNTS[:3], class_weights=given, **options) for given in (None, weights))
    assert torch.autograd.gradcheck(lambda z: weighted(z, target), (logits,))
    weight_B = torch.tensor(weights)[target]
    close(weighted(logits, target), plain(logits, target) * weight_B)
    assert torch.equal(weighted.normaliser(target), weight_B)
    assert (plain.counts_rows, weighted.counts_rows) == (True, False)
    close(plain.to_proba(logits), (options.get("scale", 1.0) * logits).softmax(dim=1))


def test_the_limits_are_cross_entropy_and_focal_loss():
    logits, counts = ordinary_and_extreme_rows(3), COUNTS[:3]
    target = torch.arange(len(logits)) % 3
    expected = F.cross_entropy(logits, target, reduction="none")
    close(Poly(epsilon=0, class_counts=counts)(logits, target), expected)
    close(Bootstrapped(beta=1, class_counts=counts)(logits, target), expected)
    focal = reference_softmax_focal(logits, target, 2.0, [1.0] * len(counts))
    close(Poly(epsilon=0, gamma=2, class_counts=counts)(logits, target), focal)


def test_the_paper_s_shares_and_margins_are_the_defaults():
    assert Bootstrapped(class_counts=[1, 1]).beta == 0.95
    assert Bootstrapped(form="hard", class_counts=[1, 1]).beta == 0.8
    margin = LDAM(class_counts=[16, 0, 1, 81]).margin.tolist()
    assert margin == pytest.approx([0.25, 0.0, 0.5, 0.5 / 3])  # 0.5 / n^(1/4); none where there are no rows


def test_dice_with_alpha_1_takes_what_is_surely_wrong_for_right_as_its_docstring_says():
    loss = Dice(alpha=1.0, class_counts=[1, 1])
    wrong, right = loss(torch.tensor([[-9.0, 9.0], [9.0, -9.0]]), torch.tensor([0, 0])).tolist()
    assert wrong == pytest.approx(right)
    assert Dice(class_counts=[1, 1])(torch.tensor([[9.0, -9.0]]), torch.tensor([0])).item() < 0.1


@pytest.mark.parametrize(
    ("made", "options", "message"),
    [
        (GeneralisedCrossEntropy, {"q": 0}, "loss.q=0 is not above 0 and at most 1"),
        (GeneralisedCrossEntropy, {"q": 1.5}, "loss.q=1.5"),
        (Poly, {"epsilon": -1.5}, "loss.epsilon=-1.5"),
        (Poly, {"gamma": -1}, "loss.gamma=-1"),
        (LDAM, {"max_margin": 0}, "loss.max_margin=0: give a number above 0"),
        (LDAM, {"scale": 0}, "loss.scale=0"),
        (LDAM, {"scale": math.nan}, "loss.scale=nan"),
        (Dice, {"smooth": 0}, "loss.smooth=0"),
        (Dice, {"alpha": "a"}, "loss.alpha=a"),
        (Bootstrapped, {"form": "firm"}, "loss.form=firm is not one of soft, hard"),
        (Bootstrapped, {"beta": 0}, "loss.beta=0"),
        (Bootstrapped, {"beta": 1.1}, "loss.beta=1.1"),
        (Poly, {"class_weights": [1.0]}, "loss.class_weights has 1 entries but needs 3"),
    ],
)
def test_options_out_of_range_are_refused_by_name(made, options, message):
    with pytest.raises(ConfigError) as caught:
        made(class_counts=[4, 5, 6], **options)
    assert message in str(caught.value)
