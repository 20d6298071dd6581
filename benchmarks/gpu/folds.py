"""Whole runs on a card: small folds side by side, as one model, and two processes that want one card."""

import hashlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor
from torch.func import functional_call, grad, stack_module_state, vmap
from torch.nn import functional as F

from benchmarks.gpu.rows import Row, in_turns, require_card
from trainer.models.mlp import MLP

TRAIN = Path(__file__).resolve().parents[2] / "train.py"
QUIET = ["device=cuda", "runtime.progress=off", "tracker=none", "profile=off", "audit=off"]
N_FOLDS = 5
GOAL = 1.5  # of one fold's time


def side_by_side(device: torch.device) -> Iterator[Row]:
    """Five folds of the digits in five processes on one card, against one fold by itself, and one after the other."""
    require_card(device)
    with tempfile.TemporaryDirectory() as folder:
        took = {
            name: timed_run([f"run={name}", "max_epochs=60", *options], Path(folder))
            for name, options in {"one": ["cv.fold=0"], "five": ["cv.parallel=5"], "turns": ["cv.parallel=1"]}.items()
        }
        bits = {sha256(Path(folder) / "runs" / name / "oof.parquet") for name in ("five", "turns")}
    ratio = took["five"] / took["one"]
    figures = f"{took['five']:.1f} s, one fold {took['one']:.1f} s, ratio {ratio:.2f}; in turns {took['turns']:.1f} s"
    yield Row("5 folds side by side, whole processes", figures, ratio <= GOAL)
    yield Row("side by side and in turns", "same bits" if len(bits) == 1 else "other bits", len(bits) == 1)


def timed_run(options: list[str], directory: Path) -> float:
    """Train in a process of its own; return the seconds it took.

    Raises:
        RuntimeError: it failed; the last lines say why.
    """
    started = time.perf_counter()
    done = run(options, directory)
    if done.returncode:
        raise RuntimeError(" / ".join(done.stderr.strip().splitlines()[-3:]))
    return time.perf_counter() - started


def run(options: list[str], directory: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run ``train.py`` to its end."""
    command = [sys.executable, str(TRAIN), *QUIET, *options]
    environ = {**os.environ, **environment}
    return subprocess.run(command, cwd=directory, env=environ, capture_output=True, text=True, timeout=120, check=False)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def stacked(device: torch.device) -> Iterator[Row]:
    """A prototype: on a card Foldwise trains folds one by one. Five models as one, against one of them."""
    numeric_KBF = torch.rand(N_FOLDS, 32, 64, device=device)
    target_KB = torch.arange(32, device=device).expand(N_FOLDS, 32) % 10
    joint = joint_step(numeric_KBF, target_KB)
    alone = joint_step(numeric_KBF[:1], target_KB[:1])
    five, one = in_turns(joint, alone, device, steps=100 if device.type == "cuda" else 5)
    figures = f"{1e6 * five:.0f} us a step for five, {1e6 * one:.0f} us for one, ratio {five / one:.2f}"
    yield Row(
        "prototype: 5 folds of the MLP as one model", figures, five <= GOAL * one if numeric_KBF.is_cuda else None
    )


def joint_step(numeric_KBF: Tensor, target_KB: Tensor) -> Callable[[], None]:
    """Return a step of as many models as there are batches, batched by ``torch.func``."""
    torch.manual_seed(0)
    models = [MLP(64, 10, hidden=(256, 256), dropout=0.1).to(numeric_KBF.device) for _ in target_KB]
    stacked_weights, _ = stack_module_state(models)
    weights = {name: weight.detach() for name, weight in stacked_weights.items()}
    optimizer = torch.optim.AdamW(list(weights.values()), lr=1e-3, fused=True)

    def loss(own: dict[str, Tensor], numeric_BF: Tensor, target_B: Tensor) -> Tensor:
        return F.cross_entropy(functional_call(models[0], own, (numeric_BF,)), target_B)

    gradients_of = vmap(grad(loss), randomness="different")

    def step() -> None:
        gradients = gradients_of(weights, numeric_KBF, target_KB)
        for name, weight in weights.items():
            weight.grad = gradients[name]
        optimizer.step()

    return step


def two_on_one(device: torch.device) -> Iterator[Row]:
    """Two processes of one fold that see one card: refused before anything trains, with what to do instead."""
    require_card(device)
    with tempfile.TemporaryDirectory() as folder:
        options = ["executor=torchrun", "executor.nproc=2", "max_epochs=1", "run=two"]
        done = run(options, Path(folder), CUDA_VISIBLE_DEVICES="0")
    said = [line for line in (done.stdout + done.stderr).splitlines() if "NCCL" in line]
    good = done.returncode == 2 and bool(said)
    found = said[0].strip() if said else " / ".join(done.stderr.strip().splitlines()[-3:])
    yield Row("two processes, one card", f"exit {done.returncode}: {found}", good)
