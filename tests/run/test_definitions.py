"""A class counts by its code: what alters what it computes alters the hash, and nothing else does."""

import subprocess
import sys

import pytest

from tests.places import REPOSITORY

SOURCE = """
import torch
WIDTH = 3
NAMES = {{"relu", "gelu", "silu", "tanh"}}
def helper(x):
    return x {operator} 2
class Base:
    def forward(self, x):
        return helper(x) * WIDTH
class Net(Base):
    size = {size}
    def __init__(self, n=1):
        self.n, self.known = n, n in {{"relu", "gelu", "silu", "tanh"}}
{more}
from trainer.run.definitions import code_sha256
print(code_sha256(Net), end="")
"""
SAME = {"operator": "+", "size": 1, "more": ""}


def sha256(**changes: object) -> str:
    """The hash in a process of its own, where sets have an order of their own."""
    source = SOURCE.format(**{**SAME, **changes}).replace("WIDTH = 3", f"WIDTH = {changes.get('width', 3)}")
    source = source.replace("import torch\n", "")
    command = [sys.executable, "-c", source]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def plain() -> str:
    return sha256()


@pytest.mark.parametrize("changes", [{"operator": "-"}, {"size": 2}, {"width": 4}], ids=str)
def test_what_the_class_uses_counts(plain, changes):
    assert sha256(**changes) != plain


def test_what_it_does_not_use_counts_not(plain):
    assert sha256(more="\ndef plot():\n    return 1  # after the run\n") == plain
