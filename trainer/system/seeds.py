"""Seeds made of seeds."""

import random

import numpy as np
import torch


def seed_of(*numbers: int) -> int:
    """Return one seed made of several numbers, such as seed, repeat and fold."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])


def seeds_of(seed: int | list[int]) -> list[int]:
    """Return the seeds of a run: one, or several under which the same folds are trained."""
    return list(seed) if isinstance(seed, list | tuple) else [seed]


def seed_everything(seed: int) -> None:
    """Seed torch (all devices), NumPy's legacy generator and Python's."""
    seed_torch = torch.manual_seed if torch.accelerator.is_available() else seed_cpu
    seed_torch(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 user code may still draw from it
    random.seed(seed)


def seed_cpu(seed: int) -> None:
    """Seed torch's generator of the CPU, and no other.

    ``torch.manual_seed`` writes down the stack once per kind of device that torch was built for, to have it at hand
    should there be one: 0.1 to 0.4 ms, where this takes a microsecond.
    """
    torch.default_generator.manual_seed(seed)
