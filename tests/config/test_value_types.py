"""Which values of YAML can stand where a type is expected."""

import pytest
import torch

from trainer.config.value_types import describe, fits, is_storable

PAIR = tuple[float | torch.Tensor, float | torch.Tensor]  # of torch.optim.AdamW's betas


@pytest.mark.parametrize(("value", "fitting"), [([0.9, 0.99], True), ([0.9], False), ([1, 2, 3], False), (0.9, False)])
def test_a_tuple_of_two_takes_two(value, fitting):
    assert fits(value, PAIR) is fitting


def test_a_tuple_of_any_length_takes_any():
    assert fits([], tuple[int, ...])
    assert fits([1, 2, 3], tuple[int, ...])
    assert not fits(["a"], tuple[int, ...])


def test_a_mapping_stands_for_a_mapping_or_a_record_only():
    assert not fits({"a": 1}, float | torch.Tensor)
    assert fits({"a": 1}, dict)
    assert fits({"a": 1}, dict[str, int])
    assert not fits([1], dict[str, int])


def test_they_are_called_by_what_is_in_them():
    assert describe(PAIR) == "a list of 2: [a number, a number]"
    assert describe(tuple[int, ...]) == "a list [...]"


def test_whole_numbers_that_torch_cannot_hold():
    assert is_storable({"a": [1, (2**63 - 1, -(2**63 - 1))]})
    assert not is_storable({"a": [1, (2**63,)]})
    assert is_storable(1e300)
    assert is_storable(True)
