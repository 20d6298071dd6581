"""What classes score is scikit-learn's; undefined stays undefined."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, multilabel_confusion_matrix, precision_recall_fscore_support

from trainer.report.page.class_scores import class_scores, confusion, confusions
from trainer.tasks import MULTICLASS, MULTILABEL


@pytest.mark.parametrize("task", [MULTICLASS, MULTILABEL], ids=str)
def test_scores_are_scikit_learns(fake_result, task):
    result, oof, _ = fake_result(task)
    predicted = task.predicted(oof.proba)
    precision, recall, f1, support = precision_recall_fscore_support(oof.target, predicted, average=None)
    found = class_scores(result, oof)
    for mine, known in ((found.precision, precision), (found.recall, recall), (found.f1, f1), (found.support, support)):
        np.testing.assert_allclose(mine, known)
    by_class = multilabel_confusion_matrix(oof.target, predicted)
    np.testing.assert_allclose(found.specificity, by_class[:, 0, 0] / by_class[:, 0].sum(axis=1))
    assert found.weakest()[0] == np.argmin(f1)


def test_a_class_without_rows_has_no_sensitivity(fake_result):
    result, oof, _ = fake_result()
    found = class_scores(result, replace(oof, target=np.where(oof.target == 2, 0, oof.target)))
    assert np.isnan(found.recall[2])
    assert not np.isnan(found.precision[2])


def test_confusions_are_the_largest_of_the_matrix(fake_result):
    result, oof, _ = fake_result()
    counts = confusion(result, oof)
    np.testing.assert_array_equal(counts, confusion_matrix(oof.target, oof.proba.argmax(axis=1)))
    true, predicted, n = confusions(counts)[0]
    assert true != predicted
    assert n == (counts - np.diag(np.diag(counts))).max() == counts[true, predicted]
    assert confusions(np.diag([3, 4])) == []
