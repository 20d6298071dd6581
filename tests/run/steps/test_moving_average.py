"""A moving average over fewer steps than it remembers is told, with a decay that fits."""

import re

import pytest
import torch

from trainer.engine.ema import WeightAverage
from trainer.run.steps.moving_average import average_notes


def share_of_the_first(decay: float, n_steps: int) -> float:
    """What the weights after the first step are of the average: they are 1, all later ones 0."""
    weight = torch.ones(1, dtype=torch.float64)
    average = WeightAverage([weight], decay)
    for _ in range(n_steps):
        average.update()
        weight.zero_()
    return float(average.average[0])


@pytest.mark.parametrize(("decay", "n_steps"), [(0.999, 475), (0.9, 4), (0.99, 200)])
def test_the_share_told_is_that_of_the_average_and_the_decay_told_fits(decay, n_steps):
    (said,) = average_notes(decay, n_steps)
    assert f"still {share_of_the_first(decay, n_steps):.0%} of" in said
    fitting = float(re.search(r": fit\.ema_decay=([\d.]+) leaves", said).group(1))
    assert share_of_the_first(fitting, n_steps) < 0.05


@pytest.mark.parametrize(("decay", "n_steps"), [(None, 100), (0.999, 10_000), (0.9, 60), (0.0, 2), (0.9, 1)])
def test_nothing_is_told_of_an_average_that_has_the_steps_it_needs(decay, n_steps):
    assert average_notes(decay, n_steps) == []


def test_a_short_run_says_so_before_it_trains(train, tmp_path):
    small = ["data=iris", "max_epochs=1", "cv.n_splits=2", "profile.only=true"]
    outcome = train(*small, "tricks=ema", f"paths.runs={tmp_path}")
    assert "note: fit.ema_decay=0.999: after the 3 steps of a fold" in re.sub(r"\s+", " ", outcome.out)
