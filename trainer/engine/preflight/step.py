"""One training step without the optimizer's: gradients everywhere, finite numbers at the chosen precision."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from trainer.config.schema import AmpConfig
from trainer.data.loading.batches import Batch
from trainer.engine.precision.opt_levels import OptLevel, resolve_opt_level, show
from trainer.engine.precision.precision import Precision
from trainer.engine.preflight.behaviour import NAMES_SHOWN, switched
from trainer.engine.preflight.outputs import short
from trainer.engine.preflight.probe import (
    Mistake,
    ProbedModel,
    Trace,
    first_not_finite,
    learning,
    place,
    scrambled,
    stopped_in,
)
from trainer.wording.lists import first_few

FEWEST_ROWS = 8  # the loss of fewer rows says little about the model
SPREAD = 3.0  # standard deviation of logits that a fresh model should stay below
LOWER_SCALES = (2.0**8, 1.0)  # what a dynamic loss scale may come down to


@dataclass(frozen=True)
class Step:
    """One forward and backward pass in training mode.

    Attributes:
        trace: of the forward pass.
        precision: it ran at, in words.
        loss_B: loss per row; empty where the forward pass raised.
        gradients: of the trainable parameters by name, unscaled float32.
        error: that ended the pass.
    """

    trace: Trace
    precision: str
    loss_B: Tensor
    gradients: dict[str, Tensor | None]
    error: Exception | None = None


def float32_step(probe: ProbedModel) -> Step:
    """Train on the probe's rows in float32 (no optimizer step)."""
    return _step(probe, probe.rows, resolve_opt_level(AmpConfig(), probe.target.device))


def level_step(probe: ProbedModel) -> Step:
    """Train on the whole batch at the run's precision; the model is cast for it (no optimizer step)."""
    return _step(probe, probe.batch, probe.level)


def _step(probe: ProbedModel, batch: Batch, level: OptLevel) -> Step:
    model, words = probe.model, f"amp={level.opt_level} ({show(half_type(level) or torch.float32)})"
    precision = Precision(model, level)
    trace = learning(model, batch.inputs, precision.forward)
    loss_B, error = torch.zeros(0), trace.error
    try:
        if error is None:
            loss_B = probe.loss(trace.output, batch.target)
            mean = loss_B.sum() / probe.loss.normaliser(batch.target).sum()
            _backward(model, mean, precision)
    except Exception as raised:  # a loss of the user's, or an operation autograd refuses
        error = raised
    scale = precision.scaler.scale
    gradients = {name: p.grad for name, p in model.named_parameters() if p.requires_grad}
    model.zero_grad(set_to_none=True)
    unscaled = {name: None if g is None else g.float() / scale for name, g in gradients.items()}
    return Step(trace, words, loss_B.detach(), unscaled, error)


def _backward(model: nn.Module, loss: Tensor, precision: Precision) -> None:
    """Back-propagate; a dynamic loss scale comes down until the gradients are finite, as it would in training."""
    scaler = precision.scaler
    for scale in (scaler.scale, *(LOWER_SCALES if scaler.dynamic else ())):
        scaler.scale = scale
        model.zero_grad(set_to_none=True)
        torch.autograd.backward(loss * scale, retain_graph=True)
        if all(p.grad is None or bool(p.grad.isfinite().all()) for p in model.parameters()):
            return


def half_type(level: OptLevel) -> torch.dtype | None:
    """Return the half type the level computes in, or None."""
    half = level.in_force.autocast or level.in_force.cast_model_type not in (None, torch.float32)
    return level.dtype if half else None


def modes_in_training(probe: ProbedModel, step: Step) -> Mistake | None:
    """The forward pass leaves training mode alone."""
    return switched(step.trace, "eval()")


def some_gradient(probe: ProbedModel, step: Step) -> Mistake | None:
    """There is something to train, and the loss reaches it."""
    where = place("", probe.model)
    if not step.gradients:
        return Mistake("no parameter is trainable", where, "leave requires_grad on for at least the last layer")
    output = step.trace.output
    if step.trace.error is not None or (isinstance(output, Tensor) and output.requires_grad):
        return None
    return Mistake(
        "the model's output is cut off from its parameters: no parameter would get a gradient",
        where,
        "return what the last layer returned, without detach(), .data, argmax, numpy or no_grad",
    )


def step_runs(probe: ProbedModel, step: Step) -> Mistake | None:
    """Forward and backward pass do not raise."""
    if step.error is None:
        return None
    in_forward = step.trace.error is not None
    return Mistake(
        f"a training step fails under {step.precision}: {short(step.error)}",
        stopped_in(step.trace, probe.model) if in_forward else "the loss or the backward pass",
        _step_fix(probe, step, in_forward),
    )


