"""A plugin that strikes at a chosen moment: it kills its own process, or stands still and says so.

``FOLDWISE_TEST_STRIKE=train:0:7:kill`` strikes at the 7th training pass of the first fold this process trains;
``eval:0:2:pause`` at the second pass that scores the inner rows of that fold; ``save:0:3:pause`` when the third
checkpoint is flushed to disk; ``load:0:1:pause`` before the data is read. A pause lasts
as long as there is the file ``FOLDWISE_TEST_STRIKE_MARK``, which is made at its beginning and holds the number of
training passes of that fold so far; a minute at most. A pause of the thread that saves holds the next training pass
too, so that the number stays true. ``FOLDWISE_TEST_PASSES`` names a file that gets one byte per
training pass of this process, whatever the fold.
"""

import os
import signal
import threading
import time
from collections import Counter
from pathlib import Path

import sklearn.datasets
from torch import Tensor

from trainer.models.mlp import MLP

KIND, FOLD, AT, ACTION = os.environ.get("FOLDWISE_TEST_STRIKE", "none:0:0:none").split(":")
PASSES = os.environ.get("FOLDWISE_TEST_PASSES", "")
seen: Counter[str] = Counter()
folds: list[int] = []  # what is trained, in the order of the first pass
may_train = threading.Event()
may_train.set()


class Striking(MLP):
    """The MLP of the project."""

    number = -1

    def forward(self, numeric: Tensor, categorical: Tensor | None = None) -> Tensor:
        """Return logits (B, n_outputs), or strike."""
        if self.training and self.number < 0:
            self.number = len(folds)
            folds.append(self.number)
        if self.training and PASSES:
            with Path(PASSES).open("ab") as passes:
                passes.write(b".")
        if self.number == int(FOLD):
            strike("train" if self.training else "eval")
            if self.training:
                may_train.wait(60)
        return super().forward(numeric, categorical)


def strike(kind: str) -> None:
    """Count, and do what is to be done now."""
    seen[kind] += 1
    if kind != KIND or seen[kind] != int(AT):
        return
    if ACTION == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if kind == "save":
        may_train.clear()  # before the passes are read: one that is not among them waits
    mark = Path(os.environ["FOLDWISE_TEST_STRIKE_MARK"])
    partial = mark.with_name(f"{mark.name}.{os.getpid()}")  # processes side by side strike within one pause
    partial.write_text(str(seen["train"]))
    partial.rename(mark)
    for _ in range(60_000):
        if not mark.exists():
            break
        time.sleep(0.001)
    may_train.set()


if KIND == "save":
    flush = os.fsync

    def slow_flush(descriptor: int) -> None:
        if Path(os.readlink(f"/proc/self/fd/{descriptor}")).name.startswith("step-"):  # noqa: PTH115
            strike("save")
        flush(descriptor)

    os.fsync = slow_flush

if KIND == "load":
    load_wine = sklearn.datasets.load_wine

    def load_slowly():
        strike("load")
        return load_wine()

    sklearn.datasets.load_wine = load_slowly
