"""A fold that trains nothing, observers that write down what they are told, and who is left over."""

import os
from pathlib import Path

from trainer.engine import interrupts
from trainer.parallel.team import train_side_by_side


class Noted:
    """An observer that writes down what it is told."""

    def __init__(self, told):
        self.told = told

    def fold_started(self, fold, total_steps, steps_before):
        self.told.append(("fold_started", fold, total_steps, steps_before))

    def step(self, step, loss, lr):
        self.told.append(("step", step, loss, lr))


def side_by_side(train, folds=range(5), n_workers=2):
    """Train and return what was said, and what the terminal's and the trackers' observers were told."""
    said, shown, tracked = [], [], []
    with interrupts.handled():
        train_side_by_side(
            list(folds),
            train,
            n_workers,
            observed=lambda: [Noted(shown), Noted(tracked)],
            say=said.append,
            run="a1",
        )
    return said, shown, tracked


def children(pid=None):
    """Return the pids of the processes that process ``pid`` (this one) has started."""
    tasks = Path(f"/proc/{pid or os.getpid()}/task").glob("*/children")
    return sorted(int(child) for task in tasks for child in task.read_text().split())


def is_running(pid):
    """Return whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
