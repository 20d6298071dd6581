import numpy as np
import pytest

from trainer.data.loading.samplers import class_shares, sampled_rows

TARGET = np.repeat([0, 1, 2], [90, 9, 1])
ROWS = np.arange(1000, 1100)


@pytest.mark.parametrize("power", [0.0, 0.25, 0.5, 0.9])
def test_classes_come_as_often_as_their_share_to_the_nearest_row(power: float) -> None:
    drawn = sampled_rows(ROWS, TARGET, power, (1, 0, 0, 1))
    counts = np.bincount(TARGET[drawn - 1000], minlength=3)
    raised = np.array([90, 9, 1]) ** power
    assert len(drawn) == 100
    assert np.abs(counts - 100 * raised / raised.sum()).max() < 1


def test_within_a_class_rows_come_equally_often() -> None:
    drawn, times = np.unique(sampled_rows(ROWS, TARGET, 0.0, (1, 0, 0, 1)), return_counts=True)
    of_class = TARGET[drawn - 1000]
    assert set(times[of_class == 0]) == {1}
    assert set(times[of_class == 1]) == {3, 4}
    assert times[of_class == 2].tolist() == [33]


def test_the_key_alone_decides_and_every_epoch_leaves_out_others() -> None:
    first = sampled_rows(ROWS, TARGET, 0.0, (1, 0, 0, 1))
    np.random.default_rng(0).random(5)
    assert first.tolist() == sampled_rows(ROWS, TARGET, 0.0, (1, 0, 0, 1)).tolist()
    seen = [set(sampled_rows(ROWS, TARGET, 0.0, (1, 0, 0, epoch)).tolist()) for epoch in range(1, 12)]
    assert seen[0] != seen[1]
    assert set.union(*seen) == set(ROWS.tolist())


def test_power_one_is_every_row_once_and_a_class_without_rows_is_none() -> None:
    assert sampled_rows(ROWS, TARGET, 1.0, (1, 0, 0, 1)).tolist() == ROWS.tolist()
    assert class_shares(np.array([3, 0, 1]), 0.0).tolist() == [0.5, 0.0, 0.5]
    assert len(sampled_rows(ROWS[:4], np.array([0, 0, 0, 2]), 0.0, (1, 0, 0, 1))) == 4
