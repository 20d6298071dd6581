import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from tests.losses.loss_cases import DTYPES, close, finite_with_gradient, logits_and_classes, repeatable
from trainer.errors import ConfigError
from trainer.losses.ce import CrossEntropy

WEIGHTS = [0.5, 2.0, 0.0, 1.25, 3.0]


def make(n_classes, **options):
    return CrossEntropy(n_classes=n_classes, class_counts=[10] * n_classes, **options)


def torch_mean(loss, logits, target):
    return loss(logits, target).sum() / loss.normaliser(target).sum()


@repeatable
@given(logits_and_classes(), st.sampled_from([0.0, 0.1, 0.9]), st.booleans())
def test_equals_torch_per_row_and_in_the_mean(case, smoothing, weighted):
    logits, target = case
    classes = logits.shape[1]
    weights = WEIGHTS[:classes] if weighted else None
    loss = make(classes, class_weights=weights, label_smoothing=smoothing)
    tensor = torch.tensor(weights, dtype=logits.dtype) if weighted else None
    options = {"weight": tensor, "label_smoothing": smoothing}

    close(loss(logits, target), F.cross_entropy(logits, target, reduction="none", **options))
    if loss.normaliser(target).sum() > 0:
        close(torch_mean(loss, logits, target), F.cross_entropy(logits, target, **options))


@repeatable
@given(logits_and_classes(DTYPES))
def test_finite_on_extreme_logits_of_every_dtype(case):
    logits, target = case
    assert finite_with_gradient(make(logits.shape[1], label_smoothing=0.1), logits, target)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_ragged_batches_and_accumulation_give_the_whole_mean_and_gradient(smoothing):
    torch.manual_seed(0)
    logits = torch.randn(23, 4, requires_grad=True)
    target = torch.randint(0, 4, (23,))
    weights = [0.2, 1.0, 5.0, 2.0]
    loss = make(4, class_weights=weights, label_smoothing=smoothing)

    total = sum(loss(z, y).sum() for z, y in zip(logits.split(5), target.split(5), strict=True))
    divisor = sum(loss.normaliser(y).sum() for y in target.split(5))
    (gradient,) = torch.autograd.grad(total / divisor, logits)
    expected = F.cross_entropy(logits, target, weight=torch.tensor(weights), label_smoothing=smoothing)
    (expected_gradient,) = torch.autograd.grad(expected, logits)

    close(total / divisor, expected)
    close(gradient, expected_gradient)


def test_gradcheck():
    torch.manual_seed(0)
    logits = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    target = torch.tensor([0, 2, 1, 2])
    loss = make(3, class_weights=[1.0, 0.5, 2.0], label_smoothing=0.1)
    assert torch.autograd.gradcheck(lambda z: loss(z, target), (logits,))


def test_half_logits_are_upcast_also_under_autocast_and_float64_stays():
    torch.manual_seed(0)
    logits = (torch.randn(6, 3) * 8).half()
    target = torch.tensor([0, 1, 2, 0, 1, 2])
    exact = F.cross_entropy(logits.float(), target, reduction="none")
    with torch.autocast("cpu", dtype=torch.bfloat16):
        under_autocast = make(3)(logits, target)
    assert under_autocast.dtype == torch.float32
    assert torch.equal(under_autocast, exact)
    assert make(3, class_weights="balanced")(logits.double(), target).dtype == torch.float64


def test_probabilities_sum_to_one_and_are_torch_softmax():
    logits = torch.tensor([[1e4, 0.0, -1e4], [1.0, 2.0, 3.0]])
    proba = make(3).to_proba(logits.half())
    assert proba.dtype == torch.float32
    close(proba, logits.half().double().softmax(1))


def test_binary_takes_two_outputs():
    assert make(2).n_outputs == 2


@pytest.mark.parametrize("smoothing", [-0.1, 1.0, float("nan"), "much", True])
def test_label_smoothing_out_of_range_is_refused(smoothing):
    with pytest.raises(ConfigError, match=r"loss\.label_smoothing=.*at least 0 and below 1"):
        make(3, label_smoothing=smoothing)


def test_weights_follow_the_module_but_not_the_state_dict():
    loss = make(3, class_weights=[1, 2, 3])
    assert loss.state_dict() == {}
    assert dict(loss.named_buffers())["class_weight"].tolist() == [1, 2, 3]
