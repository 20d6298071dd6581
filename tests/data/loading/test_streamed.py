import random
import re
import sys

import numpy as np
import pytest
import torch

from tests.data.loading.streamed_cases import (
    KEY,
    N_ROWS,
    Drawers,
    LongDrawers,
    NamedDrawers,
    batches_of,
    children,
    note_others,
)
from trainer.data.loading.batch_order import evaluation_order
from trainer.data.loading.batches import DenseRows, TrainingSet
from trainer.data.loading.streamed import StreamedRows
from trainer.errors import DataError


def setup_function():
    note_others()


def same(found, expected):
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert list(one) == list(other)
        assert all(torch.equal(one[name], other[name]) for name in one)


def by_hand(order, key):
    """What the batches must hold, without any of the code under test."""
    batches = []
    for rows in order:
        numeric = torch.stack([torch.full((3,), float(row)) for row in rows])
        if key is not None:
            shaken = [np.random.default_rng((*key, row)).normal(size=3) for row in rows]
            numeric += torch.from_numpy(np.stack(shaken)).float()
        batches.append({"numeric": numeric, "number": torch.from_numpy(rows)})
    return batches


@pytest.mark.parametrize("num_workers", [0, 2, 4])
@pytest.mark.parametrize("key", [KEY, None])
def test_the_bits_depend_on_seed_repeat_fold_epoch_and_row_alone(num_workers, key):
    order = batches_of()
    same(list(StreamedRows(Drawers(), num_workers=num_workers).stream(order, key)), by_hand(order, key))


@pytest.mark.parametrize("num_workers", [0, 2])
def test_the_rest_of_an_epoch_is_what_the_whole_epoch_held(num_workers):
    order = batches_of()
    rows = StreamedRows(Drawers(), num_workers=num_workers)
    for start in (1, 7, len(order) - 1, len(order)):
        same(list(rows.stream(order[start:], KEY)), by_hand(order, KEY)[start:])


@pytest.mark.parametrize("place", range(4))
def test_every_part_of_the_key_changes_the_augmentation(place):
    order = batches_of(n_rows=16)
    other = tuple(value + (place == index) for index, value in enumerate(KEY))
    one, another = (next(StreamedRows(Drawers()).stream(order, key))["numeric"] for key in (KEY, other))
    assert not torch.isclose(one, another).any()


@pytest.mark.parametrize("num_workers", [0, 2])
def test_the_global_random_generators_are_left_alone(num_workers):
    def states():
        return torch.get_rng_state().tolist(), str(np.random.get_state()), random.getstate()  # noqa: NPY002

    before = states()
    stream = StreamedRows(Drawers(), num_workers=num_workers).stream(batches_of(), KEY)
    next(stream)
    assert states() == before
    stream.close()
    assert states() == before


@pytest.mark.parametrize("num_workers", [0, 2])
def test_rows_are_read_as_well_while_predicting(num_workers):
    order = batches_of()
    with torch.inference_mode():
        batches = list(StreamedRows(Drawers(), num_workers=num_workers).stream(order, None))
    same(batches, by_hand(order, None))


@pytest.mark.parametrize("num_workers", [0, 2])
def test_a_data_set_may_keep_what_it_reads_while_predicting_for_training(num_workers):
    class Modes(Drawers):
        def read(self, row, random):
            return {"modes": torch.tensor([torch.is_inference_mode_enabled(), torch.is_grad_enabled()])}

    with torch.inference_mode():
        [batch] = StreamedRows(Modes(), num_workers=num_workers).stream(batches_of(n_rows=16), None)
    assert not batch["modes"].any()


def test_a_training_set_gives_the_same_batches_from_both_kinds_of_rows():
    target, weights = torch.arange(N_ROWS) % 3, torch.rand(N_ROWS)
    [everything] = by_hand([np.arange(N_ROWS)], None)
    order = evaluation_order(np.arange(0, N_ROWS, 3), 32, None)
    in_memory = TrainingSet(DenseRows(everything), target, weights)
    streamed = TrainingSet(StreamedRows(Drawers(), num_workers=2), target, weights)
    expected = list(in_memory.batches(order, None))
    for found in (list(streamed.batches(order, None)), [streamed.batch(rows) for rows in order]):
        same([batch.inputs for batch in found], [batch.inputs for batch in expected])
        for one, other, rows in zip(found, expected, order, strict=True):
            assert one.rows_B.tolist() == other.rows_B.tolist() == rows.tolist()
            assert torch.equal(one.target, target[rows])
            assert torch.equal(one.weights_B, weights[rows])
    same([batch.inputs for batch in in_memory.batches(order, KEY)], [batch.inputs for batch in expected])


