"""The classifier of scikit-learn's form: scikit-learn's own checks, and what they do not ask."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.utils.estimator_checks import check_estimator

import trainer as fw

SMALL = {
    "model": ("mlp", {"hidden": [16], "dropout": 0.0}),
    "max_epochs": 8,
    "batch_size": 16,
    "options": {"optimizer.lr": 0.05},
}
EXPECTED_TO_FAIL: dict[str, str] = {}  # the table of docs/guide/python.md: none
NOT_CHECKED = {"check_array_api_input", "check_classifier_data_not_an_array"}  # for want of SCIPY_ARRAY_API, pandas
X = np.random.default_rng(0).normal(size=(60, 3))
Y = X[:, 0] > 0


@pytest.mark.filterwarnings("ignore")  # the checks' own
def test_it_passes_the_checks_of_scikit_learn():
    ended = check_estimator(fw.Classifier(**SMALL), expected_failed_checks=EXPECTED_TO_FAIL, on_fail=None, on_skip=None)
    status = {(check["check_name"], check["status"]) for check in ended if check["status"] != "passed"}
    assert {name for name, outcome in status if outcome == "skipped"} <= NOT_CHECKED
    assert {name for name, outcome in status if outcome != "skipped"} == set(EXPECTED_TO_FAIL)
    assert len(ended) > 50


def test_a_search_of_scikit_learn_tries_its_parameters():
    grid = {"options": [{"optimizer.lr": 1e-9}, {"optimizer.lr": 0.05}]}
    found = GridSearchCV(fw.Classifier(**SMALL), grid, cv=2).fit(X, Y)
    assert found.best_params_["options"]["optimizer.lr"] == 0.05
    assert found.score(X, Y) > 0.9


def test_missing_values_are_filled_in_and_seeds_count():
    holes = np.where(X > 1.5, np.nan, X)
    first = fw.Classifier(**SMALL).fit(holes, Y).predict_proba(holes)
    assert np.isfinite(first).all()
    assert np.array_equal(clone(fw.Classifier(**SMALL)).fit(holes, Y).predict_proba(holes), first)
    other = fw.Classifier(**{**SMALL, "random_state": 7}).fit(holes, Y).predict_proba(holes)
    assert not np.array_equal(other, first)


def test_what_cannot_be_is_a_value_error_as_scikit_learn_wants_it():
    with pytest.raises(ValueError, match="did you mean 'mlp'"):
        fw.Classifier(model="mpl").fit(X, Y)
    with pytest.raises(ValueError, match="at least two classes"):
        fw.Classifier().fit(X, np.zeros(60))
