"""Seeding is torch's own, NumPy's and Python's, without what torch notes for devices that are not there."""

import random

import numpy as np
import pytest
import torch

from trainer.system.seeds import seed_cpu, seed_everything


def drawn():
    return torch.rand(3).tolist(), np.random.rand(3).tolist(), random.random()  # noqa: NPY002 what user code may do


@pytest.mark.parametrize("has_accelerator", [True, False])
def test_the_numbers_are_those_of_each_library_seeded(monkeypatch, has_accelerator):
    torch.manual_seed(7)
    np.random.seed(7)  # noqa: NPY002
    random.seed(7)
    expected = drawn()
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: has_accelerator)
    seed_everything(7)
    assert drawn() == expected


def test_all_devices_are_seeded_where_there_is_one(monkeypatch):
    seeded = []
    monkeypatch.setattr(torch, "manual_seed", seeded.append)
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: True)
    seed_everything(7)
    assert seeded == [7]


def test_the_cpu_alone_is_seeded_without_the_others(monkeypatch):
    torch.manual_seed(2**40 + 1)
    expected = torch.rand(3)
    others = []
    monkeypatch.setattr(torch.cuda, "manual_seed_all", others.append)
    seed_cpu(2**40 + 1)
    assert torch.equal(torch.rand(3), expected)
    assert others == []
