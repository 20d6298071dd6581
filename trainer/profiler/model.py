"""The profile at start: size, operations, memory and time of a model, measured on a throw-away copy."""

import copy
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from torch import nn

from trainer.errors import FoldwiseError, first_line_of
from trainer.profiler.costs import (
    TrainStep,
    cuda_bytes,
    eval_seconds,
    held_bytes,
    same_random_state,
    training_cost,
)
from trainer.profiler.counts import (
    Inputs,
    Missed,
    ModuleRow,
    Padded,
    batchnorm_macs,
    count_flops,
    count_params,
    count_thop,
    largest,
    missed_by_thop,
    module_rows,
    padded_by_thop,
    steps_of_packed,
)

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
        padded: what thop counted too much.
        param_bytes: parameters and buffers.
        grad_bytes: one gradient per trainable parameter.
        optimizer_bytes: the optimizer's state, and its own copies of the parameters.
        activation_bytes: what one training step keeps for its backward pass.
        peak_bytes: of one training step.
        peak_measured: True on CUDA; otherwise ``peak_bytes`` is the sum of the parts and of the inputs.
        train_step_seconds: median.
        train_step_slow_seconds: nine in ten were quicker.
        train_step_cores: that were had meanwhile: processor time over the clock's.
        threads: torch had for them.
        eval_batch_seconds: median.
        problems: what could not be measured and why.
        seconds: what the profile itself took.
    """

    batch_rows: int
    params: int | None = None
    params_trainable: int | None = None
    params_embedding: int | None = None
    flops: int | None = None
    thop_macs: int | None = None
    thop_params: int | None = None
    thop_batchnorm_macs: int = 0
    modules: tuple[ModuleRow, ...] = ()
    missed: tuple[Missed, ...] = ()
    padded: tuple[Padded, ...] = ()
    param_bytes: int = 0
    grad_bytes: int = 0
    optimizer_bytes: int | None = None
    activation_bytes: int | None = None
    peak_bytes: int | None = None
    peak_measured: bool = False
    train_step_seconds: float | None = None
    train_step_slow_seconds: float | None = None
    train_step_cores: float | None = None
    threads: int = 1
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
        train_step: takes one optimizer step on the model it is given, on a batch of the same size; it is
            called several times with the same copy. None measures no step.
        top: rows of the module table.
        steps: training steps that are timed at least.
        eval_batch: predicts one batch with the model it is given; by default a forward pass on ``inputs``.

    Raises:
        FoldwiseError: of ``train_step`` or ``eval_batch``. Anything else becomes an entry of ``problems``.
    """
    started = time.perf_counter()
    batch_rows = next((len(value) for value in inputs.values()), 0)
    problems: list[str] = []
    found: dict[str, Any] = {}
    with _noted(problems, "parameters"):
        found = dict(zip(PARAMS, count_params(model), strict=True))
    with same_random_state(), _noted(problems, "model"):
        held_before = cuda_bytes()
        copied = copy.deepcopy(model)
        found |= _counted(copied, inputs, top, problems)
        with _noted(problems, "training step"):
            if train_step is not None:
                found |= training_cost(copied, train_step, steps, inputs, held_before)
        with _noted(problems, "evaluation"):
            found["eval_batch_seconds"] = eval_seconds(copied, eval_batch or _forward(inputs), steps)
    seconds = time.perf_counter() - started
    return ModelProfile(batch_rows=batch_rows, problems=tuple(problems), seconds=seconds, **found)


def cost_estimate(
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
def _noted(problems: list[str], what: str) -> Iterator[None]:
    """Note an exception as a problem, unless it is one that training would stop with as well."""
    try:
        yield
    except FoldwiseError:
        raise
    except Exception as error:  # whatever a user's model or a counter raises: a profile stops no run
        problems.append(f"{what}: {type(error).__name__}: {first_line_of(error)}"[:200])


def _counted(model: nn.Module, inputs: Inputs, top: int, problems: list[str]) -> dict[str, Any]:
    """Count by both counters; what one cannot count stays out."""
    found: dict[str, Any] = {"param_bytes": held_bytes(model)}
    own_flops: dict[str, int] = {}
    thop_layers: dict[str, tuple[int, int]] = {}
    shares: dict[str, float] = {}
    with _noted(problems, "FLOPs"):
        found["flops"], own_flops = count_flops(model, inputs)
    with _noted(problems, "thop"):
        copied = copy.deepcopy(model)
        with steps_of_packed(copied) as shares:
            found["thop_macs"], found["thop_params"], thop_layers = count_thop(copied, inputs)
    rows = module_rows(model, own_flops, thop_layers)
    found["modules"] = largest(rows, top)
    if thop_layers:
        found["missed"] = missed_by_thop(rows)
        found["padded"] = padded_by_thop(rows, shares)
        found["thop_batchnorm_macs"] = batchnorm_macs(rows)
    return found


def _forward(inputs: Inputs) -> TrainStep:
    def forward(model: nn.Module) -> None:
        model(**inputs)

    return forward
