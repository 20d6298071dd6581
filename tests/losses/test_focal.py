import copy

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torchvision.ops import sigmoid_focal_loss

from tests.losses.loss_cases import (
    DTYPES,
    EXTREMES,
    GAMMAS,
    close,
    finite_with_gradient,
    logits_and_classes,
    logits_and_labels,
    reference_softmax_focal,
    repeatable,
)
from trainer.errors import ConfigError
from trainer.losses.focal import Focal
from trainer.tasks import BINARY, MULTICLASS, MULTILABEL

gammas = st.sampled_from(GAMMAS)
ALPHAS = [0.25, 1.0, 2.0, 0.5, 3.0]


def make(task, n, **options):
    counts = [30, 10] if task == BINARY else [10] * n
    return Focal(task=task, n_classes=n, class_counts=counts, n_rows=40, **options)


def test_worked_example():
    logits = torch.tensor([[0.3992, 0.2232, 0.6435], [0.3800, 0.3044, 0.3241]])
    labels = torch.tensor([[0, 1, 1], [1, 0, 1]])
    loss_B = make(MULTILABEL, 3, gamma=2, alpha=0.25)(logits, labels)
    assert loss_B.mean().item() == pytest.approx(0.0908, abs=5e-5)


@repeatable
@given(logits_and_classes(), gammas, st.booleans())
def test_multiclass_equals_the_definition(case, gamma, weighted):
    logits, target = case
    classes = logits.shape[1]
    alpha = ALPHAS[:classes] if weighted else None
    loss = make(MULTICLASS, classes, gamma=gamma, alpha=alpha)
    close(
        loss(logits, target),
        reference_softmax_focal(logits, target, gamma, alpha if weighted else [1.0] * classes),
    )


@repeatable
@given(logits_and_labels(), gammas, st.sampled_from([None, 0.25, 0.9]))
def test_multilabel_and_binary_equal_torchvision(case, gamma, alpha):
    logits, labels = case
    expected = sigmoid_focal_loss(
        logits.double(), labels.double(), alpha=-1 if alpha is None else alpha, gamma=gamma
    ).float()
    loss = make(MULTILABEL, logits.shape[1], gamma=gamma, alpha=alpha)
    close(loss(logits, labels).float(), expected.mean(1))
    loss = make(BINARY, 2, gamma=gamma, alpha=alpha)
    close(loss(logits[:, :1], labels[:, 0]).float(), expected[:, 0])


@repeatable
@given(logits_and_classes(), logits_and_labels(), st.sampled_from([None, 1, 1.0]))
def test_gamma_zero_without_alpha_is_plain_cross_entropy(classes, labels, alpha):
    logits, target = classes
    loss = make(MULTICLASS, logits.shape[1], gamma=0, alpha=alpha)
    close(loss(logits, target), F.cross_entropy(logits, target, reduction="none"))
    logits, target = labels
    loss = make(MULTILABEL, logits.shape[1], gamma=0, alpha=alpha)
    expected = F.binary_cross_entropy_with_logits(logits, target.to(logits.dtype), reduction="none")
    close(loss(logits, target), expected.mean(1))


