"""A fold that trains nothing, observers that write down what they are told, and who is left over."""

import os
import signal
from pathlib import Path

import torch

from trainer.errors import DataError
from trainer.executors.pool import train_side_by_side
from trainer.system import interrupts


class Noted:
    """An observer that writes down what it is told."""

    def __init__(self, told):
        self.told = told

    def fold_started(self, fold, total_steps, steps_before):
        self.told.append(("fold_started", fold, total_steps, steps_before))

    def step(self, step, loss, lr):
        self.told.append(("step", step, loss, lr))


def side_by_side(train, folds=range(5), n_workers=2, in_new_process=None, tracker=None, print_line=None, **options):
    """Train and return what was said, and what the terminal's and the trackers' observers were told."""
    said, shown, progress_on = [], [], []
    with interrupts.handled():
        train_side_by_side(
            list(folds),
            train,
            n_workers,
            observed=lambda: [Noted(shown), tracker or Noted(progress_on)],
            print_line=print_line or said.append,
            run="a1",
            in_new_process=in_new_process,
            **options,
        )
    return said, shown, progress_on


def begun_anew(directory):
    """Return a trainer of folds that needs nothing of the process that started its own; of fold 2 it dies."""

    def train(fold, observers, print_line):
        print_line(f"fold {fold} says")
        observers[0].fold_started(fold, 10, 3)
        if fold == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        (directory / str(fold)).write_text(f"{os.getpid()} {torch.get_num_threads()}")

    return train


def unable_to_begin():
    raise DataError("not the same data")


def children(pid=None):
    """Return the pids of the processes that process ``pid`` (this one) has started, but no helpers of Python."""
    tasks = Path(f"/proc/{pid or os.getpid()}/task").glob("*/children")
    started = sorted(int(child) for task in tasks for child in _read(task).split())
    return [child for child in started if not _is_helper(child)]


def _read(task):
    try:
        return task.read_text()
    except OSError:  # a thread that has ended meanwhile
        return ""


def _is_helper(pid):
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
        return b"resource_tracker" in command or b"fork_server" in command
    except OSError:  # gone meanwhile
        return True


def is_running(pid):
    """Return whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
