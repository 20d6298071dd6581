"""What every part of the check of a graphics card is made of: rows of one table, and helpers to measure on a device."""

import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

import torch


class Row(NamedTuple):
    """One thing that was looked at.

    Attributes:
        what: was looked at.
        found: in words or figures.
        as_wanted: whether it is what it should be; None = a figure without a goal.
    """

    what: str
    found: str
    as_wanted: bool | None


class NeedsCardError(Exception):
    """What is looked at is not there without a card, or without a package that is named."""


def require_card(device: torch.device) -> None:
    """Leave a part out.

    Raises:
        NeedsCardError: the device is no CUDA device.
    """
    if device.type != "cuda":
        raise NeedsCardError("needs a CUDA device")


def wait(device: torch.device) -> None:
    """Wait until the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def step_seconds(step: Callable[[], object], device: torch.device, *, steps: int, warm_up: int = 5) -> float:
    """Return the median time of a step: each is waited for."""
    found = []
    for _ in range(warm_up + steps):
        wait(device)
        started = time.perf_counter()
        step()
        wait(device)
        found.append(time.perf_counter() - started)
    return statistics.median(found[warm_up:])


def in_turns(
    one: Callable[[], object], other: Callable[[], object], device: torch.device, *, steps: int
) -> tuple[float, float]:
    """Return the median times of a step of two ways, measured in three turns each."""
    turns = [(step_seconds(one, device, steps=steps), step_seconds(other, device, steps=steps)) for _ in range(3)]
    return statistics.median(turn[0] for turn in turns), statistics.median(turn[1] for turn in turns)


def start_peak(device: torch.device) -> int:
    """Start to look for the most memory that is held at a time; return what is held now, in bytes."""
    if device.type != "cuda":
        return 0
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats(device)
    return int(torch.cuda.memory_allocated(device))


def peak_words(device: torch.device) -> str:
    """Return in words the most memory that was held since ``start_peak``."""
    return f", peak {torch.cuda.max_memory_allocated(device) / 2**20:.0f} MiB" if device.type == "cuda" else ""
