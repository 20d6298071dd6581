import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from tests.losses.loss_cases import DTYPES, close, finite_with_gradient, logits_and_classes, repeatable
from trainer.losses.ce import CrossEntropy
from trainer.losses.nll import NegativeLogLikelihood

WEIGHTS = [0.5, 2.0, 0.0, 1.25, 3.0]


def make(n_classes, **options):
    return NegativeLogLikelihood(n_classes=n_classes, class_counts=[10] * n_classes, **options)


@repeatable
@given(logits_and_classes(), st.booleans())
def test_equals_ce_and_its_probabilities(case, weighted):
    logits, target = case
    classes = logits.shape[1]
    weights = WEIGHTS[:classes] if weighted else None
    loss = make(classes, class_weights=weights)
    ce = CrossEntropy(n_classes=classes, class_counts=[10] * classes, class_weights=weights)

    close(loss(logits, target), ce(logits, target))
    close(loss.normaliser(target), ce.normaliser(target))
    close(loss.to_proba(logits), ce.to_proba(logits))


@repeatable
@given(logits_and_classes())
def test_log_probabilities_are_used_as_they_are(case):
    logits, target = case
    loss = make(logits.shape[1], model_outputs_log_probs=True)
    log_proba = logits.log_softmax(1)

    close(loss(log_proba, target), F.nll_loss(log_proba, target, reduction="none"))
    close(loss.to_proba(log_proba), logits.softmax(1))


@repeatable
@given(logits_and_classes(DTYPES))
def test_finite_on_extreme_logits_of_every_dtype(case):
    logits, target = case
    assert finite_with_gradient(make(logits.shape[1]), logits, target)


def test_the_weighted_mean_is_torch_s():
    torch.manual_seed(0)
    logits, target = torch.randn(17, 3), torch.randint(0, 3, (17,))
    loss = make(3, class_weights=[0.1, 1.0, 4.0])
    parts = list(zip(logits.split(4), target.split(4), strict=True))
    mean = sum(loss(z, y).sum() for z, y in parts) / sum(loss.normaliser(y).sum() for _, y in parts)
    close(mean, F.nll_loss(logits.log_softmax(1), target, weight=torch.tensor([0.1, 1.0, 4.0])))


def test_gradcheck():
    torch.manual_seed(0)
    logits = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    loss = make(3, class_weights=[1.0, 0.5, 2.0])
    assert torch.autograd.gradcheck(lambda z: loss(z, torch.tensor([0, 2, 1, 2])), (logits,))


def test_says_what_it_expects():
    assert make(3).expects == "logits"
    assert make(3, model_outputs_log_probs=True).expects == "log_probs"
