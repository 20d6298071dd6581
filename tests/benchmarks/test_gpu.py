"""The check of a graphics card, as far as it goes on a CPU: small, and without what needs a card."""

import sys

import pytest
import torch

from benchmarks.gpu.__main__ import PARTS, SKIPPED, Found, line, page, part_here, part_in_process
from benchmarks.gpu.levels import found_dtypes, wanted_dtypes
from benchmarks.gpu.rows import in_turns
from benchmarks.gpu.steps import Noise

NEED_A_CARD = {"no_waiting", "pinned", "graphs", "memory", "two_on_one", "side_by_side"}
CPU = torch.device("cpu")


@pytest.mark.filterwarnings("ignore:There is a performance drop")  # of vmap over dropout on a CPU
@pytest.mark.parametrize("name", sorted(PARTS.keys() - {"bert"}))
def test_every_part_runs_or_says_that_it_needs_a_card(name):
    rows = part_here(name, "cpu")
    if name in NEED_A_CARD:
        assert rows == [Found(name, SKIPPED, "needs a CUDA device", None)]
    else:
        assert rows
        assert not [row for row in rows if row.as_wanted is False]
        assert any(row.as_wanted for row in rows) or name == "stacked"  # figures of which nothing is wanted here


@pytest.mark.filterwarnings("ignore")  # of the Trainer of transformers, where its packages are at hand
def test_bert_is_measured_in_every_way():
    rows = part_here("bert", "cpu")
    assert [row.what for row in rows[:5]] == [
        "Foldwise, O0",
        "Foldwise, O1",
        "Foldwise, O2",
        "plain loop, float32",
        "plain loop, autocast bf16",
    ]
    assert all("tokens / s" in row.found for row in rows[:5])
    assert len(rows) == 7


def test_a_part_that_dies_hangs_or_raises_is_a_row_with_its_reason(monkeypatch):
    died = part_in_process("bert", "cpu", 20, command=[sys.executable, "-c", "import sys; sys.exit('no memory left')"])
    assert died == [Found("bert", "failed", "its process ended with 1: no memory left", False)]
    hung = part_in_process("bert", "cpu", 0.2, command=["sleep", "9"])
    assert hung[0].found == "not done after 0 s"
    monkeypatch.setattr("benchmarks.gpu.folds.in_turns", lambda *_, **__: 1 / 0)
    assert part_here("stacked", "cpu") == [Found("stacked", "failed", "ZeroDivisionError: division by zero", False)]


def test_a_level_with_other_dtypes_is_told():
    found = found_dtypes("O2", "bf16", CPU)
    assert found == wanted_dtypes("O2", torch.bfloat16)
    assert found != wanted_dtypes("O3", torch.bfloat16)
    assert found != wanted_dtypes("O2", torch.float16)


def test_the_page_counts_what_is_not_as_wanted():
    rows = [Found("graphs", "a step", "1 | 2", None), Found("parity", "mlp", "other bits", False)]
    text = page(rows, "none", 1.0)
    assert "2 rows, 1 not as wanted." in text
    assert line(rows[0]) in text
    assert "| `graphs` | a step | 1 / 2 |  |" in text
    assert "| `parity` | mlp | other bits | **no** |" in text


def test_helpers_measure_what_they_are_given():
    calls = []
    in_turns(lambda: calls.append(1), lambda: calls.append(2), CPU, steps=2)
    assert calls == ([1] * 7 + [2] * 7) * 3
    assert float(Noise().read(3, None)["image"].max()) == 3.0
