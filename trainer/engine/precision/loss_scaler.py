"""Loss scaling by apex's rule.

torch's GradScaler has neither a cap nor a floor: repeated overflow drives its scale to 0.0 and then NaN into the
weights. This one follows apex's ``LossScaler`` (start 2^16, factor 2, window 2000, cap 2^24), keeps the scale at or
above 1, and stops after 50 skipped steps in a row.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from trainer.engine.precision.opt_levels import LossScale
from trainer.errors import CheckpointError, NonFiniteError

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
        clean_steps: steps since the last overflow or growth (apex's ``unskipped``).
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

    @property
    def is_off(self) -> bool:
        """Whether losses and gradients are as they would be without it."""
        return not self.dynamic and self.scale == 1.0

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
        if overflow:
            self.scale = max(MIN_SCALE, self.scale / SCALE_FACTOR)
            self.clean_steps = 0
        else:
            self.clean_steps += 1
            if self.clean_steps == SCALE_WINDOW_STEPS:
                self.scale = min(MAX_SCALE, self.scale * SCALE_FACTOR)
                self.clean_steps = 0
        self.count(skipped=overflow)
        return not overflow

    def count(self, *, skipped: bool) -> None:
        """Count a step taken or skipped.

        Raises:
            NonFiniteError: 50 steps in a row were skipped.
        """
        self.skipped_steps += skipped
        self.skipped_in_a_row = self.skipped_in_a_row + 1 if skipped else 0
        if self.skipped_in_a_row >= MAX_SKIPPED_IN_A_ROW:
            raise NonFiniteError(
                f"{self.skipped_in_a_row} optimizer steps in a row overflowed (loss scale now {self.scale:g}): "
                "the gradients are not finite at any scale\n"
                "try amp=O0, a lower optimizer.lr, fit.clip_norm=1.0, or amp.dtype=bf16"
            )

    def state_dict(self) -> dict[str, Any]:
        """Return everything but ``dynamic``, which the configuration decides."""
        return {name: value for name, value in asdict(self).items() if name != "dynamic"}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take in a saved state: our own, or what ``apex.amp.state_dict()`` returned.

        Raises:
            CheckpointError: it is neither, or does not fit the level in force.
        """
        found = _from_apex(state) if any("loss_scaler" in name for name in state) else dict(state)
        if set(found) != set(self.state_dict()):
            raise CheckpointError(f"not a loss scaler's state: it holds {', '.join(map(str, state)) or 'nothing'}")
        if not (_is_number(found["scale"]) and all(_is_count(found[name]) for name in found if name != "scale")):
            raise CheckpointError(f"a loss scaler's state that cannot be: {dict(state)}")
        if not self.dynamic and found["scale"] != self.scale:
            raise CheckpointError(
                f"the saved loss scale is {found['scale']:g}, but this run's is fixed at {self.scale:g}: "
                "set amp.loss_scale to the saved one or to dynamic"
            )
        if self.dynamic:
            found["scale"] = min(MAX_SCALE, max(MIN_SCALE, found["scale"]))
        vars(self).update(found)


def _from_apex(state: Mapping[str, Any]) -> dict[str, Any]:
    if list(state) != ["loss_scaler0"]:
        raise CheckpointError(
            f"an apex amp state with {', '.join(state)}: only one loss and its loss_scaler0 can be read"
        )
    saved = dict(state["loss_scaler0"])
    return {
        "scale": saved.get("loss_scale"),
        "clean_steps": saved.get("unskipped"),
        "skipped_steps": 0,
        "skipped_in_a_row": 0,
    }


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and 0 < value < math.inf


def _is_count(value: object) -> bool:
    return isinstance(value, int) and value >= 0
