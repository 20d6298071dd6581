"""How often equal models are called different: the script behind the table of docs/guide/compare.md."""

import numpy as np
import pytest

from benchmarks.compare_rates import (
    DESIGNS,
    FOLDS,
    centroid_scores,
    columns_of,
    fixed_models,
    mcnemar_rate,
    read_results,
    simulate,
    table,
    true_lead,
)
from tests.places import REPOSITORY
from trainer.evidence.mcnemar import mcnemar


def test_the_true_difference_is_that_of_many_rows():
    target, scores = fixed_models(200_000, (0.5, 0.6), np.random.default_rng(0))
    right = ((scores > 0) == target).mean(axis=1)
    assert right[1] - right[0] == pytest.approx(true_lead("accuracy", (0.5, 0.6)), abs=0.004)


def test_centroids_are_those_of_the_rows_that_a_fold_is_trained_on():
    random = np.random.default_rng(0)
    columns, target = columns_of(60, random)
    fold_N = random.permutation(60) % FOLDS
    row = 7
    trained = fold_N != fold_N[row]
    near = [((columns[row, 5:] - columns[trained & (target == one), 5:].mean(axis=0)) ** 2).sum() for one in (0, 1)]
    assert centroid_scores(columns, target, fold_N[None])[1, 0, row] == pytest.approx((near[0] - near[1]) / 2)


def test_the_rate_of_mcnemars_test_is_that_of_simulated_rows_and_of_the_page():
    random = np.random.default_rng(0)
    wrong = 0
    for _ in range(2000):
        target, scores = fixed_models(200, (0.5, 0.5), random)
        right = (scores > 0) == target
        wrong += mcnemar(right[:1], right[1:]).p < 0.05
    assert wrong / 2000 == pytest.approx(mcnemar_rate(200), abs=0.013)  # three standard errors
    text = (REPOSITORY / "docs/guide/compare.md").read_text(encoding="utf-8")
    assert f"{100 * mcnemar_rate(200):.1f} % for n = 200 and {100 * mcnemar_rate(2000):.1f} % for 2,000" in text


@pytest.mark.parametrize("design", DESIGNS)
def test_every_figure_is_simulated(design):
    counts = simulate(design, 40, range(2))
    assert all(0 <= hits <= of for count in counts.values() for hits, of in (count[:2], count[2:]))
    assert {of for _, of, _, _ in counts.values()} == {2}


@pytest.mark.parametrize("page", ["docs/guide/compare.md", "docs/zh/guide/compare.md"])
def test_the_pages_have_the_table_of_the_results(page):
    text = (REPOSITORY / page).read_text(encoding="utf-8")
    shown = [line for line in text.splitlines() if line.startswith(("| predictions", "| training"))]
    assert table(read_results()).splitlines()[2:] == shown


@pytest.mark.battery
@pytest.mark.parametrize("design", DESIGNS)
def test_error_rates_and_coverage_are_as_the_page_says(design):
    for (metric, figure), (wrong, of, covers, of_covers) in simulate(design, 200, range(5000, 5300)).items():
        rate = 100 * wrong / of
        if design.startswith("predictions") or metric == "ranks":
            assert 0.5 <= rate <= 9, (metric, figure)
            assert not of_covers or 90.5 <= 100 * covers / of_covers <= 98.5, (metric, figure)
        elif figure.startswith(("corrected", "the sentence")):
            assert rate <= 8.5, (metric, figure)
        elif figure == "naive t-test, 4 repeats":
            assert rate >= 20, (metric, figure)
