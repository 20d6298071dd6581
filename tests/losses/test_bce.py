import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from tests.losses.loss_cases import DTYPES, close, finite_with_gradient, logits_and_labels, repeatable
from trainer.errors import ConfigError
from trainer.losses.bce import BinaryCrossEntropy
from trainer.tasks import BINARY, MULTILABEL

PROBABILITIES = torch.tensor([[0.3992, 0.2232, 0.6435], [0.3800, 0.3044, 0.3241]])
LABELS = torch.tensor([[0, 1, 1], [0, 0, 1]])


def binary(counts=(10, 10), **options):
    return BinaryCrossEntropy(task=BINARY, n_classes=2, class_counts=list(counts), n_rows=sum(counts), **options)


def multilabel(n_labels, **options):
    return BinaryCrossEntropy(task=MULTILABEL, n_classes=n_labels, class_counts=[10] * n_labels, n_rows=20, **options)


def test_worked_example_on_probabilities_and_on_their_logits():
    assert F.binary_cross_entropy(PROBABILITIES, LABELS.float()).item() == pytest.approx(0.7363, abs=5e-5)
    loss_B = multilabel(3)(PROBABILITIES.logit(), LABELS)
    assert loss_B.mean().item() == pytest.approx(0.7363, abs=5e-5)


@repeatable
@given(logits_and_labels(), st.booleans())
def test_multilabel_equals_torch_mean_over_labels(case, weighted):
    logits, labels = case
    weights = [0.5, 2.0, 0.0, 1.25, 3.0][: logits.shape[1]] if weighted else None
    loss = multilabel(logits.shape[1], class_weights=weights)
    expected = F.binary_cross_entropy_with_logits(
        logits,
        labels.to(logits.dtype),
        pos_weight=torch.tensor(weights, dtype=logits.dtype) if weighted else None,
        reduction="none",
    )
    close(loss(logits, labels), expected.mean(1))
    assert torch.equal(loss.normaliser(labels), torch.ones(len(labels)))


@repeatable
@given(logits_and_labels())
def test_binary_equals_two_output_cross_entropy_with_class_weights(case):
    logits, labels = case[0][:, :1], case[1][:, 0]
    loss = binary(class_weights=[0.25, 3.0])
    two_columns = torch.cat([torch.zeros_like(logits), logits], dim=1)
    weight = torch.tensor([0.25, 3.0], dtype=logits.dtype)

    close(loss(logits, labels), F.cross_entropy(two_columns, labels, weight=weight, reduction="none"))
    close(
        loss(logits, labels).sum() / loss.normaliser(labels).sum(),
        F.cross_entropy(two_columns, labels, weight=weight),
    )
    close(loss.to_proba(logits), two_columns.softmax(1))


@repeatable
@given(logits_and_labels(DTYPES))
def test_finite_on_extreme_logits_of_every_dtype(case):
    logits, labels = case
    assert finite_with_gradient(multilabel(logits.shape[1]), logits, labels)
    assert finite_with_gradient(binary(class_weights="balanced"), logits[:, :1], labels[:, 0])


@pytest.mark.parametrize("make", [lambda: binary(class_weights=[1, 2]), lambda: multilabel(1)])
def test_gradcheck(make):
    torch.manual_seed(0)
    loss = make()
    logits = torch.randn(4, 1, dtype=torch.float64, requires_grad=True)
    target = torch.tensor([0, 1, 1, 0])
    target = target if loss.binary else target[:, None]
    assert torch.autograd.gradcheck(lambda z: loss(z, target), (logits,))


def test_balanced_weights_come_from_the_counts():
    assert binary(counts=(90, 10), class_weights="balanced").class_weight.tolist() == pytest.approx([100 / 180, 5.0])
    loss = BinaryCrossEntropy(task=MULTILABEL, n_classes=2, class_counts=[25, 50], n_rows=100, class_weights="balanced")
    assert loss.positive_weight.tolist() == pytest.approx([3.0, 1.0])


def test_outputs_and_multilabel_probabilities():
    assert (binary().n_outputs, multilabel(4).n_outputs) == (1, 4)
    logits = torch.tensor([[0.0, 30.0, -30.0]], dtype=torch.float64)
    close(multilabel(3).to_proba(logits), logits.sigmoid())


def test_a_two_column_model_is_refused():
    with pytest.raises(ConfigError, match=r"returns \(B, 2\) but the loss needs \(B, 1\)"):
        binary()(torch.zeros(3, 2), torch.tensor([0, 1, 0]))


@pytest.mark.parametrize(
    ("make", "weights", "needed"),
    [
        (binary, [1.0], "needs 2: one per class"),
        (lambda **o: multilabel(3, **o), [1, 2], "needs 3: one per label"),
    ],
)
def test_wrong_number_of_weights_is_refused(make, weights, needed):
    with pytest.raises(ConfigError, match=rf"loss\.class_weights has {len(weights)} entries but {needed}"):
        make(class_weights=weights)
