"""Weights of a blend, against scikit-learn, scipy and brute force."""

import json

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import expit, softmax
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tests.inference.blend_cases import noisy_logits
from trainer.errors import ConfigError
from trainer.inference.combine import combine, from_plain
from trainer.inference.fit_weights import METHODS, Rows, fit, require_method, select
from trainer.inference.log_scores import log_scores
from trainer.tasks import BINARY, MULTICLASS, MULTILABEL, REGRESSION

N = 240
ACCURACY, LOG_LOSS = "accuracy", "log_loss"


def rows_of(task, target, logits_KNC) -> Rows:
    logits = np.asarray(logits_KNC, dtype=float)
    proba = logits
    if task.has_classes:
        proba = expit(logits) if task.several_labels else softmax(logits, axis=-1)
    return Rows(task, target, proba, log_scores(task, proba), np.arange(len(target)))


def classes_of(n_classes: int, *strengths: float) -> Rows:
    target = np.random.default_rng(9).integers(0, n_classes, N)
    logits = [noisy_logits(target, n_classes, strength, seed) for seed, strength in enumerate(strengths)]
    return rows_of(BINARY if n_classes == 2 else MULTICLASS, target, logits)


def labels_of(*strengths: float) -> Rows:
    target = np.random.default_rng(3).integers(0, 2, (N, 3))
    rng = np.random.default_rng(4)
    return rows_of(MULTILABEL, target, [rng.normal(size=(N, 3)) + s * (2 * target - 1) for s in strengths])


def numbers_of(*noise: float) -> Rows:
    rng = np.random.default_rng(5)
    target = rng.normal(size=N) * 10
    return rows_of(REGRESSION, target, [(target + s * rng.normal(size=N))[:, None] for s in noise])


CASES = {
    "binary": (lambda *s: classes_of(2, *s), (1.5, 0.0), "accuracy"),
    "multiclass": (lambda *s: classes_of(3, *s), (1.5, 0.0), "log_loss"),
    "multilabel": (labels_of, (1.5, 0.0), "f1_micro"),
    "regression": (numbers_of, (1.0, 50.0), "rmse"),
}


@pytest.mark.parametrize("method", ["greedy", "nonnegative", "stack"])
@pytest.mark.parametrize("task", CASES)
def test_noise_gets_next_to_no_weight_and_weights_sum_to_one(task, method):
    make, strengths, metric = CASES[task]
    if (task, method) == ("regression", "stack"):
        pytest.skip("refused, see below")
    fitted = fit(method, make(*strengths), metric)
    assert sum(fitted.weights) == pytest.approx(1)
    assert min(fitted.weights) >= 0
    assert fitted.weights[1] < (0.15 if method == "stack" else 0.06)


@pytest.mark.parametrize("method", ["mean", "rank", "greedy"])
@pytest.mark.parametrize("task", CASES)
def test_a_run_blended_with_itself_is_the_run(task, method):
    make, strengths, metric = CASES[task]
    rows = make(strengths[0])
    twice = Rows(
        rows.task, rows.target, *(np.concatenate([v, v]) for v in (rows.proba_KMC, rows.scores_KMC)), rows.unit_M
    )
    blended = combine(fit(method, twice, metric), rows.task, twice.proba_KMC)
    np.testing.assert_allclose(blended, rows.proba_KMC[0], rtol=1e-12 if method != "rank" else 1e-9)


@pytest.mark.parametrize("task", CASES)
@pytest.mark.parametrize("method", METHODS)
def test_what_was_fitted_survives_json_and_predicts_from_probabilities_alone(task, method):
    make, strengths, metric = CASES[task]
    if (task, method) == ("regression", "stack"):
        pytest.skip("refused, see below")
    rows = make(*strengths)
    fitted = fit(method, rows, metric)
    again = from_plain(json.loads(json.dumps(fitted.to_plain())))
    assert again == fitted
    exact = combine(fitted, rows.task, rows.proba_KMC, rows.scores_KMC)
    np.testing.assert_allclose(combine(again, rows.task, rows.proba_KMC), exact, rtol=1e-9, atol=1e-12)
    if rows.task.one_class_each:
        np.testing.assert_allclose(exact.sum(axis=1), 1)


def test_the_rank_mean_looks_at_order_alone_inside_the_range():
    rows = classes_of(2, 1.5, 1.0)
    fitted = fit("rank", rows, ACCURACY)
    bent = rows.proba_KMC[:, :, 1] ** 3  # another scale, the same order
    other = Rows(BINARY, rows.target, np.stack([1 - bent, bent], axis=2), rows.scores_KMC, rows.unit_M)
    first, second = (combine(fit("rank", r, ACCURACY), BINARY, r.proba_KMC)[:, 1] for r in (rows, other))
    assert sum(fitted.weights) == pytest.approx(1)
    mean_rank_N = rows.proba_KMC[:, :, 1].argsort(axis=1).argsort(axis=1).mean(axis=0)
    for blended in (first, second):
        assert (np.diff(blended[np.argsort(mean_rank_N, kind="stable")]) > -1e-12).all()


