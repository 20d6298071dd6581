"""Cross-entropy with bootstrapped labels, for noisy ones: each row's label is mixed with what the model predicts.

Reed et al. 2015, "Training Deep Neural Networks on Noisy Labels with Bootstrapping", equations 6 and 7: cross-entropy
with the target ``beta t + (1 - beta) q``, q the predicted probabilities (soft), or with ``beta t + (1 - beta) z``, z
one at the likeliest class (hard). In the soft form the gradient goes through both q, so that it lowers the entropy
too, as in the paper.
"""

from collections.abc import Sequence

from torch import Tensor

from trainer.errors import ConfigError
from trainer.losses.arguments import checked_number
from trainer.losses.class_weights import Weights
from trainer.losses.of_classes import LossOfClasses

PAPER = {"soft": 0.95, "hard": 0.8}  # the paper's beta


class Bootstrapped(LossOfClasses):
    """Cross-entropy with labels that are partly the model's own.

    Args:
        form: ``soft`` or ``hard``.
        beta: share of the given label, in [0, 1]; null = the paper's, soft 0.95, hard 0.8.
        class_weights: null, a list of C weights, ``balanced``, ``effective`` or ``effective:BETA``; of the given label.
        class_counts: (C,) training rows per class.

    Raises:
        ConfigError: an option out of its range.
    """

    def __init__(
        self,
        *,
        form: str = "soft",
        beta: float | None = None,
        class_weights: Weights = None,
        class_counts: Sequence[int],
    ) -> None:
        super().__init__(class_weights, class_counts)
        if form not in PAPER:
            raise ConfigError(f"loss.form={form} is not one of soft, hard")
        self.form = form
        self.beta = PAPER[form] if beta is None else checked_number("loss.beta", beta, low=0)
        if not 0 < self.beta <= 1:
            raise ConfigError(f"loss.beta={beta} is not above 0 and at most 1: at 0 the labels would not count")

    def per_row(self, logits_BC: Tensor, target_B: Tensor) -> Tensor:
        """Return the unweighted loss (B,)."""
        log_proba_BC = logits_BC.log_softmax(dim=1)
        given_B = log_proba_BC.gather(1, target_B[:, None])[:, 0]
        own_B = log_proba_BC.amax(dim=1) if self.form == "hard" else (log_proba_BC.exp() * log_proba_BC).sum(dim=1)
        return -(self.beta * given_B + (1 - self.beta) * own_B)
