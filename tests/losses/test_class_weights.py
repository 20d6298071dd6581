import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.utils.class_weight import compute_class_weight

from tests.losses.loss_cases import repeatable
from trainer.errors import ConfigError
from trainer.losses.ce import CrossEntropy
from trainer.losses.class_weights import (
    positive_shares,
    positive_weights,
    row_weights,
    weight_per_class,
    weights_by_class,
)
from trainer.losses.focal import Focal
from trainer.tasks import BINARY, MULTICLASS

counts = st.lists(st.integers(1, 5000), min_size=2, max_size=6)
NAME = "loss.class_weights"


@repeatable
@given(counts)
def test_balanced_is_scikit_learn_s(class_counts):
    target = np.repeat(np.arange(len(class_counts)), class_counts)
    expected = compute_class_weight("balanced", classes=np.unique(target), y=target)
    assert weight_per_class(NAME, "balanced", class_counts).tolist() == pytest.approx(expected, rel=1e-6)


@repeatable
@given(counts, st.sampled_from([("effective", 0.999), ("effective:0.9", 0.9), ("effective:0.9999", 0.9999)]))
def test_effective_is_the_paper_s_and_sums_to_the_number_of_classes(class_counts, mode):
    effective_number = [(1 - mode[1] ** n) / (1 - mode[1]) for n in class_counts]
    raw = 1 / np.array(effective_number)
    expected = raw * len(raw) / raw.sum()
    assert weight_per_class(NAME, mode[0], class_counts).tolist() == pytest.approx(expected, rel=1e-6)


def test_class_balanced_loss_is_a_weight_of_ce_and_of_focal():
    logits = torch.randn(6, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    target, counts = torch.tensor([0, 1, 2, 0, 1, 2]), [4000, 500, 20]
    weight_C = torch.tensor([(1 - 0.9999) / (1 - 0.9999**n) for n in counts], dtype=torch.float64)
    weight_C *= 3 / weight_C.sum()  # equation 8, scaled as the paper's section 4 says
    p_B = logits.softmax(1).gather(1, target[:, None])[:, 0]
    ce = CrossEntropy(class_weights="effective:0.9999", n_classes=3, class_counts=counts)
    focal = Focal(gamma=2, alpha="effective:0.9999", task=MULTICLASS, n_classes=3, class_counts=counts, n_rows=4520)
    torch.testing.assert_close(ce(logits, target), -weight_C[target] * p_B.log(), rtol=1e-6, atol=0)
    torch.testing.assert_close(focal(logits, target), -weight_C[target] * (1 - p_B) ** 2 * p_B.log(), rtol=1e-6, atol=0)


@pytest.mark.parametrize("value", ["effective:1", "effective:-0.1", "effective:nan", "effective:", "effective:x"])
def test_a_beta_that_is_none_is_refused(value):
    with pytest.raises(ConfigError, match=f"{NAME}={value}: BETA is not a number of at least 0 and below 1"):
        weight_per_class(NAME, value, [3, 4])


@pytest.mark.parametrize("mode", ["balanced", "effective"])
def test_a_class_without_training_rows_gets_weight_0_and_changes_no_other(mode):
    with_gap = weight_per_class(NAME, mode, [30, 0, 10])
    assert with_gap[1] == 0
    assert torch.equal(with_gap[[0, 2]], weight_per_class(NAME, mode, [30, 10]))


def test_positive_weights_are_odds_and_1_for_a_constant_label():
    assert positive_weights(NAME, "balanced", [20, 0, 100], 100).tolist() == [4.0, 1.0, 1.0]
    effective = positive_weights(NAME, "effective", [20], 100).item()
    assert effective == pytest.approx((1 - 0.999**80) / (1 - 0.999**20), rel=1e-6)
    assert positive_shares(NAME, "balanced", [20, 0], 100) == pytest.approx([0.8, 0.5])


def test_a_list_is_taken_as_it_is_and_not_changed():
    weights = [1, 0.0, 2.5]
    tensor = weight_per_class(NAME, weights, [5, 5, 5])
    tensor.mul_(3)
    assert weights == [1, 0.0, 2.5]
    assert tensor.dtype == torch.float32


def test_rows_without_weights_count_1_each():
    target = torch.tensor([1, 0, 1])
    assert row_weights(None, target).tolist() == [1, 1, 1]
    assert row_weights(torch.tensor([0.5, 2.0]), target).tolist() == [2.0, 0.5, 2.0]
    assert weight_per_class(NAME, None, [1, 2]) is None
    assert positive_weights(NAME, None, [1, 2], 3) is None


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([1.0, 2.0], "loss.class_weights has 2 entries but needs 3: one per class"),
        ([1.0, -1.0, 1.0], "loss.class_weights: -1.0 is not a finite number"),
        ([1.0, float("inf"), 1.0], "loss.class_weights: inf"),
        ([1.0, "a", 1.0], "loss.class_weights: a"),
        ([1.0, True, 1.0], "loss.class_weights: True"),
        ([0, 0, 0], "loss.class_weights: all weights are 0"),
        ("balance", "loss.class_weights=balance is not one of null, balanced, effective"),
        (2.0, "loss.class_weights=2.0 is not one of"),
    ],
)
def test_weights_that_do_not_fit_are_refused_by_name(value, message):
    with pytest.raises(ConfigError) as caught:
        weight_per_class(NAME, value, [5, 5, 5])
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"class_weights": [1, 5.5]}, ("loss.class_weights: legit 1, fraud 5.5",)),
        ({"alpha": 0.9}, ("loss.alpha: legit 0.1, fraud 0.9",)),
        ({"alpha": "balanced"}, ()),
        ({"alpha": 1.0}, ()),  # no weighting
        ({"alpha": [1, 2, 3]}, ()),  # the loss refuses it
        ({"class_weights": [1, "x"]}, ()),  # and this
    ],
)
def test_the_class_of_each_weight_is_told(section, said):
    assert weights_by_class(section, ("legit", "fraud"), BINARY) == said


def test_one_alpha_is_that_of_the_positive_class_only_where_there_is_one():
    assert weights_by_class({"alpha": 0.25}, ("a", "b", "c"), MULTICLASS) == ()
    assert weights_by_class({"alpha": [1, 2, 0]}, ("a", "b", "c"), MULTICLASS) == ("loss.alpha: a 1, b 2, c 0",)
