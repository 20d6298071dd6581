import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.utils.rnn import pad_sequence

from trainer.data.loading.batches import (
    BUCKET_BATCHES,
    DenseRows,
    TokenRows,
    TrainingSet,
    evaluation_order,
    training_order,
)

CPU = torch.device("cpu")
repeatable = settings(max_examples=60, deadline=None, derandomize=True)


def lengths_of(n_rows, seed=0):
    return np.random.default_rng(seed).integers(1, 40, n_rows)


def token_rows(lengths, pad_id=0):
    tokens = [torch.randint(1, 99, (int(length),), dtype=torch.int32) for length in lengths]
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return tokens, TokenRows(torch.cat(tokens), offsets, pad_id)


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


@repeatable
@given(st.lists(st.integers(1, 20), min_size=1, max_size=12), st.sampled_from([0, 7]), st.data())
def test_token_rows_are_padded_as_torch_pads_them(lengths, pad_id, data):
    tokens, rows = token_rows(lengths, pad_id)
    wanted = data.draw(st.lists(st.integers(0, len(lengths) - 1), min_size=1, max_size=8))
    found = rows.take(torch.tensor(wanted))["tokens"]
    expected = pad_sequence([tokens[row] for row in wanted], batch_first=True, padding_value=pad_id)
    assert found.dtype == torch.int64
    assert torch.equal(found, expected.long())


def test_token_rows_know_their_lengths_and_move():
    lengths = [3, 1, 12, 5]
    _, rows = token_rows(lengths, pad_id=4)
    moved = rows.to(CPU)
    assert rows.lengths().tolist() == moved.lengths().tolist() == lengths
    assert moved.pad_id == 4
    everything = torch.arange(4)
    assert torch.equal(moved.take(everything)["tokens"], rows.take(everything)["tokens"])


def test_a_row_without_tokens_is_all_padding():
    rows = TokenRows(np.array([5, 6, 7], dtype=np.int32), np.array([0, 2, 2, 3]), pad_id=1)
    assert rows.take(torch.tensor([0, 1, 2]))["tokens"].tolist() == [[5, 6], [1, 1], [7, 1]]


def test_mask_and_types_are_padded_like_the_tokens():
    lengths = [3, 1, 12, 5]
    tokens, plain = token_rows(lengths)
    types = torch.randint(0, 2, (sum(lengths),), dtype=torch.uint8)
    rows = TokenRows(plain.tokens, plain.offsets, 7, name="input_ids", types=types, mask=True).to(CPU)
    wanted = [3, 0, 0]
    ones = [torch.ones(lengths[row], dtype=torch.int64) for row in wanted]
    expected = {
        "input_ids": pad_sequence([tokens[row].long() for row in wanted], True, 7),
        "attention_mask": pad_sequence(ones, True, 0),
        "token_type_ids": pad_sequence([types.split(lengths)[row].long() for row in wanted], True, 0),
    }
    taken = rows.take(torch.tensor(wanted))
    assert set(taken) == set(expected)
    for name, values in taken.items():
        assert values.dtype == torch.int64
        assert torch.equal(values, expected[name]), name


def test_streamed_batches_are_those_that_are_taken():
    _, rows = token_rows(lengths_of(50))
    order = training_order(np.arange(50), 8, (0, 1), rows.lengths())
    data = TrainingSet(rows, torch.arange(50), torch.ones(50))
    streamed = list(data.batches(order, None))
    assert len(streamed) == len(order)
    for batch, wanted in zip(streamed, order, strict=True):
        assert torch.equal(batch.inputs["tokens"], rows.take(torch.from_numpy(wanted))["tokens"])
        assert batch.target.tolist() == wanted.tolist()


def test_dense_rows_are_gathered_by_name():
    numeric, codes = np.arange(12.0, dtype=np.float32).reshape(4, 3), np.arange(4)[:, None]
    rows = DenseRows({"numeric": numeric, "categorical": codes}).to(CPU)
    taken = rows.take(torch.tensor([2, 0, 2]))
    assert np.array_equal(taken["numeric"].numpy(), numeric[[2, 0, 2]])
    assert np.array_equal(taken["categorical"].numpy(), codes[[2, 0, 2]])
    assert rows.lengths() is None


@pytest.mark.parametrize("multilabel", [False, True])
def test_a_batch_is_the_rows_asked_for(multilabel):
    target = torch.arange(10)[:, None].repeat(1, 3) if multilabel else torch.arange(10)
    data = TrainingSet(DenseRows({"x": torch.arange(10.0)}), target, torch.arange(10.0) / 10)
    batch = data.batch(np.array([7, 1, 4]))
    assert len(data) == 10
    assert batch.inputs["x"].tolist() == [7.0, 1.0, 4.0]
    assert torch.equal(batch.target, target[[7, 1, 4]])
    assert batch.weights_B.tolist() == pytest.approx([0.7, 0.1, 0.4])
    assert batch.rows_B.tolist() == [7, 1, 4]


@pytest.mark.parametrize(("n_columns", "batch_size"), [(16, 32), (5, 32), (5, 3), (4096, 64), (16, 1)])
@pytest.mark.parametrize("unweighted", [True, False])
def test_batches_gathered_together_are_those_of_each_alone(n_columns, batch_size, unweighted, monkeypatch):
    source = torch.Generator().manual_seed(0)
    rows = DenseRows({"x": torch.randn(70, n_columns, generator=source), "codes": torch.arange(140).view(70, 2)})
    weights_N = torch.ones(70) if unweighted else torch.rand(70, generator=source)
    votes_NC = None if unweighted else torch.rand(70, 3, generator=source)
    data = TrainingSet(rows, torch.arange(70) % 3, weights_N, unweighted=unweighted, votes_NC=votes_NC)
    order = training_order(np.arange(70).repeat(4), batch_size, (0, 0, 0, 1), None)  # more than there are: a sampler's
    alone = [data.batch(numbers) for numbers in order]
    asked = []
    take = rows.take
    monkeypatch.setattr(DenseRows, "take", lambda rows, numbers: asked.append(numbers) or take(numbers))
    found = list(data.batches(order, None))
    assert (len(asked) < len(order)) == (
        n_columns < 4096 and batch_size == 32
    )  # else a product would be given them at odd places
    for one, other in zip(found, alone, strict=True):
        assert one.unweighted == other.unweighted
        assert one.inputs.keys() == other.inputs.keys()
        pairs = [(one.inputs[name], other.inputs[name]) for name in other.inputs]
        pairs += [(getattr(one, name), getattr(other, name)) for name in ("target", "weights_B", "rows_B")]
        pairs += [] if unweighted else [(one.votes_BC, other.votes_BC)]
        assert all(torch.equal(*pair) for pair in pairs)
        assert all(value.data_ptr() % 64 == 0 and value.is_contiguous() for value in one.inputs.values())
