"""Memory and time of training steps and evaluation batches, measured on a model that is thrown away."""

import random
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.optimizer import register_optimizer_step_post_hook

from trainer.profiler.counts import Inputs

TrainStep = Callable[[nn.Module], None]
ENOUGH_SECONDS = 0.3  # quick steps are repeated this long, for a steady median
TOO_MANY_SECONDS = 3.0  # slow steps are not repeated beyond this
MOST_STEPS = 25
SLOW = 90  # in a hundred steps as many are quicker than a slow one


@contextmanager
def same_random_state() -> Iterator[None]:
    """Put the random generators back: torch on CPU and CUDA, NumPy's global one, Python's."""
    cuda = torch.cuda.get_rng_state_all() if _cuda_in_use() else None
    kept = torch.get_rng_state(), np.random.get_state(), random.getstate()  # noqa: NPY002
    try:
        yield
    finally:
        torch.set_rng_state(kept[0])
        np.random.set_state(kept[1])  # noqa: NPY002
        random.setstate(kept[2])
        if cuda is not None:
            torch.cuda.set_rng_state_all(cuda)


def training_cost(
    model: nn.Module, train_step: TrainStep, steps: int, inputs: Inputs, held_before: int
) -> dict[str, Any]:
    """Memory and time of one training step; the first step warms up and is not timed."""
    optimizer_bytes = 0

    def see_optimizer(optimizer: Optimizer, *_: Any) -> None:
        nonlocal optimizer_bytes
        optimizer_bytes = _optimizer_bytes(optimizer, model)

    model.train()
    handle = register_optimizer_step_post_hook(see_optimizer)
    try:
        with _saved_bytes(model) as activations:
            train_step(model)
    finally:
        handle.remove()
    if _cuda_in_use():
        torch.cuda.reset_peak_memory_stats()
    began, processor_before = time.perf_counter(), time.process_time()
    seconds = _seconds(lambda: train_step(model), steps)
    cores = (time.process_time() - processor_before) / (time.perf_counter() - began)
    grad_bytes = sum(p.nbytes for p in model.parameters() if p.requires_grad)
    on_cuda = any(value.is_cuda for value in inputs.values())
    parts = held_bytes(model) + grad_bytes + optimizer_bytes + sum(activations.values())
    estimate = parts + sum(value.nbytes for value in inputs.values())
    return {
        "param_bytes": held_bytes(model),
        "grad_bytes": grad_bytes,
        "optimizer_bytes": optimizer_bytes,
        "activation_bytes": sum(activations.values()),
        "peak_bytes": torch.cuda.max_memory_allocated() - held_before if on_cuda else estimate,
        "peak_measured": on_cuda,
        "train_step_seconds": statistics.median(seconds),
        "train_step_slow_seconds": sorted(seconds)[(len(seconds) * SLOW) // 100],
        "train_step_cores": cores,
        "threads": torch.get_num_threads(),
    }


@contextmanager
def _saved_bytes(model: nn.Module) -> Iterator[dict[int, int]]:
    """Collect the bytes of each storage kept for the backward pass, by address, parameters left out."""
    known = {t.untyped_storage().data_ptr() for t in (*model.parameters(), *model.buffers())}
    saved: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in known:
            saved[storage.data_ptr()] = storage.nbytes()
        return tensor.detach()

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        yield saved


def _optimizer_bytes(optimizer: Optimizer, model: nn.Module) -> int:
    """Bytes of the optimizer's state and of the parameters that only it holds (float32 masters)."""
    in_model = {id(p) for p in model.parameters()}
    groups = [p for group in optimizer.param_groups for p in group["params"]]
    state = [value for values in optimizer.state.values() for value in values.values()]
    own = [p for p in groups if id(p) not in in_model]
    return sum(t.nbytes for t in (*state, *own) if isinstance(t, Tensor))


def eval_seconds(model: nn.Module, eval_batch: TrainStep, steps: int) -> float:
    """Time of one evaluation batch, after one that warms up."""
    model.eval()
    with torch.no_grad():
        eval_batch(model)
        return statistics.median(_seconds(lambda: eval_batch(model), steps))


def _seconds(call: Callable[[], None], steps: int) -> list[float]:
    """Time ``call`` at least ``steps`` times, quick ones more often and very slow ones once."""
    seconds: list[float] = []
    while len(seconds) < steps or (sum(seconds) < ENOUGH_SECONDS and len(seconds) < MOST_STEPS):
        _wait()
        started = time.perf_counter()
        call()
        _wait()
        seconds.append(time.perf_counter() - started)
        if sum(seconds) > TOO_MANY_SECONDS:
            break
    return seconds


def _wait() -> None:
    if _cuda_in_use():
        torch.cuda.synchronize()


def cuda_bytes() -> int:
    """Return the bytes allocated on the CUDA device; 0 where it is not in use."""
    return torch.cuda.memory_allocated() if _cuda_in_use() else 0


def held_bytes(model: nn.Module) -> int:
    """Return the bytes of parameters and buffers."""
    return sum(t.nbytes for t in (*model.parameters(), *model.buffers()))


def _cuda_in_use() -> bool:
    return bool(torch.cuda.is_initialized())  # type: ignore[no-untyped-call]