@pytest.mark.parametrize("gamma", GAMMAS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_finite_on_every_pair_of_extreme_logits(gamma, dtype):
    pairs = torch.cartesian_prod(torch.tensor(EXTREMES), torch.tensor(EXTREMES)).to(dtype)
    for target in (0, 1):
        rows = torch.full((len(pairs),), target)
        assert finite_with_gradient(make(MULTICLASS, 2, gamma=gamma), pairs, rows)
        assert finite_with_gradient(make(BINARY, 2, gamma=gamma), pairs[:, :1], rows)
        assert finite_with_gradient(make(MULTILABEL, 2, gamma=gamma), pairs, rows[:, None].expand(-1, 2))


@pytest.mark.parametrize("gamma", GAMMAS)
@pytest.mark.parametrize("task", [MULTICLASS, MULTILABEL, BINARY])
def test_gradcheck(task, gamma):
    torch.manual_seed(0)
    columns = 1 if task == BINARY else 3
    logits = torch.randn(4, columns, dtype=torch.float64, requires_grad=True)
    target = torch.tensor([[0, 1, 1], [1, 0, 0], [1, 1, 1], [0, 0, 1]]) if task == MULTILABEL else None
    target = torch.tensor([0, 1, 1, 0]) if target is None else target
    loss = make(task, columns, gamma=gamma)
    assert torch.autograd.gradcheck(lambda z: loss(z, target), (logits,))


def test_the_list_is_not_changed_and_the_mean_is_over_rows():
    alpha = [0.25, 1.0, 2.0]
    before = copy.copy(alpha)
    loss = make(MULTICLASS, 3, alpha=alpha)
    target = torch.tensor([0, 1, 2, 2])
    loss(torch.randn(4, 3), target)
    assert alpha == before
    assert torch.equal(loss.normaliser(target), torch.ones(4))


def test_a_number_multiplies_every_row_of_a_multiclass_task():
    torch.manual_seed(0)
    logits, target = torch.randn(5, 3), torch.tensor([0, 1, 2, 0, 1])
    close(make(MULTICLASS, 3, alpha=0.3)(logits, target), 0.3 * make(MULTICLASS, 3)(logits, target))


def test_alpha_from_the_counts():
    assert make(BINARY, 2, alpha="balanced").side_alpha[:, 0].tolist() == pytest.approx([0.25, 0.75])
    effective = [1 - 0.999**10, 1 - 0.999**30]  # positives, negatives; the constant cancels
    alpha = make(BINARY, 2, alpha="effective").side_alpha[1, 0].item()
    assert alpha == pytest.approx(effective[1] / sum(effective))
    labels = Focal(task=MULTILABEL, n_classes=2, class_counts=[10, 0], n_rows=40, alpha="balanced")
    assert labels.side_alpha.tolist() == [[0.25, 0.5], [0.75, 0.5]]
    classes = Focal(task=MULTICLASS, n_classes=3, class_counts=[10, 30, 0], n_rows=40, alpha="balanced")
    assert classes.class_alpha.tolist() == pytest.approx([2.0, 2 / 3, 0.0])


def test_alpha_lists_of_binary_and_multilabel_tasks():
    torch.manual_seed(0)
    logits, labels = torch.randn(6, 2), torch.tensor([[0, 1], [1, 0], [1, 1], [0, 0], [1, 0], [0, 1]])
    plain = make(BINARY, 2)(logits[:, :1], labels[:, 0])
    weight_B = torch.tensor([0.4, 2.5])[labels[:, 0]]
    close(make(BINARY, 2, alpha=[0.4, 2.5])(logits[:, :1], labels[:, 0]), weight_B * plain)
    expected = sigmoid_focal_loss(logits[:, :1], labels[:, :1].float(), alpha=0.25)
    expected = torch.cat([expected, sigmoid_focal_loss(logits[:, 1:], labels[:, 1:].float(), alpha=-1)], 1)
    close(make(MULTILABEL, 2, alpha=[0.25, 1.0])(logits, labels), expected.mean(1))


def test_probabilities_of_each_task():
    logits = torch.tensor([[0.5, -2.0, 1e4]], dtype=torch.float64)
    close(make(MULTICLASS, 3).to_proba(logits), logits.softmax(1))
    close(make(MULTILABEL, 3).to_proba(logits), logits.sigmoid())
    p = logits[:, :1].sigmoid()
    close(make(BINARY, 2).to_proba(logits[:, :1]), torch.cat([1 - p, p], dim=1))


def test_labels_of_another_shape_are_refused_instead_of_broadcast():
    with pytest.raises(ValueError, match="differ in shape"):
        make(MULTILABEL, 3)(torch.zeros(3, 3), torch.zeros(3))


@pytest.mark.parametrize(
    ("task", "options", "message"),
    [
        (MULTICLASS, {"gamma": -1}, "loss.gamma=-1 is not a number at least 0"),
        (MULTICLASS, {"gamma": float("nan")}, "loss.gamma=nan"),
        (MULTICLASS, {"gamma": "two"}, "loss.gamma=two"),
        (MULTICLASS, {"alpha": 0}, "loss.alpha: all weights are 0"),
        (MULTICLASS, {"alpha": -0.5}, "loss.alpha=-0.5"),
        (MULTICLASS, {"alpha": True}, "loss.alpha=True"),
        (MULTICLASS, {"alpha": [1, 2]}, "loss.alpha has 2 entries but needs 3: one per class"),
        (MULTICLASS, {"alpha": [1, -2, 1]}, "loss.alpha: -2"),
        (MULTICLASS, {"alpha": "equal"}, "loss.alpha=equal is not one of null, balanced"),
        (MULTICLASS, {"alpha": {"a": 1}}, "is not one of null, balanced"),
        (BINARY, {"alpha": 1.5}, "loss.alpha=1.5 is not above 0 and at most 1"),
        (BINARY, {"alpha": 0}, "loss.alpha=0.0 is not above 0"),
        (BINARY, {"alpha": [1, 2, 3]}, "needs 2: one per class"),
        (BINARY, {"alpha": "equal"}, "loss.alpha=equal"),
        (MULTILABEL, {"alpha": [0.5, 0.5]}, "needs 3: one per label"),
        (MULTILABEL, {"alpha": [0.5, 0.5, 2]}, "loss.alpha=2.0 is not above 0 and at most 1"),
    ],
)
def test_options_out_of_range_are_refused_by_name(task, options, message):
    with pytest.raises(ConfigError) as caught:
        make(task, 2 if task == BINARY else 3, **options)
    assert message in str(caught.value)
