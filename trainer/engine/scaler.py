"""Loss scaling by apex's rule.

torch's GradScaler has neither a cap nor a floor: repeated overflow drives its scale to 0.0 and then NaN into the
weights. This one follows apex's ``LossScaler`` (start 2^16, factor 2, window 2000, cap 2^24), keeps the scale at or
above 1, and stops after 50 skipped steps in a row.
"""

from dataclasses import dataclass

from trainer.config.errors import NonFiniteError
from trainer.engine.levels import LossScale

INITIAL_SCALE = 2.0**16
SCALE_FACTOR = 2.0
SCALE_WINDOW_STEPS = 2000
MAX_SCALE = 2.0**24
MIN_SCALE = 1.0
MAX_SKIPPED_IN_A_ROW = 50


@dataclass
class LossScaler:
    """The loss scale and its history.

    Attributes:
        scale: what the loss is multiplied with.
        dynamic: whether overflow moves the scale (a fixed scale never skips a step, as in apex).
        clean_steps: steps since the last overflow or growth.
        skipped_steps: steps skipped in all.
        skipped_in_a_row: steps skipped since the last one taken.
    """

    scale: float
    dynamic: bool
    clean_steps: int = 0
    skipped_steps: int = 0
    skipped_in_a_row: int = 0

    @classmethod
    def start(cls, loss_scale: LossScale) -> "LossScaler":
        """Return a fresh scaler for a fixed or dynamic scale."""
        if loss_scale == "dynamic":
            return cls(INITIAL_SCALE, dynamic=True)
        return cls(float(loss_scale), dynamic=False)

    def update(self, overflow: bool) -> bool:
        """Move the scale after a step's gradients are known.

        Args:
            overflow: a gradient was infinite or NaN.

        Returns:
            Whether the optimizer may step.

        Raises:
            NonFiniteError: 50 steps in a row overflowed.
        """
        if not self.dynamic:
            return True
        if not overflow:
            self.skipped_in_a_row = 0
            self.clean_steps += 1
            if self.clean_steps == SCALE_WINDOW_STEPS:
                self.scale = min(MAX_SCALE, self.scale * SCALE_FACTOR)
                self.clean_steps = 0
            return True
        self.scale = max(MIN_SCALE, self.scale / SCALE_FACTOR)
        self.clean_steps = 0
        self.skipped_steps += 1
        self.skipped_in_a_row += 1
        if self.skipped_in_a_row >= MAX_SKIPPED_IN_A_ROW:
            raise NonFiniteError(
                f"{self.skipped_in_a_row} optimizer steps in a row overflowed (loss scale now {self.scale:g}): "
                "the gradients are not finite at any scale\n"
                "try amp=O0, a lower optimizer.lr, fit.clip_norm=1.0, or amp.dtype=bf16"
            )
        return False
