import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.data.loading.batch_order import BUCKET_BATCHES, evaluation_order, training_order

repeatable = settings(max_examples=60, deadline=None, derandomize=True)


def lengths_of(n_rows, seed=0):
    return np.random.default_rng(seed).integers(1, 40, n_rows)


@repeatable
@given(st.integers(1, 400), st.integers(1, 50), st.booleans(), st.integers(0, 3))
def test_an_epoch_holds_every_row_exactly_once(n_rows, batch_size, by_length, epoch):
    rows = np.sort(np.random.default_rng(1).choice(1000, n_rows, replace=False))
    lengths_N = lengths_of(1000) if by_length else None
    batches = training_order(rows, batch_size, (0, 0, 0, epoch), lengths_N)
    assert np.array_equal(np.sort(np.concatenate(batches)), rows)
    sizes = sorted(map(len, batches), reverse=True)
    assert all(size == batch_size for size in sizes[:-1])
    assert 0 < sizes[-1] <= batch_size
    evaluated = evaluation_order(rows, batch_size, lengths_N)
    assert np.array_equal(np.sort(np.concatenate(evaluated)), rows)
    assert len(evaluated) == len(batches)


@pytest.mark.parametrize("by_length", [False, True])
def test_the_order_is_a_pure_function_of_the_key(by_length):
    rows, lengths_N = np.arange(300), lengths_of(300) if by_length else None

    def order(*key):
        np.random.seed(sum(key))  # noqa: NPY002 what other code drew must not matter
        torch.manual_seed(sum(key))
        return np.concatenate(training_order(rows, 16, key, lengths_N))

    key = (0, 1, 2, 3)
    assert np.array_equal(order(*key), order(*key))
    others = [(5, 1, 2, 3), (0, 0, 2, 3), (0, 1, 0, 3), (0, 1, 2, 4), (0, 1, 3, 2)]
    assert not any(np.array_equal(order(*key), order(*other)) for other in others)


def test_without_lengths_all_orders_are_as_likely():
    """Chi-squared over the 24 orders of four rows: 99.9 % quantile of 23 degrees of freedom is 49.7."""
    counts: dict[tuple[int, ...], int] = {}
    for epoch in range(2400):
        order = tuple(np.concatenate(training_order(np.arange(4), 1, (0, 0, 0, epoch), None)).tolist())
        counts[order] = counts.get(order, 0) + 1
    assert len(counts) == 24
    assert sum((count - 100) ** 2 / 100 for count in counts.values()) < 49.7


def test_batches_by_length_need_little_padding_and_come_in_no_order_of_length():
    lengths_N = lengths_of(2000)
    batches = training_order(np.arange(2000), 20, (0, 0, 0, 1), lengths_N)
    mixed = training_order(np.arange(2000), 20, (0, 0, 0, 1), None)

    def padding(order):
        return sum(int((lengths_N[rows].max() - lengths_N[rows]).sum()) for rows in order)

    assert padding(batches) < padding(mixed) / 10
    longest = np.array([lengths_N[rows].max() for rows in batches])
    assert abs(np.corrcoef(longest, np.arange(len(longest)))[0, 1]) < 0.3


def test_a_stretch_is_as_long_as_said():
    """Rows are compared within 50 batches: two stretches are not sorted together."""
    lengths_N = np.arange(BUCKET_BATCHES * 2 * 4)[::-1].copy()
    batches = training_order(np.arange(len(lengths_N)), 4, (0, 0, 0, 0), lengths_N)
    spans = [lengths_N[rows].max() - lengths_N[rows].min() for rows in batches]
    assert max(spans) > 3  # sorted as a whole, every span would be 3


def test_rows_are_evaluated_in_order_or_from_short_to_long():
    rows = np.array([3, 5, 8, 9, 11])
    assert [batch.tolist() for batch in evaluation_order(rows, 2, None)] == [[3, 5], [8, 9], [11]]
    lengths_N = np.array([9] * 5 + [4, 9, 9, 1, 4, 9, 2])
    assert [batch.tolist() for batch in evaluation_order(rows, 2, lengths_N)] == [[8, 11], [5, 9], [3]]