def test_only_batches_with_a_key_are_augmented():
    streamed = TrainingSet(StreamedRows(Drawers()), torch.zeros(N_ROWS, dtype=torch.int64), torch.ones(N_ROWS))
    order = batches_of(n_rows=16)
    [augmented] = streamed.batches(order, KEY)
    same([augmented.inputs], by_hand(order, KEY))
    same([streamed.batch(order[0]).inputs], by_hand(order, None))


def test_lengths_come_from_the_data_set():
    assert StreamedRows(Drawers()).lengths() is None
    lengths = StreamedRows(LongDrawers()).lengths()
    assert lengths.dtype == np.int64
    assert lengths.tolist() == LongDrawers.lengths


def test_moved_rows_keep_their_settings():
    rows = StreamedRows(Drawers()).with_workers(3, 5.0).to(torch.device("meta"))
    assert (rows.num_workers, rows.timeout_seconds) == (3, 5.0)
    assert {value.device.type for value in rows.take(torch.tensor([0, 1])).values()} == {"meta"}
    assert {batch["numeric"].device.type for batch in rows.stream(batches_of(n_rows=32), KEY)} == {"meta"}


def test_a_collate_of_ones_own_makes_the_batch():
    def longest(samples):
        return {"numeric": torch.nn.utils.rnn.pad_sequence([sample["numeric"] for sample in samples], True)}

    rows = StreamedRows(Drawers("shape", 1), collate=longest, num_workers=2)
    [batch] = rows.stream([np.array([0, 1])], None)
    assert batch["numeric"].tolist() == [[0.0, 0.0, 0.0], [1.0, 1.0, 0.0]]


@pytest.mark.parametrize("num_workers", [0, 2])
def test_an_error_names_row_id_type_and_message(num_workers):
    order = batches_of()
    row = int(order[4][5])
    with pytest.raises(DataError) as caught:
        list(StreamedRows(NamedDrawers("raise", row), num_workers=num_workers).stream(order, KEY))
    first, *others = str(caught.value).splitlines()
    assert first == f"row {row + 1} (id 'photo-{row}.jpg') cannot be read: OSError: broken stream"
    assert len(others) == 1
    if num_workers:
        assert "in give_up" in "".join(caught.value.__notes__)  # for FOLDWISE_TRACEBACK=1
    else:
        assert isinstance(caught.value.__cause__, OSError)
    assert not children()


@pytest.mark.parametrize("num_workers", [0, 2])
def test_an_exit_where_a_batch_is_made_is_an_error(num_workers):
    rows = StreamedRows(NamedDrawers(), collate=lambda samples: sys.exit(0), num_workers=num_workers)
    with pytest.raises(DataError, match=rf"sys\.exit\(0\) was called \({re.escape(__file__)}:\d+\), by a plugin"):
        list(rows.stream(batches_of()[:1], KEY))


@pytest.mark.parametrize("num_workers", [0, 2])
def test_rows_that_do_not_fit_together_are_named(num_workers):
    rows = StreamedRows(NamedDrawers("shape", 9), num_workers=num_workers)
    with pytest.raises(DataError) as caught:
        list(rows.stream([np.array([3, 4]), np.array([5, 9, 6])], None))
    assert str(caught.value).splitlines() == [
        "row 10 (id 'photo-9.jpg') cannot be put into one batch with row 6 (id 'photo-5.jpg')",
        "shapes by input: {'numeric': (2,), 'number': ()} and {'numeric': (3,), 'number': ()}",
    ]


@pytest.mark.parametrize(
    ("sample", "said"),
    [
        ([1.0], "row 3: read returned a list, not a dict of tensors by input name"),
        ({"text": "words"}, "2 rows (3, 5): input 'text' is a list, not a tensor or array"),
        ({"x": np.array([{}])}, "2 rows (3, 5): TypeError: default_collate: batch must contain tensors"),
    ],
)
def test_what_is_no_sample_is_refused(sample, said):
    class Odd(Drawers):
        def read(self, row, random):
            return sample

    with pytest.raises(DataError) as caught:
        StreamedRows(Odd()).take(torch.tensor([2, 4]))
    assert str(caught.value).startswith(said)


def test_an_error_of_ours_keeps_its_words():
    class Ours(NamedDrawers):
        def read(self, row, random):
            raise DataError("the archive has no such member\n" * 9)

    with pytest.raises(DataError) as caught:
        list(StreamedRows(Ours(), num_workers=2).stream([np.array([3])], None))
    lines = str(caught.value).splitlines()
    assert (
        lines
        == ["row 4 (id 'photo-3.jpg') cannot be read: the archive has no such member"]
        + ["the archive has no such member"] * 3
    )
