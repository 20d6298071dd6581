"""Thresholds against brute force over all that predict otherwise."""

import itertools

import numpy as np
import pytest
from sklearn.metrics import f1_score, matthews_corrcoef, precision_recall_curve

from tests.inference.blend_cases import noisy_logits
from trainer.errors import ConfigError
from trainer.inference.objectives import make_objective, mean_cost
from trainer.inference.thresholds import as_thresholds, decide, find_offsets
from trainer.metrics.find import metric_named
from trainer.tasks import BINARY, MULTICLASS, MULTILABEL, REGRESSION

TWO, THREE = ("no", "yes"), ("a", "b", "c")


def binary(seed, n=40, ties=False):
    rng = np.random.default_rng(seed)
    target = (rng.random(n) < 0.3).astype(np.int64)
    gap = rng.normal(size=n) + target
    gap = np.round(gap) if ties else gap
    return target, np.stack([np.zeros(n), gap], axis=1)


def every_cut(gap):
    edges = np.unique(gap)
    return [edges[0] - 1, *(edges[1:] + edges[:-1]) / 2, edges[-1] + 1]


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("name", ["f1_macro", "f1_micro", "f1_weighted", "mcc", "balanced_accuracy", "accuracy"])
def test_no_threshold_of_two_classes_is_better(name, ties):
    metric = metric_named(name)
    for seed in range(4):
        target, scores = binary(seed, ties=ties)
        gap = scores[:, 1]
        best = max(metric(target, np.eye(2)[(gap > cut).astype(int)]) for cut in every_cut(gap))
        offsets = find_offsets(make_objective(name, BINARY, TWO), BINARY, target, scores)
        found = metric(target, np.eye(2)[decide(BINARY, scores, offsets)])
        assert found == pytest.approx(best, abs=1e-12)


def test_the_threshold_stays_where_it_was_unless_another_is_better():
    target = np.array([0, 0, 1, 1])
    scores = np.stack([np.zeros(4), [-2.0, -1.0, 1.0, 2.0]], axis=1)
    np.testing.assert_array_equal(find_offsets(make_objective("mcc", BINARY, TWO), BINARY, target, scores), [0, 0])


@pytest.mark.parametrize(("great", "enough"), [("recall", "precision"), ("precision", "recall")])
def test_the_best_where_the_other_is_enough_is_that_of_the_curve(great, enough):
    for seed in range(5):
        target, scores = binary(seed, n=120)
        precision, recall, _ = precision_recall_curve(target, scores[:, 1])
        both = {"precision": precision[:-1], "recall": recall[:-1]}
        least = 0.6
        best = both[great][both[enough] >= least].max()
        objective = make_objective(f"{great}@{enough}={least}", BINARY, TWO)
        said = decide(BINARY, scores, find_offsets(objective, BINARY, target, scores))
        hit = (said & target).sum()
        found = {"recall": hit / target.sum(), "precision": hit / said.sum()}
        assert found[great] == pytest.approx(best)
        assert found[enough] >= least


def test_what_is_never_reached_is_none():
    target, scores = binary(0)
    scores[:, 1] = np.where(target == 0, 5.0, scores[:, 1])  # the surest rows are wrong
    assert find_offsets(make_objective("recall@precision=0.99", BINARY, TWO), BINARY, target, scores) is None


@pytest.mark.parametrize("text", ["0,1;5,0", "0 3\n1 0", "-1,2;4,0.5"])
def test_no_threshold_costs_less(text):
    objective = make_objective("cost", BINARY, TWO, text)
    for seed in range(4):
        target, scores = binary(seed)
        gap = scores[:, 1]
        least = min(mean_cost(objective.cost, BINARY, target, (gap > cut).astype(int)) for cut in every_cut(gap))
        said = decide(BINARY, scores, find_offsets(objective, BINARY, target, scores))
        assert mean_cost(objective.cost, BINARY, target, said) == pytest.approx(least)


@pytest.mark.parametrize("name", ["f1_macro", "f1_micro", "hamming_loss", "cost"])
def test_no_thresholds_of_labels_are_better_together(name):
    metric = None if name == "cost" else metric_named(name)
    for seed in range(3):
        rng = np.random.default_rng(seed)
        target = (rng.random((9, 2)) < 0.4).astype(np.int64)
        scores = rng.normal(size=(9, 2)) + target
        objective = make_objective(name, MULTILABEL, TWO, "0,1;3,0" if name == "cost" else None)

        def value(said, target=target, objective=objective):
            return mean_cost(objective.cost, MULTILABEL, target, said) if metric is None else metric(target, said * 1.0)

        cuts = itertools.product(every_cut(scores[:, 0]), every_cut(scores[:, 1]))
        every = [value((scores > np.array(pair)).astype(int)) for pair in cuts]
        found = value(decide(MULTILABEL, scores, find_offsets(objective, MULTILABEL, target, scores)))
        assert found == pytest.approx(max(every) if objective.greater_is_better else min(every))


