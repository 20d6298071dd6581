"""How often equal models are called different: the script behind the table of docs/guide/compare.md."""

import numpy as np
import pytest

from benchmarks.compare_rates import fixed_models, simulate, true_lead

ONCE = ("bootstrap over rows", "DeLong", "McNemar, exact")


def test_the_true_difference_is_that_of_many_rows():
    target, scores = fixed_models(200_000, (0.5, 0.6), np.random.default_rng(0))
    right = ((scores > 0) == target).mean(axis=1)
    assert right[1] - right[0] == pytest.approx(true_lead("accuracy", (0.5, 0.6)), abs=0.004)


def test_every_figure_of_both_designs_is_simulated():
    found = simulate(40, 2)
    assert {figure for _, _, figure in found} >= {*ONCE, "corrected t-test", "naive t-test, 4 repeats"}
    assert all(len(said) == 2 for said, _ in found.values())


@pytest.mark.battery
def test_error_rates_and_coverage_are_as_the_page_says():
    found = {key: [100 * np.mean(values) for values in said if values] for key, said in simulate(200, 400).items()}
    for (design, metric, figure), (wrong, *covers) in found.items():
        if design == "predictions":
            assert 0.5 <= wrong <= 8.5, (metric, figure)
            assert all(91.5 <= share <= 98.5 for share in covers), (metric, figure)
        elif figure.startswith(("corrected", "the sentence")):
            assert wrong <= 7.5, (metric, figure)
        elif figure == "naive t-test, 4 repeats":
            assert wrong >= 20, (metric, figure)
