"""A data set read row by row, with faults on demand."""

import gc
import os
import signal
import threading
import time
from pathlib import Path

import numpy as np
import torch

N_ROWS = 400
KEY = (7, 0, 1, 3)
others: set[int] = set()


class Drawers:
    """Row r holds r in ``numeric`` (3,), shaken where there is randomness, and in ``number`` ().

    Args:
        fault: what happens at the row ``at``.
        at: row.
        read_seconds: how long each row takes.
    """

    def __init__(self, fault="none", at=-1, read_seconds=0.0):
        self.fault, self.at, self.read_seconds = fault, at, read_seconds

    def __len__(self):
        return N_ROWS

    def read(self, row, random):
        time.sleep(self.read_seconds)
        if row == self.at:
            FAULTS[self.fault]()
        numeric = torch.full((3,), float(row))
        if random is not None:
            numeric += torch.from_numpy(random.normal(size=3)).float()
        if self.fault == "shape" and row == self.at:
            numeric = numeric[:2]
        return {"numeric": numeric, "number": np.int64(row)}


class NamedDrawers(Drawers):
    ids = np.array([f"photo-{row}.jpg" for row in range(N_ROWS)])


class LongDrawers(Drawers):
    lengths = [row % 5 for row in range(N_ROWS)]


def give_up():
    raise OSError("broken stream\nwhile reading")


FAULTS = {
    "none": lambda: None,
    "shape": lambda: None,
    "raise": give_up,
    "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "bus": lambda: os.kill(os.getpid(), signal.SIGBUS),
    "exit": lambda: os._exit(3),
    "stop": lambda: os.kill(os.getpid(), signal.SIGSTOP),
    "hang": lambda: time.sleep(600),
}


def batches_of(size=16, n_rows=N_ROWS):
    """Return the rows in a fixed shuffled order, cut into batches."""
    shuffled = np.random.default_rng(0).permutation(n_rows)
    return [shuffled[start : start + size] for start in range(0, n_rows, size)]


def note_others():
    """Take note of the processes that are here before a test, such as Python's resource tracker."""
    others.clear()
    others.update(children())


def children():
    """Return the processes this one has started since, and that still run (or wait to be reaped)."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):  # ended meanwhile
            continue
    return {pid for pid, parent in parents.items() if parent == os.getpid()} - others


def open_files():
    """Count this process's open files, the loader's threads having ended."""
    gc.collect()  # what an error's traceback keeps
    for thread in threading.enumerate():
        if thread.name == "QueueFeederThread":
            thread.join(10)
    return len(list(Path("/proc/self/fd").iterdir()))