def test_each_label_reaches_what_is_asked_for():
    rng = np.random.default_rng(0)
    target = (rng.random((200, 3)) < 0.4).astype(np.int64)
    scores = rng.normal(size=(200, 3)) + target
    objective = make_objective("recall@precision=0.6", MULTILABEL, THREE)
    said = decide(MULTILABEL, scores, find_offsets(objective, MULTILABEL, target, scores))
    assert ((said * target).sum(axis=0) / said.sum(axis=0) >= 0.6).all()


@pytest.mark.parametrize(("name", "reference"), [("f1_macro", f1_score), ("mcc", matthews_corrcoef)])
def test_of_several_classes_no_single_threshold_gains_any_more(name, reference):
    options = {"average": "macro"} if name == "f1_macro" else {}
    rng = np.random.default_rng(1)
    target = rng.choice(3, 150, p=[0.7, 0.2, 0.1])
    scores = noisy_logits(target, 3, 1.0, 0)
    offsets = find_offsets(make_objective(name, MULTICLASS, THREE), MULTICLASS, target, scores)
    found = reference(target, decide(MULTICLASS, scores, offsets), **options)
    assert found > reference(target, scores.argmax(axis=1), **options)
    for one, change in itertools.product(range(3), np.linspace(-3, 3, 25)):
        other = offsets + change * np.eye(3)[one]
        assert reference(target, decide(MULTICLASS, scores, other), **options) <= found + 1e-12


def test_thresholds_as_people_know_them_decide_the_same():
    target, scores = binary(0)
    offsets = find_offsets(make_objective("f1_macro", BINARY, TWO), BINARY, target, scores)
    proba = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    threshold = as_thresholds(BINARY, offsets)[1]
    np.testing.assert_array_equal(proba[:, 1] > threshold, decide(BINARY, scores, offsets) == 1)
    assert as_thresholds(MULTICLASS, np.zeros(4)).tolist() == [0.25] * 4
    assert as_thresholds(MULTILABEL, np.array([0.0, np.log(3)])) == pytest.approx([0.5, 0.25])


@pytest.mark.parametrize(
    ("name", "task", "classes", "cost", "said"),
    [
        ("roc_auc", BINARY, TWO, None, "no threshold changes it"),
        ("subset_accuracy", MULTILABEL, TWO, None, "none can be searched for; have: f1_macro, f1_micro, hamming_loss"),
        ("f1_makro", BINARY, TWO, None, "did you mean 'f1_macro'"),
        ("rmse", BINARY, TWO, None, "'rmse' is not for a binary task"),
        ("f1_macro", REGRESSION, (), None, "a number has no threshold"),
        ("recall@precision=0.9", MULTICLASS, THREE, None, "two classes, or labels; this task has 3 classes"),
        ("recall@precision=1.2", BINARY, TWO, None, "1.2 must be above 0 and at most 1"),
        ("recall@precision=x", BINARY, TWO, None, "x must be above 0"),
        ("recall@recall=0.5", BINARY, TWO, None, "use recall@precision=0.5"),
        ("cost", BINARY, TWO, None, "--metric cost --cost"),
        ("mcc", BINARY, TWO, "0,1;1,0", "--metric cost --cost"),
        ("cost", MULTICLASS, THREE, "0,1;5,0", "2 rows of 2 numbers\ngive 3 rows (true) of 3 numbers"),
        ("cost", BINARY, TWO, "0,1;5", "2 rows of 1, 2 numbers"),
        ("cost", BINARY, TWO, "0,a;5,0", "could not convert string to float: 'a'"),
        ("cost", BINARY, TWO, "0,1;inf,0", "every cost must be finite"),
    ],
)
def test_what_cannot_be_wanted_is_refused(name, task, classes, cost, said):
    with pytest.raises(ConfigError) as refused:
        make_objective(name, task, classes, cost)
    assert said in str(refused.value)
    assert len(str(refused.value).splitlines()) <= 5


def test_costs_may_be_in_a_file(tmp_path):
    (tmp_path / "costs.csv").write_text("0, 1\n5, 0\n")
    objective = make_objective("cost", BINARY, TWO, str(tmp_path / "costs.csv"))
    np.testing.assert_array_equal(objective.cost, [[0, 1], [5, 0]])
