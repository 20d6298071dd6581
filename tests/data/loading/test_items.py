"""An item draws what its row says, and nothing else draws differently for it."""

import random

import numpy as np
import torch

from trainer.data.loading.items import ItemReader
from trainer.engine.own_random import CPU, random_states
from trainer.engine.snapshot import first_difference


class Noisy:
    """A data set whose transforms draw."""

    def __len__(self):
        return 3

    def __getitem__(self, row):
        return torch.rand(2) + float(np.random.rand()) + random.random() + 10 * row  # noqa: NPY002


def reader():
    return ItemReader(Noisy(), ("x",), None, np.arange(3))


def test_a_row_draws_the_same_each_time_and_another_something_else():
    first, other = reader().item(0), reader().item(1) - 10
    assert torch.equal(reader().item(0), first)
    assert not torch.equal(other, first)


def test_in_training_it_draws_from_the_numbers_of_the_epoch():
    one, again = (reader().item(0, np.random.default_rng(1)) for _ in range(2))
    assert torch.equal(one, again)
    assert not torch.equal(one, reader().item(0, np.random.default_rng(2)))


def test_reading_leaves_all_generators_as_they_were(monkeypatch):
    others = []
    monkeypatch.setattr(torch.cuda, "manual_seed_all", others.append)  # a model on a GPU draws on
    before = random_states(CPU)
    reader().item(0)
    assert first_difference(before, random_states(CPU)) is None
    assert others == []
