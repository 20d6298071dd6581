"""O0-O3 with apex's meaning on today's PyTorch: casts, master weights and scaling around one model and optimizer."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim import Optimizer
from torch.overrides import TorchFunctionMode

from trainer.engine.ema import copy_into
from trainer.engine.fused_step import step_optimizers
from trainer.engine.precision.loss_scaler import LossScaler
from trainer.engine.precision.opt_levels import OptLevel
from trainer.engine.process_group import ALONE, Ranks
from trainer.engine.sharded import own_part
from trainer.errors import CheckpointError, ConfigError
from trainer.system.kernels import switched_off

HALF_TYPES = (torch.float16, torch.bfloat16)


class Precision:
    """One fold's precision: made fresh for each fold, around a fresh model.

    The model is cast in place; ``parameters`` is what the optimizer must be given. Master weights are taken before
    the cast (apex takes them from the half weights).

    Args:
        model: on its device, float32.
        level: the resolved opt level.
    """

    half_outputs = False  # whether the last forward pass returned half precision

    def __init__(self, model: nn.Module, level: OptLevel) -> None:
        self.level = level
        self.device_type = next((p.device.type for p in model.parameters()), "cpu")
        self.cast_type = level.in_force.cast_model_type
        self.lstm_without_kernel = _lstm_without_kernel(model, self.device_type, level)
        masters = (
            [p.detach().clone() for p in model.parameters() if p.requires_grad] if self._masters_wanted() else None
        )
        if self.cast_type is not None:
            cast_model(model, self.cast_type, keep_batchnorm_fp32=bool(level.in_force.keep_batchnorm_fp32))
        self.model_parameters = [p for p in model.parameters() if p.requires_grad]
        self.parameters = self.model_parameters if masters is None else [nn.Parameter(m) for m in masters]
        self.scaler = LossScaler.start(level.in_force.loss_scale)

    def _masters_wanted(self) -> bool:
        return bool(self.level.in_force.master_weights) and self.cast_type is not torch.float32

    @property
    def has_masters(self) -> bool:
        """Whether the optimizer steps float32 copies of the model's parameters."""
        return self.parameters is not self.model_parameters

    def autocast(self) -> AbstractContextManager[object]:
        """Return the context the forward pass runs in."""
        if not self.level.in_force.autocast:
            return nullcontext()
        autocast = torch.autocast(self.device_type, dtype=self.level.dtype)
        return _without_onednn(autocast) if self.lstm_without_kernel else autocast

    def forward(self, model: Callable[..., Tensor], inputs: Mapping[str, Tensor]) -> Tensor:
        """Run the model and return float32 logits (B, n_outputs); floating inputs are cast as the level says."""
        with self.autocast():
            logits: object = model(**self.cast_inputs(inputs))
        if not isinstance(logits, Tensor):
            raise ConfigError(f"the model returns a {type(logits).__name__}: return the logits alone, one tensor")
        self.half_outputs = logits.dtype in HALF_TYPES
        return logits.float()

    def cast_inputs(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the inputs as the level wants them."""
        return {name: self._cast_input(value) for name, value in inputs.items()}

    def _cast_input(self, value: Tensor) -> Tensor:
        if self.cast_type is None or not value.is_floating_point():
            return value
        return value.to(self.cast_type)

    def backward(self, loss: Tensor, divisor: Tensor | float = 1.0) -> None:
        """Back-propagate the scaled ``loss`` (a scalar) over ``divisor``.

        Raises:
            ConfigError: nothing that can be trained led to it.
        """
        torch.autograd.backward(self.scaled(loss, divisor))

    def scaled(self, loss: Tensor, divisor: Tensor | float = 1.0) -> Tensor:
        """Return what is back-propagated: the scaled ``loss`` over ``divisor``.

        Raises:
            ConfigError: nothing that can be trained led to the loss.
        """
        if not loss.requires_grad:
            raise ConfigError(
                "the loss is cut off from the model's parameters: nothing would be trained\n"
                "let model and loss work without argmax, round, detach(), .item(), numpy or no_grad"
            )
        scale = torch.full_like(divisor, self.scaler.scale) if isinstance(divisor, Tensor) else self.scaler.scale
        return loss * (scale / divisor)  # a number over a tensor would round twice

    def step(self, optimizer: Optimizer, clip_norm: float | None, ranks: Ranks = ALONE) -> bool:
        """Unscale, check, clip and step; the gradients are cleared.

        Args:
            optimizer: steps ``self.parameters``.
            clip_norm: largest L2 norm of all gradients together, or None.
            ranks: the processes whose gradients are summed: all then see the same overflow, and the same norm.

        Returns:
            Whether the optimizer stepped (False: skipped for overflow).

        Raises:
            NonFiniteError: too many steps in a row were skipped.
        """
        ready = self.make_ready(clip_norm, ranks)
        if ready:
            step_optimizers([optimizer])
        self.end_step(stepped=ready)
        return ready

    def make_ready(self, clip_norm: float | None, ranks: Ranks = ALONE) -> bool:
        """Unscale, check and clip the gradients; return whether the optimizer may step.

        Raises:
            NonFiniteError: too many steps in a row were skipped.
        """
        if self.scaler.is_off and not self.has_masters and ranks.size == 1 and clip_norm is None:
            return True  # the gradients are as they are
        self._gradients_to_optimizer()
        ranks.sum_gradients(self.parameters)
        gradients = [p.grad for p in self.parameters if p.grad is not None]
        if self.scaler.scale != 1.0:
            torch._foreach_mul_(gradients, 1.0 / self.scaler.scale)
        ready = self.scaler.update(overflow=self.scaler.dynamic and self._overflow(gradients, ranks))
        if ready and clip_norm is not None:
            nn.utils.clip_grad_norm_(self.parameters, clip_norm)
        return ready

    def end_step(self, *, stepped: bool) -> None:
        """Take the stepped weights into the model; clear the gradients."""
        if stepped and self.has_masters:
            copy_into(self.model_parameters, self.parameters)
        for parameter in (*self.parameters, *self.model_parameters) if self.has_masters else self.parameters:
            parameter.grad = None

    def state_dict(self) -> dict[str, Any]:
        """Return scaler and float32 masters as tensors and plain values (the masters are not copied)."""
        masters = [p.detach() for p in self.parameters] if self.has_masters else None
        return {"scaler": self.scaler.state_dict(), "masters": masters}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take in a saved state; the model's weights become the cast of the masters, where there are any.

        Raises:
            CheckpointError: it was saved under another level.
        """
        masters = state["masters"]
        if self.has_masters != (masters is not None):
            word = "no" if masters is None else "its"
            raise CheckpointError(
                f"saved with {word} float32 master weights, which does not fit amp={self.level.opt_level}: "
                "resume under the level it was saved with"
            )
        self.scaler.load_state_dict(state["scaler"])
        if masters is not None:
            copy_into(self.parameters, masters)
            copy_into(self.model_parameters, self.parameters)

    def _overflow(self, gradients: list[Tensor], ranks: Ranks) -> bool:
        """Return whether a gradient is not finite, on whichever rank a part of it is."""
        here = not all_finite([own_part(gradient) for gradient in gradients])
        return bool(ranks.largest(int(here))) if ranks.shard else here

    def _gradients_to_optimizer(self) -> None:
        if self.has_masters:
            for master, parameter in zip(self.parameters, self.model_parameters, strict=True):
                master.grad = None if parameter.grad is None else parameter.grad.float()


def _lstm_without_kernel(model: nn.Module, device_type: str, level: OptLevel) -> bool:
    """Return whether autocast would hand an LSTM to a oneDNN kernel that this CPU lacks.

    torch 2.14.1 does so under bfloat16 where the CPU has no AVX-512: "could not create a primitive descriptor".
    """
    if device_type != "cpu" or level.dtype is not torch.bfloat16 or torch.ops.mkldnn._is_mkldnn_bf16_supported():
        return False
    return any(isinstance(module, nn.LSTM) for module in model.modules())


@contextmanager
def _without_onednn(autocast: AbstractContextManager[object]) -> Iterator[None]:
    with switched_off(torch.backends.mkldnn), autocast:
        yield


def all_finite(tensors: list[Tensor]) -> bool:
    """Return whether no tensor holds an infinity or NaN (one host sync)."""
    if not tensors:
        return True
    largest = torch.stack([norm.float() for norm in torch._foreach_norm(tensors, float("inf"))])
    return bool(torch.isfinite(largest).all())


def cast_model(model: nn.Module, dtype: torch.dtype, *, keep_batchnorm_fp32: bool) -> None:
    """Cast floating parameters and buffers in place, as apex's ``convert_network`` does.

    Args:
        model: changed in place.
        dtype: what floating tensors become.
        keep_batchnorm_fp32: leave affine BatchNorm modules alone (a BatchNorm without weights is cast, as in apex).
    """
    for module in model.modules():
        if keep_batchnorm_fp32 and isinstance(module, _BatchNorm) and module.affine:
            continue
        for parameter in module.parameters(recurse=False):
            parameter.data = _converted(parameter.data, dtype)
        for name, buffer in module.named_buffers(recurse=False):
            setattr(module, name, _converted(buffer, dtype))
        if isinstance(module, nn.RNNBase):
            module.flatten_parameters()


def _converted(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    return tensor.to(dtype) if tensor.is_floating_point() else tensor


class RefuseProbabilities(TorchFunctionMode):
    """While it is entered, ``F.binary_cross_entropy`` (and ``nn.BCELoss``) is refused.

    In half precision a probability near 1 is 1, and its log is lost. apex refused it for half inputs, torch's
    autocast does so on CUDA only.
    """

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Call ``func`` unless it is the refused one.

        Raises:
            ConfigError: it is.
        """
        if func is F.binary_cross_entropy:
            raise ConfigError(
                "the loss takes the log of probabilities that the model computed in half precision "
                "(binary_cross_entropy): those near 1 are lost\n"
                "let the model return logits and use loss=bce (with logits), or amp=O0"
            )
        return func(*args, **(kwargs or {}))


def refuse_underflowing_optimizer(level: OptLevel, optimizer: Optimizer) -> None:
    """Refuse an optimizer whose epsilon is zero in the dtype it steps.

    float16 holds nothing below 6e-8: Adam's 1e-8 becomes 0 and its first division NaN.

    Raises:
        ConfigError: names the epsilon that works.
    """
    smallest = torch.finfo(torch.float16).smallest_normal * torch.finfo(torch.float16).eps
    for group in optimizer.param_groups:
        half = any(p.dtype is torch.float16 for p in group["params"])
        epsilon = group.get("eps")
        if half and epsilon is not None and epsilon < smallest:
            raise ConfigError(
                f"optimizer.eps={epsilon:g} is zero in float16, which amp={level.opt_level} steps in: "
                "the first update would be NaN\nset optimizer.eps=1e-4, or use amp=O2 (float32 master weights)"
            )