def test_greedyselection_is_that_of_a_plain_loop():
    rows = classes_of(3, 1.0, 0.8, 0.9)
    weights = np.random.default_rng(0).integers(1, 4, N).astype(float)

    def loss(members):
        return log_loss(rows.target, np.mean([rows.proba_KMC[k] for k in members], axis=0), sample_weight=weights)

    members, path = [], []
    for _ in range(25):
        members = min(([*members, k] for k in range(3)), key=loss)
        path.append((loss(members), members))
    best = min(path, key=lambda pair: pair[0])[1]
    counts = select(rows, LOG_LOSS, weights[:, None])[:, 0]
    np.testing.assert_allclose(counts / counts.sum(), np.bincount(best, minlength=3) / len(best), atol=0.05)
    assert (
        log_loss(rows.target, np.tensordot(counts / counts.sum(), rows.proba_KMC, 1), sample_weight=weights)
        <= path[2][0]
    )


def test_greedyselection_takes_the_fewest_runs_on_a_tie_and_none_above_others_without_a_score():
    rows = classes_of(3, 50.0, 50.0)  # both are always right
    np.testing.assert_array_equal(select(rows, ACCURACY, np.ones((N, 1)))[:, 0], [1, 0])
    one_class = Rows(BINARY, np.zeros(N, dtype=int), rows.proba_KMC[:, :, :2], rows.scores_KMC, rows.unit_M)
    np.testing.assert_array_equal(select(one_class, "roc_auc", np.ones((N, 1)))[:, 0], [1, 1])


@pytest.mark.parametrize(
    "make", [lambda: classes_of(3, 1.2, 0.7), lambda: classes_of(2, 1.2, 0.7), lambda: labels_of(1, 0.5)]
)
def test_no_pair_of_nonnegative_weights_has_a_smaller_log_loss(make):
    rows = make()

    def loss(weights):
        scores = np.tensordot(weights, rows.scores_KMC, 1)
        if rows.task.several_labels:
            return -np.log(np.where(rows.target == 1, expit(scores), expit(-scores))).mean()
        return log_loss(rows.target, softmax(scores, axis=1))

    fitted = fit("nonnegative", rows, LOG_LOSS)
    found = loss(fitted.scale * np.array(fitted.weights))
    grid = np.linspace(0, 3, 11)
    assert found <= min(loss(np.array([a, b])) for a in grid for b in grid) + 1e-9


def test_one_nonnegative_weight_is_the_inverse_temperature():
    rows = classes_of(3, 3.0)
    best = minimize_scalar(
        lambda b: log_loss(rows.target, softmax(b * rows.scores_KMC[0], axis=1)), bounds=(0, 9), method="bounded"
    )
    assert fit("nonnegative", rows, LOG_LOSS).scale == pytest.approx(best.x, rel=1e-3)


def test_nonnegative_weights_of_numbers_are_those_of_scikit_learn():
    rows = numbers_of(1.0, 2.0, 3.0)
    reference = LinearRegression(positive=True, fit_intercept=False).fit(rows.proba_KMC[:, :, 0].T, rows.target)
    fitted = fit("nonnegative", rows, "rmse")
    np.testing.assert_allclose(fitted.scale * np.array(fitted.weights), reference.coef_, atol=1e-8)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_stacking_is_scikit_learns_logistic_regression(n_classes):
    rows = classes_of(n_classes, 1.2, 0.7)
    scores = rows.scores_KMC
    table = (
        (scores[:, :, 1] - scores[:, :, 0]).T
        if n_classes == 2
        else np.hstack(scores - scores.mean(axis=2, keepdims=True))
    )
    reference = make_pipeline(StandardScaler(with_mean=False), LogisticRegression(max_iter=2000)).fit(
        table, rows.target
    )
    blended = combine(fit("stack", rows, LOG_LOSS), rows.task, rows.proba_KMC, scores)
    np.testing.assert_allclose(blended, reference.predict_proba(table), atol=1e-6)


@pytest.mark.parametrize("seen", [[0, 2], [1], [0, 1, 2]])
def test_stacking_gives_a_class_that_no_row_has_next_to_nothing(seen):
    rows = classes_of(3, 1.5, 1.0)
    there = rows.only(np.isin(rows.target, seen))
    blended = combine(fit("stack", there, LOG_LOSS), MULTICLASS, rows.proba_KMC)
    absent = np.setdiff1d(range(3), seen)
    assert (blended[:, absent] < 1e-6).all()
    assert np.isfinite(blended).all()
    if len(seen) == 2:
        assert (np.array(seen)[blended[:, seen].argmax(axis=1)] == rows.target)[np.isin(rows.target, seen)].mean() > 0.8


def test_stacking_two_classes_of_which_one_is_there_predicts_it():
    rows = classes_of(2, 1.5, 1.0)
    for only in (0, 1):
        there = rows.only(rows.target == only)
        assert (combine(fit("stack", there, LOG_LOSS), BINARY, rows.proba_KMC).argmax(axis=1) == only).all()


def test_a_method_that_is_not_there_or_not_for_numbers_is_refused():
    with pytest.raises(ConfigError, match="did you mean 'greedy'"):
        require_method("gredy", MULTICLASS)
    with pytest.raises(ConfigError, match="--method nonnegative"):
        require_method("stack", REGRESSION)
