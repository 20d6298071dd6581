import torch

from trainer.losses.ce import CrossEntropy
from trainer.losses.prior import PriorCorrected


def test_it_is_a_softmax_of_logits_shifted_by_the_log_priors() -> None:
    logits = torch.randn(50, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    counts, power = torch.tensor([900.0, 90.0, 10.0], dtype=torch.float64), 0.5
    drawn = counts**power / (counts**power).sum()
    expected = (logits + (counts / counts.sum()).log() - drawn.log()).softmax(dim=1)
    found = PriorCorrected(lambda values: values.softmax(dim=1), [900, 90, 10], power)(logits)
    torch.testing.assert_close(found.double(), expected, atol=1e-6, rtol=1e-5)


def test_it_undoes_what_drawing_does_to_a_model_that_has_learned_the_rows() -> None:
    """Two classes of normal numbers: the model of balanced rows is known, and so is that of the rows as they are."""
    x = torch.linspace(-3, 3, 41, dtype=torch.float64)
    likelihood = torch.stack([torch.exp(-0.5 * (x + 1) ** 2), torch.exp(-0.5 * (x - 1) ** 2)], dim=1)
    balanced = likelihood.log()  # logits, up to a constant, of equal classes
    prior = torch.tensor([0.98, 0.02], dtype=torch.float64)
    bayes = likelihood * prior / (likelihood * prior).sum(dim=1, keepdim=True)
    found = PriorCorrected(CrossEntropy(n_classes=2, class_counts=[980, 20]).to_proba, [980, 20], 0.0)(balanced.float())
    torch.testing.assert_close(found.double(), bayes, atol=1e-6, rtol=1e-4)


def test_a_class_that_the_fold_has_no_row_of_stays_finite() -> None:
    assert PriorCorrected(lambda logits: logits.softmax(1), [5, 0, 5], 0.0)(torch.zeros(2, 3)).isfinite().all()
