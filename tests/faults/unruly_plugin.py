"""A plugin that misbehaves on demand.

``FOLDWISE_TEST_UNRULY=KIND:PLACE:HOW``, where PLACE is ``import``, ``forward``, ``eval`` or ``metric``: at the third
call there

- ``exit`` calls ``sys.exit`` with HOW, one of ``EXITS``;
- ``stall`` never comes back: ``sleep`` in Python, ``lock`` that nobody lets go, ``c`` in C code that knows no signals.
  The file ``FOLDWISE_TEST_STRIKE_MARK`` is made when it begins;
- ``threads``: HOW many live from the import on, each holding the lock that the forward pass wants most of the time;
  with the place ``own`` they are no daemons and keep the process.
"""

import ctypes
import os
import sys
import threading
import time
from pathlib import Path

from trainer.metrics.contract import metric
from trainer.models.mlp import MLP

KIND, PLACE, HOW = os.environ.get("FOLDWISE_TEST_UNRULY", "none:none:none").split(":")
EXITS = {"0": 0, "1": 1, "143": 143, "none": None, "text": "done"}
wanted_by_all = threading.Lock()
calls = {"forward": 0, "eval": 0, "metric": 0, "import": 2}


def hold() -> None:
    """Hold the lock most of the time."""
    while True:
        with wanted_by_all:
            time.sleep(0.002)


def misbehave(place: str) -> None:
    """Do what is asked for at this place, at the third call."""
    calls[place] += 1
    if place != PLACE or calls[place] != 3:
        return
    if KIND == "exit":
        sys.exit(EXITS[HOW])
    if KIND == "stall":
        Path(os.environ["FOLDWISE_TEST_STRIKE_MARK"]).touch()
        while HOW == "sleep":
            time.sleep(1)
        if HOW == "lock":
            mutex = threading.Lock()
            mutex.acquire()
            mutex.acquire()
        while True:
            ctypes.CDLL(None).sleep(60)


class Unruly(MLP):
    """The MLP of the project."""

    def forward(self, *inputs, **named):
        """Return logits (B, n_outputs), or misbehave."""
        with wanted_by_all:
            misbehave("forward" if self.training else "eval")
            return super().forward(*inputs, **named)


@metric(greater_is_better=True, tasks=("multiclass",))
def unruly(target, proba, weights):
    """Return a figure, or misbehave."""
    misbehave("metric")
    return 0.5


if KIND == "threads":
    for number in range(int(HOW)):
        threading.Thread(target=hold, name=f"own {number}", daemon=PLACE == "daemon").start()
misbehave("import")
