"""The profile at start: size, operations, memory and time of a model, measured on a copy that is thrown away."""

import copy
import random
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.optimizer import register_optimizer_step_post_hook

from trainer.config.errors import FoldwiseError
from trainer.profile_counts import (
    Inputs,
    Missed,
    ModuleRow,
    batchnorm_macs,
    count_flops,
    count_params,
    count_thop,
    largest,
    missed_by_thop,
    module_rows,
)

TrainStep = Callable[[nn.Module], None]
ENOUGH_SECONDS = 0.1  # quick steps are repeated this long, for a steady median
TOO_MANY_SECONDS = 10.0  # slow steps are not repeated beyond this
MOST_STEPS = 50
PARAMS = ("params", "params_trainable", "params_embedding")


@dataclass(frozen=True)
class ModelProfile:
    """What one model costs; None where it could not be measured (``problems`` says why).

    Attributes:
        batch_rows: rows of the batch everything below is for.
        params: parameters, shared ones once.
        params_trainable: those that get a gradient.
        params_embedding: those in embeddings.
        flops: of one forward, matrix products and convolutions.
        thop_macs: what thop prints for one forward.
        thop_params: what thop prints.
        thop_batchnorm_macs: the part of ``thop_macs`` that is batch normalisation, 4 per element.
        modules: the largest by share of FLOPs or parameters.
        missed: what thop left out.
        param_bytes: parameters and buffers.
        grad_bytes: one gradient per trainable parameter.
        optimizer_bytes: the optimizer's state, and its own copies of the parameters.
        activation_bytes: what one training step keeps for its backward pass.
        peak_bytes: of one training step.
        peak_measured: True on CUDA; otherwise ``peak_bytes`` is the sum of the parts and of the inputs.
        train_step_seconds: median.
        eval_batch_seconds: median.
        problems: what could not be measured and why.
        seconds: what the profile itself took.
    """

    batch_rows: int
    params: int
    params_trainable: int
    params_embedding: int
    flops: int | None = None
    thop_macs: int | None = None
    thop_params: int | None = None
    thop_batchnorm_macs: int = 0
    modules: tuple[ModuleRow, ...] = ()
    missed: tuple[Missed, ...] = ()
    param_bytes: int = 0
    grad_bytes: int = 0
    optimizer_bytes: int | None = None
    activation_bytes: int | None = None
    peak_bytes: int | None = None
    peak_measured: bool = False
    train_step_seconds: float | None = None
    eval_batch_seconds: float | None = None
    problems: tuple[str, ...] = ()
    seconds: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, as written to profile.json."""
        return asdict(self)


def profile_model(
    model: nn.Module,
    inputs: Inputs,
    train_step: TrainStep | None,
    *,
    top: int = 10,
    steps: int = 3,
    eval_batch: TrainStep | None = None,
) -> ModelProfile:
    """Measure a model; the model itself, its modes and the random generators stay as they are.

    Args:
        model: on the device of the inputs.
        inputs: one batch, by the names of ``forward``'s arguments.
        train_step: takes one optimizer step on the model it is given, on a batch of the same size; it is called
            several times with the same copy. None measures no step.
        top: rows of the module table.
        steps: training steps that are timed at least.
        eval_batch: predicts one batch with the model it is given; by default a forward pass on ``inputs``.

    Raises:
        FoldwiseError: of ``train_step`` or ``eval_batch``. Anything else becomes an entry of ``problems``.
    """
    started = time.perf_counter()
    batch_rows = next((len(value) for value in inputs.values()), 0)
    problems: list[str] = []
    found: dict[str, Any] = dict(zip(PARAMS, count_params(model), strict=True))
    with _same_random_state(), _noted(problems, "model"):
        held_before = _cuda_bytes()
        copied = copy.deepcopy(model)
        found |= _counted(copied, inputs, top, problems)
        with _noted(problems, "training step"):
            if train_step is not None:
                found |= _training_cost(copied, train_step, steps, inputs, held_before)
        with _noted(problems, "evaluation"):
            found["eval_batch_seconds"] = _eval_seconds(copied, eval_batch or _forward(inputs), steps)
    seconds = time.perf_counter() - started
    return ModelProfile(batch_rows=batch_rows, problems=tuple(problems), seconds=seconds, **found)


def bill(
    profile: ModelProfile,
    *,
    train_batches_per_fold: int,
    eval_batches_per_fold: int,
    n_folds: int,
    parallel_folds: int = 1,
) -> dict[str, Any]:
    """Return what the whole cross validation will take, in plain values.

    Args:
        profile: the measured costs of one training step and one evaluation batch.
        train_batches_per_fold: training steps of one fold, over all epochs.
        eval_batches_per_fold: evaluation batches of one fold, over all epochs.
        n_folds: folds x repeats.
        parallel_folds: folds that run at the same time.
    """
    step, batch = profile.train_step_seconds, profile.eval_batch_seconds
    per_fold = None
    if step is not None and batch is not None:
        per_fold = train_batches_per_fold * step + eval_batches_per_fold * batch
    rounds = -(-n_folds // parallel_folds)
    return {
        "folds": n_folds,
        "parallel_folds": parallel_folds,
        "train_steps": train_batches_per_fold * n_folds,
        "eval_batches": eval_batches_per_fold * n_folds,
        "seconds_per_fold": per_fold,
        "seconds": None if per_fold is None else per_fold * rounds,
        "peak_bytes": None if profile.peak_bytes is None else profile.peak_bytes * parallel_folds,
    }


@contextmanager
def _same_random_state() -> Iterator[None]:
    """Put the random generators back: torch on CPU and CUDA, NumPy's global one, Python's."""
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else None
    kept = torch.get_rng_state(), np.random.get_state(), random.getstate()  # noqa: NPY002
    try:
        yield
    finally:
        torch.set_rng_state(kept[0])
        np.random.set_state(kept[1])  # noqa: NPY002
        random.setstate(kept[2])
        if cuda is not None:
            torch.cuda.set_rng_state_all(cuda)


@contextmanager
def _noted(problems: list[str], what: str) -> Iterator[None]:
    """Note an exception as a problem, unless it is one that training would stop with as well."""
    try:
        yield
    except FoldwiseError:
        raise
    except Exception as error:  # whatever a user's model or a counter raises: a profile stops no run
        first_line = (str(error).splitlines() or [""])[0]
        problems.append(f"{what}: {type(error).__name__}: {first_line}"[:200])


def _counted(model: nn.Module, inputs: Inputs, top: int, problems: list[str]) -> dict[str, Any]:
    """Count by both counters; what one cannot count stays out."""
    found: dict[str, Any] = {"param_bytes": _held_bytes(model)}
    own_flops: dict[str, int] = {}
    thop_layers: dict[str, tuple[int, int]] = {}
    with _noted(problems, "FLOPs"):
        found["flops"], own_flops = count_flops(model, inputs)
    with _noted(problems, "thop"):
        found["thop_macs"], found["thop_params"], thop_layers = count_thop(copy.deepcopy(model), inputs)
    rows = module_rows(model, own_flops, thop_layers)
    found["modules"] = largest(rows, top)
    if thop_layers:
        found["missed"] = missed_by_thop(rows)
        found["thop_batchnorm_macs"] = batchnorm_macs(rows)
    return found


def _training_cost(
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
    if torch.cuda.is_initialized():
        torch.cuda.reset_peak_memory_stats()
    seconds = _median_seconds(lambda: train_step(model), steps)
    grad_bytes = sum(p.nbytes for p in model.parameters() if p.requires_grad)
    on_cuda = next(iter(inputs.values())).is_cuda
    parts = _held_bytes(model) + grad_bytes + optimizer_bytes + sum(activations.values())
    estimate = parts + sum(value.nbytes for value in inputs.values())
    return {
        "param_bytes": _held_bytes(model),
        "grad_bytes": grad_bytes,
        "optimizer_bytes": optimizer_bytes,
        "activation_bytes": sum(activations.values()),
        "peak_bytes": torch.cuda.max_memory_allocated() - held_before if on_cuda else estimate,
        "peak_measured": on_cuda,
        "train_step_seconds": seconds,
    }


@contextmanager
def _saved_bytes(model: nn.Module) -> Iterator[dict[int, int]]:
    """Collect the bytes of every storage kept for the backward pass, by address; parameters are not counted."""
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


def _eval_seconds(model: nn.Module, eval_batch: TrainStep, steps: int) -> float:
    """Time of one evaluation batch, after one that warms up."""
    model.eval()
    with torch.no_grad():
        eval_batch(model)
        return _median_seconds(lambda: eval_batch(model), steps)


def _forward(inputs: Inputs) -> TrainStep:
    def forward(model: nn.Module) -> None:
        model(**inputs)

    return forward


def _median_seconds(call: Callable[[], None], steps: int) -> float:
    """Time ``call`` at least ``steps`` times, quick ones more often and very slow ones once."""
    seconds: list[float] = []
    while (len(seconds) < steps or sum(seconds) < ENOUGH_SECONDS) and len(seconds) < MOST_STEPS:
        _wait()
        started = time.perf_counter()
        call()
        _wait()
        seconds.append(time.perf_counter() - started)
        if sum(seconds) > TOO_MANY_SECONDS:
            break
    return statistics.median(seconds)


def _wait() -> None:
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()


def _cuda_bytes() -> int:
    return torch.cuda.memory_allocated() if torch.cuda.is_initialized() else 0


def _held_bytes(model: nn.Module) -> int:
    return sum(t.nbytes for t in (*model.parameters(), *model.buffers()))
