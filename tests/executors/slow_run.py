"""A small slow run, for tests that train its folds as jobs of a real engine."""

import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path

from tests.places import REPOSITORY

SLOW = """
import time

from torch import nn


class Slow(nn.Module):
    def __init__(self, n_features, n_outputs, seconds=0.0, factor=1.0):
        super().__init__()
        self.seconds, self.factor = seconds, factor
        self.layer = nn.Linear(n_features, n_outputs)

    def forward(self, numeric):
        time.sleep(self.seconds if self.training else 0)
        return self.layer(numeric) * self.factor
"""
OPTIONS = (
    *("data=wine", "plugins=[slow_net]", "model._target_=slow_net.Slow", "max_epochs=6", "batch_size=30"),
    *("cv.n_splits=3", "profile=off", "audit=off", "baseline=off", "tracker=none", "runtime.progress=plain"),
    "checkpoint.every_n_epochs=1",
)


def shared_folder(tmp_path_factory):
    """A folder that all nodes see, with the plugin."""
    folder = tmp_path_factory.mktemp("shared")
    (folder / "slow_net.py").write_text(SLOW)
    return folder


def foldwise(place, environment, *arguments):
    """A command of Foldwise, as a process."""
    own = {"PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1", "COLUMNS": "140"}
    command = [sys.executable, "-m", "trainer", *arguments]
    return subprocess.Popen(command, cwd=place, env=os.environ | environment | own, stdout=-1, stderr=-1, text=True)


def ended(process):
    out, err = process.communicate(timeout=400)
    return process.returncode, out, err


def oof(place, run):
    return hashlib.sha256((place / f"runs/{run}/oof.parquet").read_bytes()).hexdigest()


def wait_for(what, seconds=120):
    until = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < until, "waited too long"
        time.sleep(0.2)
    return found


def training(place, run, fold):
    """Whether a job has trained some of a fold, and goes on."""
    folder = place / f"runs/{run}/fold_{fold}"
    return (folder / "LOCK").exists() and list(folder.glob("step-*.json"))


def rank_of(run, rank):
    """Process id of one of the processes that train a run together, or None."""
    for place in Path("/proc").glob("[0-9]*"):
        try:
            environment, command = ((place / name).read_bytes() for name in ("environ", "cmdline"))
        except OSError:  # gone meanwhile
            continue
        if f"\0RANK={rank}\0".encode() in b"\0" + environment and f"\0run={run}\0".encode() in command:
            return int(place.name)
    return None