def _step_fix(probe: ProbedModel, step: Step, in_forward: bool) -> str:
    if "dtype" in str(step.error) or "Half" in str(step.error) or "BFloat16" in str(step.error):
        return "make tensors of the forward in the dtype of its input (x.new_zeros, .to(x.dtype)), or use amp=O1 or O0"
    if "inplace" in str(step.error) or "in-place" in str(step.error):
        return (
            "replace the in-place operation of the forward (x += y, relu_, masked_fill_) by one that makes a new tensor"
        )
    if in_forward:
        return "make the forward work in training mode on this batch"
    if "require grad" in str(step.error) or "grad_fn" in str(step.error):
        return "make the loss differentiable: no argmax, round, detach(), .item() or numpy between it and the outputs"
    return (
        f"let {probe.loss_name} take outputs (B, {probe.loss.n_outputs}) and the targets of the data, and return (B,)"
    )


def finite_step(probe: ProbedModel, step: Step) -> Mistake | None:
    """Outputs, loss and gradients are finite."""
    if not bool(step.trace.output.isfinite().all()):
        what, where = "outputs", first_not_finite(step.trace, probe.model)
    elif not bool(step.loss_B.isfinite().all()):
        what, where = "loss", f"the forward of {type(probe.loss).__name__}, the loss"
    else:
        bad = [name for name, g in step.gradients.items() if g is not None and not bool(g.isfinite().all())]
        if not bad:
            return None
        what, where = "gradients", f"parameter {first_few(bad, NAMES_SHOWN)}"
    return Mistake(f"{what}: NaN or infinity in a training step under {step.precision}", where, _finite_fix(step))


def _finite_fix(step: Step) -> str:
    if "(float32)" in step.precision:
        return "look there for sqrt, norm or a power at 0, log(0) or a division by 0: add a small number inside it"
    gentler = "amp=O0" if "amp=O1" in step.precision else "amp=O1 (sensitive operations stay float32) or amp=O0"
    if "bfloat16" in step.precision:
        return f"float32 is fine: use {gentler}"
    return f"float16 ends at 65504: use amp.dtype=bf16, {gentler}"


def every_gradient(probe: ProbedModel, step: Step) -> Mistake | None:
    """Every trainable parameter gets a gradient."""
    silent = {name for name, g in step.gradients.items() if g is None or not bool(g.any())}
    if silent:  # a zero of the initial values (a last layer that starts at 0) is no mistake: look from elsewhere
        with scrambled(probe.model, scale=0.1, seed=0):
            elsewhere = _step(probe, probe.batch, resolve_opt_level(AmpConfig(), probe.target.device)).gradients
        silent = {name for name in silent if (g := elsewhere.get(name)) is None or not bool(g.any())}
    if not silent:
        return None
    names = [name for name in step.gradients if name in silent]
    return Mistake(
        f"{len(names)} of {len(step.gradients)} parameters get no gradient and would never be trained",
        f"parameter {first_few(names, NAMES_SHOWN)}",
        "use them in the forward (no detach or no_grad on the way), or freeze them with requires_grad_(False)",
        is_error=False,
    )


def loss_at_start(probe: ProbedModel, step: Step) -> Mistake | None:
    """The loss of the fresh model is near that of equal outputs, ln(C) for cross-entropy."""
    target_B = probe.batch.target
    if len(target_B) < FEWEST_ROWS:
        return None
    now, equal = _mean(probe, step.loss_B), _loss_of(probe, torch.zeros_like(step.trace.output))
    prior = _loss_of(probe, _prior_logits(probe, step.trace.output))
    torch.manual_seed(0)
    draws = [_loss_of(probe, SPREAD * torch.randn_like(step.trace.output)) for _ in range(8)]
    if min(equal, prior) / 2 <= now <= max(sum(draws) / len(draws), equal):
        return None
    n_classes = 2 if probe.by_sigmoid else probe.loss.n_outputs
    log = f" = ln {n_classes}" if math.isclose(equal, math.log(n_classes), rel_tol=1e-3) else ""
    return Mistake(
        f"the loss before training is {now:.4g}, a model that knows nothing has {equal:.4g}{log}",
        "the first batch of fold 0",
        "scale the inputs, or start the last layer with smaller weights"
        if now > equal
        else "look for the label among the inputs, unless the weights come from training on this task",
        is_error=False,
    )


def _mean(probe: ProbedModel, loss_B: Tensor) -> float:
    return float(loss_B.sum() / probe.loss.normaliser(probe.batch.target).sum())


def _loss_of(probe: ProbedModel, logits_BK: Tensor) -> float:
    if getattr(probe.loss, "expects", "logits") == "log_probs":
        logits_BK = logits_BK.log_softmax(dim=1)
    with torch.no_grad():
        return _mean(probe, probe.loss(logits_BK.detach(), probe.batch.target))


def _prior_logits(probe: ProbedModel, like: Tensor) -> Tensor:
    """Logits (B, n_outputs) of the best prediction that is the same for all rows: label shares, or their mean."""
    target = probe.batch.target
    if not probe.task.has_classes:
        return target.mean().to(like.dtype).expand_as(like)
    if not probe.by_sigmoid:
        share_C = torch.bincount(target, minlength=like.shape[1]) / len(target)
        return share_C.clamp(min=1e-6).log().expand_as(like)
    share_L = target.reshape(len(target), -1).float().mean(dim=0).clamp(1e-6, 1 - 1e-6)
    return share_L.logit().expand_as(like)
