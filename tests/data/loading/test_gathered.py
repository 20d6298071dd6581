"""The rows that are asked for, wherever they are put."""

import pytest
import torch

from trainer.data.loading.gathered import Gathered, gather_into, sizes_of

TABLES = {"x": torch.arange(24.0).view(8, 3), "codes": torch.arange(16).view(8, 2)}


def gathered(*rows):
    return Gathered(TABLES, torch.tensor(rows))


def test_rows_are_gathered_by_name_and_once():
    inputs = gathered(5, 0, 5)
    assert list(inputs) == ["x", "codes"]
    assert len(inputs) == 2
    assert torch.equal(inputs["x"], TABLES["x"][[5, 0, 5]])
    assert inputs["x"] is inputs["x"]
    assert torch.equal(dict(**inputs)["codes"], TABLES["codes"][[5, 0, 5]])
    with pytest.raises(KeyError):
        inputs["other"]


def test_sizes_are_those_of_what_is_gathered():
    expected = (("x", (2, 3), torch.float32), ("codes", (2, 2), torch.int64))
    assert sizes_of(TABLES, 2) == expected
    assert sizes_of(gathered(1, 2), 2) == expected


@pytest.mark.parametrize("name", TABLES)
def test_batches_are_put_beside_each_other(name):
    batches = [gathered(7, 1), dict(gathered(2, 2)), gathered(0, 3)]
    out = torch.full((3, 2, TABLES[name].shape[1]), -1, dtype=TABLES[name].dtype)
    gather_into(out, batches, name)
    assert torch.equal(out, TABLES[name][torch.tensor([[7, 1], [2, 2], [0, 3]])])
    assert not batches[0]._made  # gathered nowhere else
