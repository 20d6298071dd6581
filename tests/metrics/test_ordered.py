import numpy as np
import pytest
from sklearn.metrics import confusion_matrix

from trainer.metrics.find import metric_named
from trainer.metrics.ordered import order_notes


def test_words_numbers_with_a_gap_and_long_lists_are_told():
    said = "kappa (linear) and kappa (quadratic) take the classes in this order: high < low < mid"
    assert order_notes(["kappa_linear", "accuracy", "kappa_quadratic"], ["high", "low", "mid"]) == (
        f"{said} (data.class_order sets it)",
    )
    (gap,) = order_notes(["kappa_quadratic"], ["1", "2", "5"])
    assert gap == "kappa (quadratic) takes the classes in this order: 1 < 2 < 5, each one step from the next, " + (
        "whatever their values"
    )
    (long,) = order_notes(["kappa_quadratic"], list("zyxwvutsrqponm"))
    assert long.endswith("p < o ... (data.class_order sets it)")


@pytest.mark.parametrize("classes", [["0", "1", "2"], ["10", "20", "30"], ["no", "yes"]])
def test_steps_of_one_size_and_two_classes_need_no_word(classes):
    assert order_notes(["kappa_quadratic", "kappa_linear"], classes) == ()


def test_numbers_turned_round_are_told():
    assert "2 < 1 < 0" in order_notes(["kappa_linear"], ["2", "1", "0"])[0]


def test_other_metrics_have_no_order():
    assert order_notes(["accuracy", "kappa", "f1_macro"], ["high", "low", "mid"]) == ()


def test_rows_that_lack_a_class_are_scored_by_the_same_steps():
    """By the definition of Cohen (1968): one minus the observed over the expected squared distance."""
    target, predicted = np.array([0, 0, 1, 1, 4, 4, 4, 4]), np.array([0, 1, 1, 0, 4, 1, 4, 1])
    counts = confusion_matrix(target, predicted, labels=range(5)).astype(float)
    squares = (np.arange(5)[:, None] - np.arange(5)) ** 2.0
    by_chance = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / counts.sum()
    wanted = 1 - (squares * counts).sum() / (squares * by_chance).sum()
    assert metric_named("kappa_quadratic")(target, np.eye(5)[predicted]) == pytest.approx(wanted, abs=1e-12)
