"""FreeLB: adversarial steps on the embedded inputs whose gradients are all used.

Zhu et al. 2020, "FreeLB: Enhanced Adversarial Training for Natural Language Understanding", algorithm 1. Each row's
embedded input X is moved by delta, drawn from ``U(-initial, initial) / sqrt(N)``, N its numbers. Each of ``steps``
passes takes the gradient of the weights at X + delta, and with it that of delta, g: ``delta += alpha * g / ||g||``,
brought back to ``||delta|| <= epsilon``. The step is along the mean of the passes' gradients. Unlike ``fgm`` and
``pgd`` each place of a word is moved by itself; vectors of padding (``padding_idx``) stay.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from trainer.config.checked import checked_number
from trainer.data.loading.batches import Batch
from trainer.errors import ConfigError
from trainer.tricks.contract import MOST_STEPS, Setting, Window
from trainer.tricks.found import embedding_modules, input_embeddings, trained_parameters


@dataclass
class _Call:
    """One call of an embedding in a pass: what its vectors (B, ..., D) are moved by, and the gradient there."""

    delta: Tensor
    counts: Tensor | None  # (B, ..., 1), 0 where a vector is padding
    gradient: Tensor | None = None
    plain: Tensor | None = None  # the vectors, kept in the fold's first step


class FreeLB:
    """Several passes, each at embedded inputs moved along the gradient of the one before.

    Args:
        steps: passes, at least 2.
        alpha: L2 norm of what a row's vectors are moved by after each.
        epsilon: largest L2 norm of what they are moved by in all.
        initial: bound of what they are moved by in the first pass; 0 = that pass is plain.
    """

    replaces = True

    def __init__(self, *, steps: int = 3, alpha: float = 0.1, epsilon: float = 0.6, initial: float = 0.2) -> None:
        if steps < 2:
            raise ConfigError(f"tricks.freelb.steps={steps} is not at least 2: the first pass is next to a plain one")
        if steps > MOST_STEPS:
            raise ConfigError(f"tricks.freelb.steps={steps} is not at most {MOST_STEPS}")
        self.steps = steps
        self.alpha = checked_number("tricks.freelb.alpha", alpha, low=0)
        self.epsilon = checked_number("tricks.freelb.epsilon", epsilon, low=0)
        self.initial = checked_number("tricks.freelb.initial", initial, low=0)
        self.calls: list[_Call] = []
        self.place: int | None = None  # of the call that comes next, in all passes but the first
        self.at_step = self.seen = False
        self.weights: list[nn.Parameter] = []

    def attach(self, setting: Setting) -> None:
        """Find the embeddings, and be told of each call."""
        input_embeddings(setting.model, "freelb")
        self.weights = trained_parameters(setting.model, "freelb")
        for module in embedding_modules(setting.model, "freelb"):
            module.register_forward_hook(self._called)

    def changed(self, batch: Batch) -> Batch:
        """Begin a step."""
        self.calls, self.place, self.at_step = [], None, True
        return batch

    def _called(self, module: nn.Module, inputs: tuple[Any, ...], vectors: Tensor) -> Tensor:
        if not (self.at_step and module.training and torch.is_grad_enabled()):
            return vectors
        if self.place is None:
            self.calls.append(self._first_call(module, inputs[0], vectors))
            call = self.calls[-1]
        else:
            call = self.calls[self.place]
            self.place += 1
        if not self.seen:
            call.plain = vectors.detach()
        moved = vectors + call.delta.to(vectors.dtype)
        moved.register_hook(lambda gradient: _keep(call, gradient))  # type: ignore[no-untyped-call]
        return moved

    def _first_call(self, module: nn.Module, codes: Tensor, vectors: Tensor) -> _Call:
        padding = getattr(module, "padding_idx", None)
        counts = None if padding is None else (codes != padding).unsqueeze(-1)
        wide = torch.float64 if vectors.dtype is torch.float64 else torch.float32
        delta = torch.zeros_like(vectors, dtype=wide)
        if self.initial:
            bound = self.initial / max(1, vectors[0].numel()) ** 0.5
            delta.uniform_(-bound, bound)
        return _Call(delta if counts is None else delta * counts, counts)

    def further(self, window: Window) -> None:
        """Take the passes after the first, and leave the mean of all gradients.

        Raises:
            ConfigError: the embeddings were not called, or nothing has moved.
        """
        if not self.calls:
            raise ConfigError(
                "tricks=freelb moves what the input embeddings return, and the model does not call them\n"
                "use tricks=fgm, which moves their table"
            )
        for _ in range(self.steps - 1):
            for call in self.calls:
                self._move_on(call)
            self.place = 0
            window.again()
        self._note(window)
        gradients = [weight.grad for weight in self.weights if weight.grad is not None]
        torch._foreach_div_(gradients, float(self.steps))
        self.calls, self.at_step = [], False

    def _move_on(self, call: _Call) -> None:
        if call.gradient is None:  # the loss does not depend on it
            return
        gradient = call.gradient.to(call.delta.dtype)
        if call.counts is not None:
            gradient = gradient * call.counts
        delta = call.delta + self.alpha * (gradient / _row_norms(gradient))
        call.delta = delta * (self.epsilon / _row_norms(delta)).clamp(max=1.0)

    def _note(self, window: Window) -> None:
        """Have the way noted as it is in the vectors' own type, once the loss has reached them."""
        if self.seen:
            return
        plain = [call.plain for call in self.calls if call.plain is not None]
        by = [call.delta for call in self.calls if call.plain is not None]
        now = [one + way.to(one.dtype) for one, way in zip(plain, by, strict=True)]
        reached = any(call.gradient is not None and bool(call.gradient.any()) for call in self.calls)
        window.note(now if reached else plain, plain, by if reached else [], "numbers of embedded inputs")
        self.seen = True


def _keep(call: _Call, gradient: Tensor) -> None:
    call.gradient = gradient.detach()


def _row_norms(tensor: Tensor) -> Tensor:
    """Return the L2 norm of each row (B, 1, ..., 1), 1 where it is 0."""
    norm: Tensor = torch.linalg.vector_norm(tensor, dim=tuple(range(1, tensor.ndim)), keepdim=True)
    return norm + (norm == 0)
