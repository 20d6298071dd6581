"""Online hard example mining: a step learns from the rows it gets most wrong.

Shrivastava, Gupta, Girshick 2016, "Training Region-based Object Detectors with Online Hard Example Mining", section 4:
every row of a batch is scored by its loss, and the gradient is that of the hardest ones alone. Here these are a share
``keep`` of the batch, and the loss is their mean, so that the learning rate means what it does without.

What easy rows would have said of the probabilities is lost: these come out closer to the middle, and log loss, Brier
score and calibration suffer where the ranking may gain (``foldwise decide --calibrate`` puts them back).
"""

import math

from torch import Tensor

from trainer.config.checked import checked_number
from trainer.errors import ConfigError
from trainer.tricks.contract import Rows, Setting


class HardExamples:
    """Takes the gradient at the hardest rows of a batch.

    Args:
        keep: share of a batch's rows, above 0 and below 1.
    """

    def __init__(self, *, keep: float = 0.5) -> None:
        self.keep = checked_number("tricks.hard_examples.keep", keep, low=1e-6, below=1)

    def attach(self, setting: Setting) -> None:
        """Refuse nothing: every model and task has losses of rows."""

    def batch_loss(self, rows: Rows) -> Tensor:
        """Return the loss of the hardest rows, times the weight of all over theirs.

        Raises:
            ConfigError: the loss has one value for the batch, of which no row is the hardest.
        """
        loss_B, weights_B = rows.row_losses(rows.logits()), rows.weights_B
        if loss_B.shape != weights_B.shape:
            raise ConfigError(
                f"tricks=hard_examples picks rows by their loss, and the loss has {loss_B.numel()} values for "
                f"{len(weights_B)} rows\nlet it return one value per row, or leave hard_examples out"
            )
        hardest = loss_B.detach().topk(math.ceil(self.keep * len(loss_B))).indices
        share = weights_B.sum() / weights_B[hardest].sum().clamp(min=1e-12)
        return loss_B[hardest].sum() * share
