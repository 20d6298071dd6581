"""Labels that were turned round on purpose are found; where nothing can be told the reason is."""

import sys

import numpy as np
import pytest

from trainer.evidence.label_issues import label_issues
from trainer.evidence.not_defined import NotDefined
from trainer.tasks import MULTICLASS, MULTILABEL, REGRESSION


def planted(n=600, seed=0):
    """Return labels of which 30 were turned to another class, probabilities of a good model, and which they are."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 3, n)
    proba = rng.dirichlet([1, 1, 1], n) * 0.2 + 0.8 * np.eye(3)[truth]
    turned = np.zeros(n, dtype=bool)
    turned[rng.choice(n, 30, replace=False)] = True
    return np.where(turned, (truth + 1) % 3, truth), proba, turned


def test_turned_labels_are_found_and_hardly_any_other():
    pytest.importorskip("cleanlab")
    target, proba, turned = planted()
    found = label_issues(MULTICLASS, target, proba)
    assert found[turned].mean() > 0.8
    assert found[~turned].mean() < 0.01


def test_of_labels_each_is_judged_by_itself():
    pytest.importorskip("cleanlab")
    target, proba, turned = planted()
    labels, p1 = (target == 0).astype(np.int64), proba[:, 0]
    both = np.stack([labels, 1 - labels], axis=1), np.stack([p1, 1 - p1], axis=1)
    found = label_issues(MULTILABEL, *both)
    assert found.shape == (600, 2)
    assert (found[:, 0] == found[:, 1]).all()
    assert found[turned & (labels != (p1 > 0.5)), 0].mean() > 0.8


@pytest.mark.parametrize(
    ("task", "target", "why"),
    [
        (REGRESSION, np.arange(4.0), "numbers have no label"),
        (MULTICLASS, np.array([0, 0, 1, 1, 1, 1, 1, 2]), "a class with 1 rows: 5 at least"),
    ],
)
def test_the_reason_stands_where_nothing_can_be_told(task, target, why):
    found = label_issues(task, target, np.full((len(target), 3), 1 / 3))
    assert isinstance(found, NotDefined)
    assert why in found.why


def test_what_to_install_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "cleanlab.filter", None)
    found = label_issues(MULTICLASS, *planted()[:2])
    assert found == NotDefined("cleanlab is not installed: pip install 'foldwise[labels]'")
