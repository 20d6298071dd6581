import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from tests.report.page.test_curves import rows
from trainer.metrics.ranking import precision_area, ranking, roc_area


@pytest.mark.parametrize("digits", [1, 2, 9])
def test_counts_at_each_score_by_hand_and_for_numbers_of_32_bits(digits):
    truth, score = rows(digits=digits)
    for found, given in ((ranking(truth, score), score), (ranking(truth, score.astype(np.float32)), score)):
        at = np.unique(given)[::-1]
        np.testing.assert_array_equal(found.hits_T, [0, *((truth & (given >= one)).sum() for one in at)])
        np.testing.assert_array_equal(found.false_T, [0, *((~truth & (given >= one)).sum() for one in at)])


@pytest.mark.parametrize("n_rows", [2, 3, 10, 1001, 150_000])
@pytest.mark.parametrize("digits", [1, 3, 16])
def test_areas_are_scikit_learns_to_the_bit(n_rows, digits):
    for seed in range(3):
        truth, score = rows(n_rows, seed, digits)
        truth[:2] = [True, False]
        found = ranking(truth, score)
        assert roc_area(found) == roc_auc_score(truth, score)
        assert precision_area(found) == average_precision_score(truth, score)


def test_of_one_kind_of_row_there_is_no_area():
    score = np.array([0.1, 0.2])
    assert np.isnan(roc_area(ranking(np.array([True, True]), score)))
    assert precision_area(ranking(np.array([True, True]), score)) == 1
    assert np.isnan(roc_area(ranking(np.array([False, False]), score)))
    assert np.isnan(precision_area(ranking(np.array([False, False]), score)))
