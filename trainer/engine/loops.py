"""The training step and the prediction pass: functions that own mode, gradients and averages."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from trainer.data.loading.batch_order import evaluation_order
from trainer.data.loading.batches import Batch, TrainingSet, row_views
from trainer.engine.modes import evaluating
from trainer.engine.own_random import OwnRandom
from trainer.engine.precision.apex_backend import AnyPrecision
from trainer.engine.precision.compiled import compiler_errors
from trainer.engine.precision.precision import RefuseProbabilities
from trainer.engine.predicts import Predicts, joined
from trainer.engine.process_group import ALONE, Ranks
from trainer.engine.user_code import error_of
from trainer.errors import NonFiniteError
from trainer.losses.contract import Loss
from trainer.system import interrupts
from trainer.tricks.contract import Average

WHAT_HELPS = "look for NaN or huge values in the data; else try a lower optimizer.lr or fit.clip_norm=1.0"


@dataclass
class Learner:
    """Everything of one fold that changes while it trains.

    ``compiled`` calls the same model (``runtime.compile``); ``random`` keeps the fold's random numbers where it is
    trained together with others (else they are torch's, NumPy's and Python's own), and ``clock`` tells its share of
    the time; ``ranks`` are the processes that train it together; ``tricks`` take its steps where there are any;
    ``flat`` computes its gradients without autograd, as long as these are the same bits.
    """

    model: nn.Module
    loss: Loss
    optimizer: Optimizer
    scheduler: LRScheduler
    precision: AnyPrecision
    average: Average | None = None
    compiled: Callable[..., Tensor] | None = None
    random: OwnRandom | None = None
    ranks: Ranks = ALONE
    clock: Callable[[], float] = field(default_factory=lambda: time.perf_counter)
    tricks: "TakesSteps | None" = None
    flat: "GivesGradients | None" = None

    @property
    def call(self) -> Callable[..., Tensor]:
        """What is called with a batch: the model, or its compiled twin."""
        return self.model if self.compiled is None else self.compiled

    def as_message(self) -> AbstractContextManager[None]:
        """Return the context in which the compiler's errors are put into words."""
        return nullcontext() if self.compiled is None else compiler_errors()

    def own_random(self) -> AbstractContextManager[None]:
        """Return the context in which torch, NumPy and Python draw the fold's random numbers."""
        return nullcontext() if self.random is None else self.random.applied()

    def evaluation_weights(self) -> AbstractContextManager[None]:
        """Return the context in which the model holds the weights that are scored and saved."""
        if self.average is None or self.average.updates == 0:
            return nullcontext()
        return self.average.applied(self.precision.model_parameters)


class TakesSteps(Protocol):
    """The tricks of a fold (``tricked.py``)."""

    def take_step(self, learner: Learner, batches: Sequence[Batch], clip_norm: float | None, totals: "Totals") -> None:
        """Take one optimizer step, as ``train_step`` does."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed fold needs."""
        ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take in what ``state_dict`` returned."""
        ...


class GivesGradients(Protocol):
    """What computes a small model's gradients (``flat.py``)."""

    def backward(self, learner: Learner, batches: Sequence[Batch], divisor: Tensor | float) -> list[Tensor] | None:
        """Add the gradients of the batches of a step; return their losses, or None where autograd has to."""
        ...


@dataclass
class Totals:
    """Running sums of one epoch; they stay on the device.

    Attributes:
        loss: sum over rows of sample weight x loss.
        weight: sum over rows of sample weight x normaliser.
        steps: optimizer steps taken.
    """

    loss: Tensor
    weight: Tensor
    steps: int = 0

    @classmethod
    def start(cls, device: torch.device) -> "Totals":
        """Return sums of nothing yet."""
        return cls(torch.zeros((), device=device), torch.zeros((), device=device))

    def mean(self) -> float:
        """Return the weighted mean loss per row so far (NaN before the first step)."""
        return float(self.loss / self.weight)


def train_step(learner: Learner, batches: Sequence[Batch], clip_norm: float | None, totals: Totals) -> None:
    """Take one optimizer step on the rows of ``batches`` together, and add it to ``totals``.

    The loss is averaged over the window's whole weight, so accumulation equals one large batch even when the last
    window or batch is smaller.
    """
    if learner.tricks is not None:
        learner.tricks.take_step(learner, batches, clip_norm, totals)
        return
    weight = learner.ranks.total(total_weight(learner.loss, batches))
    divisor = weight + (weight == 0)  # a window of weightless rows changes nothing
    losses = None if learner.flat is None else learner.flat.backward(learner, batches, divisor)
    if losses is None:
        learner.flat, losses = None, _backward(learner, batches, divisor, first=totals.steps == 0)
    summed = learner.ranks.total(sum(losses[1:], losses[0]) if losses else torch.zeros_like(totals.loss))
    if learner.precision.step(learner.optimizer, clip_norm, learner.ranks):
        take_in(learner, [summed], weight, totals)


def _backward(learner: Learner, batches: Sequence[Batch], divisor: Tensor | float, *, first: bool) -> list[Tensor]:
    """Add the gradients of the batches of a step, the epoch's first or not; return their losses."""
    losses = []
    for batch in batches:
        if not len(batch.rows_B) and not learner.ranks.pass_together:  # of several processes one may have no rows
            continue
        logits = logits_of(learner, batch)
        watched = learner.precision.half_outputs and first  # watching costs time: first steps only
        with RefuseProbabilities() if watched else nullcontext():
            loss = summed_loss(learner.loss, logits, batch)
        learner.precision.backward(loss, divisor)
        losses.append(loss.detach())
    return losses


def take_in(learner: Learner, losses: Sequence[Tensor], weight: Tensor | float, totals: Totals) -> None:
    """Let schedule and average take in a step of the optimizer, and add it to ``totals``.

    Args:
        learner: whose optimizer has stepped.
        losses: of the batches.
        weight: of their rows together.
        totals: added to.
    """
    learner.scheduler.step()
    if learner.average is not None:
        learner.average.update()
    totals.loss += sum(losses[1:], losses[0])
    totals.weight += weight
    totals.steps += 1


def logits_of(learner: Predicts, batch: Batch) -> Tensor:
    """Call the model.

    Raises:
        ConfigError: code of the user's own has raised something.
    """
    try:
        return learner.precision.forward(learner.call, batch.inputs)
    except Exception as error:
        theirs = error_of(learner.model, "model", error)
        if theirs is None:
            raise
        raise theirs from error


def summed_loss(loss: Loss, logits: Tensor, batch: Batch) -> Tensor:
    """Return the sum over the rows of sample weight x loss.

    Raises:
        ConfigError: code of the user's own has raised something.
    """
    return row_losses(loss, logits, batch).sum()


def row_losses(loss: Loss, logits: Tensor, batch: Batch) -> Tensor:
    """Return sample weight x loss of each row (B,).

    A mixed row has the loss of its own target and that of its partner's, each with that row's sample weight and by its
    share. Every row is a partner once, so the sum of the normalisers is that of the rows as they were.

    Raises:
        ConfigError: code of the user's own has raised something.
    """
    try:
        if batch.share == 1.0:
            loss_B = _of_votes(loss, logits, batch)
            plain = batch.unweighted and loss_B.shape == batch.weights_B.shape  # a lone number counts for all rows
            return loss_B if plain else loss_B * batch.weights_B
        own_B = _of_votes(loss, logits, batch) * batch.weights_B
        partner_B = _of_votes(loss, logits, batch, shift=1) * batch.weights_B.roll(1, 0)
        return torch.add(own_B * batch.share, partner_B, alpha=1.0 - batch.share)
    except Exception as error:
        theirs = error_of(loss, "loss", error)
        if theirs is None:
            raise
        raise theirs from error


def _of_votes(loss: Loss, logits: Tensor, batch: Batch, shift: int = 0) -> Tensor:
    """Return the loss of each row's target, or the mean over classes by its votes; of the row ``shift`` before."""
    target = batch.target.roll(shift, 0) if shift else batch.target
    if batch.votes_BC is None:
        return loss(logits, target)
    votes_BC = batch.votes_BC.roll(shift, 0) if shift else batch.votes_BC
    of_class = [loss(logits, torch.full_like(target, place)) * share_B for place, share_B in enumerate(votes_BC.T)]
    return torch.stack(of_class).sum(dim=0)


def normaliser_of(loss: Loss, batch: Batch) -> Tensor:
    """Return the weights that divide the losses of ``_of_votes``."""
    if batch.votes_BC is None:
        return loss.normaliser(batch.target)
    of_class = [
        loss.normaliser(torch.full_like(batch.target, place)) * share_B
        for place, share_B in enumerate(batch.votes_BC.T)
    ]
    return torch.stack(of_class).sum(dim=0)


def predict(learner: Predicts, data: TrainingSet, rows: NDArray[np.int64], batch_size: int) -> NDArray[np.float32]:
    """Return logits (len(rows), n_outputs) for ascending row numbers, with the evaluation weights."""
    if not len(rows):
        return np.zeros((0, learner.loss.n_outputs), dtype=np.float32)
    lengths_N = data.rows.lengths()
    order = evaluation_order(rows, batch_size, lengths_N)
    ranks = learner.ranks if isinstance(learner, Learner) else ALONE
    alone = ranks.size == 1
    own = order[ranks.rank :: ranks.size]  # whole batches: padded as one process has them
    passes = -(-len(order) // ranks.size) if ranks.shard else len(own)
    batches = data.batches([*own, *order[:1] * (passes - len(own))], key=None)  # the last one only to take part
    with learner.evaluation_weights(), evaluating(learner.model), closing(batches), learner.as_message():
        outputs = (_output(learner, batch, alone) for batch in batches)
        kept = [joined(outputs, len(rows))] if alone else [of_batch.cpu() for of_batch in outputs]
    logits = kept[0] if alone else torch.cat(ranks.interleaved(kept[: len(own)]))
    everything: NDArray[np.float32] = logits.cpu().numpy()
    return everything if lengths_N is None else everything[np.argsort(np.concatenate(order))]


def _output(learner: Predicts, batch: Batch, alone: bool) -> Tensor:
    if alone:  # several processes stop together, after a step
        interrupts.check()
    return logits_of(learner, batch)


def predict_views(
    learner: Predicts, data: TrainingSet, rows: NDArray[np.int64], batch_size: int
) -> NDArray[np.float32]:
    """Return logits as ``predict`` does, averaged over the views of the rows where these have several."""
    logits = [predict(learner, replace(data, rows=view), rows, batch_size) for view in row_views(data.rows)]
    if len(logits) == 1:
        return logits[0]
    mean = torch.from_numpy(np.mean(logits, axis=0, dtype=np.float64))
    if getattr(learner.loss, "expects", "logits") == "log_probs":  # their mean does not sum to 1
        mean = mean.log_softmax(dim=1)
    averaged: NDArray[np.float32] = mean.float().numpy()
    return averaged


def require_finite(totals: Totals) -> None:
    """Stop when the running loss is not a number.

    Raises:
        NonFiniteError: says what usually helps.
    """
    if totals.steps and not math.isfinite(loss := float(totals.loss)):
        raise NonFiniteError(f"the training loss is {loss} at step {totals.steps} of the epoch\n{WHAT_HELPS}")


def total_weight(loss: Loss, batches: Sequence[Batch]) -> Tensor | float:
    """Return the sum over the rows of sample weight x normaliser; a plain number where that counts the rows."""
    if batches[0].unweighted and getattr(loss, "counts_rows", False):
        return float(sum(len(batch.rows_B) for batch in batches))
    weights = [(normaliser_of(loss, batch) * batch.weights_B).sum() for batch in batches]
    return torch.stack(weights).sum()
