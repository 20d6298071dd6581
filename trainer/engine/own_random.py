"""The states of all random generators, and a fold's own where several folds are trained in turns in one process."""

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

CPU = torch.device("cpu")


class OwnRandom:
    """The random numbers of one fold, from where the generators of the process stand now.

    Attributes:
        generator: what is drawn from outside of ``applied``: torch's numbers.
    """

    def __init__(self) -> None:
        self.generator = torch.Generator()
        self._take_in()

    def _take_in(self) -> None:
        self._others = random_states(CPU)
        self.generator.set_state(self._others["torch"])

    def states(self) -> dict[str, Any]:
        """Return the states, as ``random_states`` does."""
        return {**self._others, "torch": self.generator.get_state()}

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Let the process draw the fold's random numbers for the length of the block."""
        before = random_states(CPU)
        set_random_states(self.states(), CPU)
        try:
            yield
        finally:
            self._take_in()
            set_random_states(before, CPU)


def random_states(device: torch.device) -> dict[str, Any]:
    """Return the states of the generators of the process, and of a GPU, as tensors and plain values."""
    name, keys, *rest = np.random.get_state()  # noqa: NPY002 user code may draw from it
    return {
        "python": random.getstate(),
        "numpy": (str(name), torch.from_numpy(np.asarray(keys).astype(np.int64)), *rest),
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state(device) if device.type == "cuda" else None,
    }


def set_random_states(states: Mapping[str, Any], device: torch.device) -> None:
    """Put back what ``random_states`` returned."""
    random.setstate(states["python"])
    name, keys, *rest = states["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), *rest))  # noqa: NPY002
    torch.set_rng_state(states["torch"])
    if device.type == "cuda" and states["cuda"] is not None:
        torch.cuda.set_rng_state(states["cuda"], device)
