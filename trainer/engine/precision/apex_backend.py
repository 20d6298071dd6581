"""``amp.backend=apex``: NVIDIA's own ``apex.amp``, where an image still carries it, in place of the native levels.

``levels.resolve`` has made sure that it is there. Names with an underscore are apex's own; it changes no more.
"""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from trainer.engine.ema import copy_into
from trainer.engine.precision.loss_scaler import MAX_SCALE, MIN_SCALE, LossScaler
from trainer.engine.precision.opt_levels import OptLevel
from trainer.engine.precision.precision import HALF_TYPES, Precision
from trainer.engine.process_group import ALONE, Ranks


class ApexPrecision:
    """What ``Precision`` does, done by apex.

    apex casts the model in place, patches its ``forward`` and the optimizer's ``step``, and under O1 torch's
    functions for the whole process.

    Args:
        model: on a CUDA device, float32.
        optimizer: over the model's trainable parameters.
        level: the resolved opt level.
    """

    half_outputs = False

    def __init__(self, model: nn.Module, optimizer: Optimizer, level: OptLevel) -> None:
        self.level = level
        self.amp: Any = import_module("apex.amp")
        self.model_parameters = [p for group in optimizer.param_groups for p in group["params"]]  # as the masters come
        _undo_patches(self.amp)
        _, self.optimizer = self.amp.initialize(
            model,
            optimizer,
            opt_level=level.opt_level,
            verbosity=0,
            min_loss_scale=MIN_SCALE,
            max_loss_scale=MAX_SCALE,
            **level.override,
        )
        self.optimizer._amp_lazy_init()  # else the masters are made in the first backward pass
        self.parameters: list[nn.Parameter] = list(self.amp.master_params(self.optimizer))
        self.scaler = LossScaler.start(level.in_force.loss_scale)

    def forward(self, model: Callable[..., Tensor], inputs: Mapping[str, Tensor]) -> Tensor:
        """Run the model, which apex has patched, and return float32 logits (B, n_outputs)."""
        logits = model(**inputs)
        self.half_outputs = logits.dtype in HALF_TYPES
        return logits.float()

    def backward(self, loss: Tensor, divisor: Tensor | float = 1.0) -> None:
        """Back-propagate the scaled ``loss`` over ``divisor``; apex unscales and looks for overflow at once."""
        with self.amp.scale_loss(loss / divisor, self.optimizer) as scaled_loss:
            scaled_loss.backward()

    def step(self, optimizer: Optimizer, clip_norm: float | None, ranks: Ranks = ALONE) -> bool:
        """Clip and step; the gradients are cleared.

        Args:
            optimizer: the one given to the constructor.
            clip_norm: largest L2 norm of all gradients together, or None.
            ranks: none but this process: apex under several is refused before a run begins.

        Returns:
            Whether the optimizer stepped (False: apex skips it for overflow).

        Raises:
            NonFiniteError: too many steps in a row were skipped.
        """
        skipped: bool = self.optimizer._amp_stash.already_patched  # apex has put a no-op in place of step
        if clip_norm is not None:
            nn.utils.clip_grad_norm_(self.parameters, clip_norm)
        optimizer.step()
        optimizer.zero_grad()
        self._follow_scale()
        self.scaler.count(skipped=skipped)
        return not skipped

    def _follow_scale(self) -> None:
        state = self.amp.state_dict()["loss_scaler0"]
        self.scaler.scale, self.scaler.clean_steps = float(state["loss_scale"]), int(state["unskipped"])

    def state_dict(self) -> dict[str, Any]:
        """Return apex's state, our counters and what the optimizer steps, as tensors and plain values."""
        apex = {name: dict(values) for name, values in self.amp.state_dict().items()}
        masters = [p.detach() for p in self.parameters]
        return {"apex": apex, "scaler": self.scaler.state_dict(), "masters": masters}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take in a saved state; the model's weights become the cast of the masters."""
        self.amp.load_state_dict(state["apex"])
        self.scaler.load_state_dict(state["scaler"])
        copy_into(self.parameters, state["masters"])
        copy_into(self.model_parameters, self.parameters)


def _undo_patches(amp: Any) -> None:
    """Take back what an earlier fold's O1 patched: apex would wrap its own wrappers."""
    handle = getattr(amp._amp_state, "handle", None)
    if handle is not None:
        handle._deactivate()


AnyPrecision = Precision | ApexPrecision


def make_precision(
    model: nn.Module, level: OptLevel, build: Callable[[Sequence[nn.Parameter]], Optimizer]
) -> tuple[AnyPrecision, Optimizer]:
    """Put a model and its optimizer under a level.

    Args:
        model: fresh, on its device.
        level: the resolved opt level.
        build: makes the optimizer over what it must step.
    """
    if level.backend == "apex":
        optimizer = build([p for p in model.parameters() if p.requires_grad])
        return ApexPrecision(model, optimizer, level), optimizer
    precision = Precision(model, level)
    return precision, build(precision.parameters)
