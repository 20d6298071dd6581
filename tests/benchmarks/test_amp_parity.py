"""A smaller run of benchmarks/amp_parity.py: its models and data, fewer epochs."""

from dataclasses import replace
from functools import cache
from itertools import product

import pytest
import torch

from benchmarks.amp_parity import BATCH, CASES, DTYPES, LEVELS, TOLERANCE, parity_row, plain_torch, reference_row, train
from tests.battery import some_of

CPU = torch.device("cpu")
EPOCHS = {"mlp": 2, "text_cnn": 3, "conv + BatchNorm": 2}
SHORT = {
    case.name: replace(case, epochs=EPOCHS[case.name], steps=case.steps * EPOCHS[case.name] // case.epochs)
    for case in CASES
}


@cache
def reached(name, level, dtype):
    return train(SHORT[name], level, dtype, CPU)


@pytest.mark.parametrize("name", SHORT)
def test_o0_is_a_plain_torch_loop_bit_for_bit(name):
    reference = reached(name, "O0", "fp16")
    assert torch.equal(reference.weights, plain_torch(SHORT[name], CPU))
    assert reference.loss < 0.95 * reference.first_loss  # it learns, so that there is something to compare


SHORT_FORM = {
    *product(("mlp", "conv + BatchNorm"), DTYPES, LEVELS[1:]),
    ("text_cnn", "fp16", "O1"),
    ("text_cnn", "bf16", "O2"),
}


@pytest.mark.parametrize(("name", "dtype", "level"), some_of(product(SHORT, DTYPES, LEVELS[1:]), SHORT_FORM))
def test_every_level_trains_as_o0_does(name, dtype, level):
    reference, found = reached(name, "O0", "fp16"), reached(name, level, dtype)
    assert found.loss == pytest.approx(reference.loss, rel=TOLERANCE)
    assert found.steps + found.skipped == reference.steps
    assert not torch.equal(found.weights, reference.weights)  # the level does something


def test_the_table_says_what_was_found():
    case = SHORT["mlp"]
    reference, found = reached("mlp", "O0", "fp16"), reached("mlp", "O2", "bf16")
    cells = [cell.strip() for cell in reference_row(case, reference, reference.weights).split("|")[1:-1]]
    assert cells[:3] == ["mlp", "O0", "float32"]
    assert cells[5:] == ["same bits as torch alone", str(reference.steps), "0"]
    assert "DIFFERS" in reference_row(case, reference, reference.weights + 1e-6)
    assert "%" in parity_row(case, "O2", "bf16", found, reference)
    assert "(more than 2 %)" in parity_row(case, "O2", "bf16", replace(found, loss=reference.loss * 1.03), reference)
    assert reference.steps == case.epochs * (1792 // BATCH)
