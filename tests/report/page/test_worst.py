"""The worst rows are those whose label was least probable over all repeats."""

from dataclasses import replace

import numpy as np
import pytest

from trainer.report.page.worst import rows_together, worst_rows
from trainer.tasks import MULTICLASS, MULTILABEL


@pytest.mark.parametrize("repeats", [1, 2])
def test_rows_of_classes(fake_result, repeats):
    result, oof, _ = fake_result(MULTICLASS, repeats=repeats)
    proba = oof.proba.astype(np.float64).reshape(repeats, 90, 3).mean(axis=0)
    loss = -np.log(proba[np.arange(90), oof.target[:90]])
    found = worst_rows(result, oof, 5)
    order = np.argsort(-loss, kind="stable")[:5]
    assert [row.id for row in found] == oof.ids[order].tolist()
    assert [row.loss for row in found] == pytest.approx(loss[order])
    first = order[0]
    assert (found[0].label, found[0].predicted) == ("abc"[oof.target[first]], "abc"[proba[first].argmax()])
    assert found[0].wrong == (found[0].label != found[0].predicted)
    assert found[0].of_predicted == pytest.approx(proba[first].max())
    held_out = [f"r{r} f{oof.fold[r * 90 + first]}" if repeats > 1 else str(oof.fold[first]) for r in range(repeats)]
    assert found[0].folds == ", ".join(held_out)


@pytest.mark.parametrize("most", [1, 3, 5, 30, 90, 200])
def test_of_rows_that_are_equally_wrong_the_first_come_first(fake_result, most):
    result, oof, _ = fake_result(MULTICLASS)
    oof = replace(oof, proba=np.round(oof.proba, 1).astype(np.float32))
    loss = rows_together(result, oof).loss_U
    assert len(np.unique(loss)) < 15
    ids = [row.id for row in worst_rows(result, oof, most)]
    assert ids == oof.ids[np.argsort(-loss, kind="stable")[:most]].tolist()


def test_rows_of_labels(fake_result):
    result, oof, _ = fake_result(MULTILABEL)
    proba = np.where(oof.target > 0, oof.proba.astype(np.float64), 1 - oof.proba.astype(np.float64))
    np.testing.assert_allclose(rows_together(result, oof).loss_U, -np.log(proba.clip(1e-38)).mean(axis=1))
    assert np.isnan(worst_rows(result, oof, 1)[0].of_predicted)


def test_of_many_labels_those_that_differ_come_first(fake_result):
    result, oof, _ = fake_result(MULTILABEL, tuple(f"l{place}" for place in range(20)))
    target = np.zeros_like(oof.target)
    target[:, :9] = 1
    proba = np.where(target, 0.9, 0.1).astype(np.float32)
    proba[:, 7], proba[:, 12] = 0.4, 0.6
    [row] = worst_rows(result, replace(oof, target=target, proba=proba), 1)
    assert row.label == "l7 + l0 + l1 + l2 + l3 + l4 … (+3)"
    assert row.predicted == "l12 + l0 + l1 + l2 + l3 + l4 … (+3)"
    assert row.wrong
