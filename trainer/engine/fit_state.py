"""What a fold's training has come to, besides the learner: position, running sums, records, the picked epoch."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from trainer.engine.loops import Totals
from trainer.metrics.find import metric_named
from trainer.metrics.scores import better
from trainer.results import EpochRecord


@dataclass
class Selection:
    """Picks the epoch: the best monitored score, the earliest of equals; the last one where the scores say nothing.

    NaN never wins, and counts for nothing: an epoch without a score says neither that training helps nor that it does
    not, so it stops no fold early. Nor do scores say anything while all of them have been the same, such as those of
    the one positive row that every network ranks last.

    Attributes:
        metric: name of the metric that picks.
        patience_epochs: epochs without improvement before stopping, or None.
        epoch: the pick so far (0 = none yet).
        score: of the pick; NaN while no score was defined.
        weights: of the pick, on the CPU.
        waited: epochs since the pick whose score was defined, and no better.
        same: every defined score so far is that of the pick.
    """

    metric: str
    patience_epochs: int | None
    epoch: int = 0
    score: float = float("nan")
    weights: dict[str, Tensor] = field(default_factory=dict)
    waited: int = 0
    same: bool = True

    def update(self, record: EpochRecord, weights: Callable[[], dict[str, Tensor]]) -> None:
        """Take in an epoch."""
        score = record.monitor[self.metric]
        self.same = self.same and (score == self.score or math.isnan(score) or math.isnan(self.score))
        undecided = math.isnan(self.score) or (self.same and score == self.score)
        if undecided or better(score, self.score, metric_named(self.metric).greater_is_better):
            self.epoch, self.score, self.weights = record.epoch, score, weights()
            self.waited = 0
        elif not math.isnan(score):
            self.waited += 1

    def stops_early(self) -> bool:
        """Return whether the fold stops early after the epoch that was taken in last."""
        return self.patience_epochs is not None and self.waited >= self.patience_epochs


@dataclass
class FitState:
    """Where the training of a fold stands; with the learner it is everything a resumed fold needs.

    Attributes:
        totals: running sums of the epoch at hand.
        selection: the picked epoch so far.
        epoch: at hand, from 1.
        windows: of that epoch that are done; a window is the batches of one optimizer step.
        steps: optimizer steps taken in the epochs before.
        epochs: what the finished epochs recorded.
        epoch_seconds: spent on the epoch at hand.
        seconds: spent on the finished epochs.
    """

    totals: Totals
    selection: Selection
    epoch: int = 1
    windows: int = 0
    steps: int = 0
    epochs: list[EpochRecord] = field(default_factory=list)
    epoch_seconds: float = 0.0
    seconds: float = 0.0

    def finish_epoch(self, record: EpochRecord, device: torch.device) -> None:
        """Take in the epoch's record and go on to the next epoch."""
        self.epochs.append(record)
        self.steps = record.step
        self.seconds += record.seconds
        self.epoch += 1
        self.windows = 0
        self.epoch_seconds = 0.0
        self.totals = Totals.start(device)

    def is_over(self, max_epochs: int) -> bool:
        """Return whether all epochs are done, or the fold has stopped early."""
        return self.epoch > max_epochs or self.selection.stops_early()
