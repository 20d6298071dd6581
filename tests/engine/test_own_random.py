"""A fold's random numbers go on where they were, whatever the process draws in between."""

import random

import numpy as np
import torch

from trainer.engine.own_random import CPU, OwnRandom, random_states
from trainer.engine.snapshot import first_difference
from trainer.system.seeds import seed_everything


def drawn():
    return random.random(), np.random.rand(), float(torch.rand(()))  # noqa: NPY002 what user code may do


def test_what_is_drawn_within_goes_on_and_what_is_drawn_without_too():
    seed_everything(1)
    expected = [drawn(), drawn()]
    seed_everything(1)
    own = OwnRandom()
    seed_everything(2)
    found = []
    for _ in range(2):
        before = random_states(CPU)
        with own.applied():
            found.append(drawn())
        assert first_difference(before, random_states(CPU)) is None
        drawn()
    assert found == expected


def test_its_generator_is_torchs_of_the_fold():
    seed_everything(1)
    own = OwnRandom()
    expected = torch.rand(5)
    assert torch.equal(torch.rand(5, generator=own.generator), expected)
    assert torch.equal(own.states()["torch"], torch.get_rng_state())
