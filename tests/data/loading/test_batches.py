import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.utils.rnn import pad_sequence

from trainer.data.loading.batch_order import training_order
from trainer.data.loading.batches import DenseRows, TokenRows, TrainingSet
from trainer.data.loading.gathered import Gathered

CPU = torch.device("cpu")
repeatable = settings(max_examples=60, deadline=None, derandomize=True)


def lengths_of(n_rows, seed=0):
    return np.random.default_rng(seed).integers(1, 40, n_rows)


def token_rows(lengths, pad_id=0):
    tokens = [torch.randint(1, 99, (int(length),), dtype=torch.int32) for length in lengths]
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return tokens, TokenRows(torch.cat(tokens), offsets, pad_id)


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
    large = n_columns == 4096  # gathered when they are asked for, but for the last one
    assert [type(one.inputs) is Gathered for one in found] == [large and len(one.rows_B) == batch_size for one in found]
    together = batch_size == 32 and n_columns < 4096  # else a product would be given them at odd places
    assert len(asked) < len(order) if together or large else len(asked) == len(order)
    for one, other in zip(found, alone, strict=True):
        assert one.unweighted == other.unweighted
        assert one.kind == other.kind
        assert one.inputs.keys() == other.inputs.keys()
        pairs = [(one.inputs[name], other.inputs[name]) for name in other.inputs]
        pairs += [(getattr(one, name), getattr(other, name)) for name in ("target", "weights_B", "rows_B")]
        pairs += [] if unweighted else [(one.votes_BC, other.votes_BC)]
        assert all(torch.equal(*pair) for pair in pairs)
        assert all(value.data_ptr() % 64 == 0 and value.is_contiguous() for value in one.inputs.values())
