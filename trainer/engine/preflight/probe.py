"""What the preflight looks at: one batch through a throw-away model, seen from inside by forward hooks."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from trainer.data.loading.batches import Batch
from trainer.engine.modes import evaluating, training
from trainer.engine.precision.opt_levels import OptLevel
from trainer.errors import FoldwiseError
from trainer.losses.contract import Loss
from trainer.tasks import Task

PROBE_ROWS = 16  # enough to tell a model's mistakes apart; a large model is not run on more than it needs
KEPT_ELEMENTS = 1 << 18  # outputs of modules are kept up to this size, to find the one that is the model's output
SAME = 1e-4  # relative: honest rows are equal to the last bit, since both passes run the same kernels


@dataclass(frozen=True)
class Mistake:
    """One mistake.

    Attributes:
        what: is wrong.
        where: in the model, by module name.
        fix: what to change.
        is_error: whether training must not start.
    """

    what: str
    where: str
    fix: str
    is_error: bool = True

    def lines(self) -> str:
        """Return three lines, for an error."""
        return f"{self.what}\nwhere: {self.where}\nfix: {self.fix}"

    def line(self) -> str:
        """Return one line, for a list of warnings."""
        return f"{self.what}; where: {self.where}; fix: {self.fix}"


@dataclass(frozen=True)
class ProbedModel:
    """What is tried before training.

    Attributes:
        model: throw-away, float32, on its device; it is changed.
        loss: of the fold.
        level: precision the folds train at.
        task: of the data.
        batch: a training batch of at least two rows (where the fold has them).
        target: of all rows, (N,) or (N, L).
        train_sizes: training rows of each fold.
        batch_size: rows per training batch.
    """

    model: nn.Module
    loss: Loss
    level: OptLevel
    task: Task
    batch: Batch
    target: Tensor
    train_sizes: Sequence[int]
    batch_size: int

    @property
    def rows(self) -> Batch:
        """The first rows of the batch."""
        return self.batch.part(slice(PROBE_ROWS))

    @property
    def loss_name(self) -> str:
        """The loss as the command line names it; one of the user's own by its class."""
        kind = type(self.loss)
        package, _, file = kind.__module__.rpartition(".")
        return f"loss={file}" if package == "trainer.losses" else kind.__name__

    @property
    def by_sigmoid(self) -> bool:
        """Whether each output is a yes or no of its own, rather than the outputs together one choice."""
        return self.task.by_sigmoid(self.loss.n_outputs)


@dataclass(frozen=True)
class Call:
    """One module's turn in a forward pass.

    Attributes:
        name: as in ``named_modules``; empty for the model itself.
        module: that ran.
        inputs: one fingerprint (B,) per input tensor.
        output: fingerprint (B,), or None where it returned no tensor.
        result: a copy of what it returned, where that is small.
    """

    name: str
    module: nn.Module
    inputs: tuple[Tensor, ...]
    output: Tensor | None
    result: Tensor | None


@dataclass
class Trace:
    """A forward pass as seen from inside.

    Attributes:
        output: of the model.
        calls: of the modules, in the order they ended.
        open: modules that were entered and not left, the innermost last.
        switched: modules whose training flag the pass changed.
        error: that ended the pass.
    """

    output: Any = None
    calls: list[Call] = field(default_factory=list)
    open: list[tuple[str, nn.Module, tuple[Tensor, ...]]] = field(default_factory=list)
    switched: tuple[str, ...] = ()
    error: Exception | None = None

    def producer(self) -> Call:
        """Return the first module that returned what the model returned (at the latest the model itself)."""
        found = (call for call in self.calls if call.result is not None and _equal(call.result, self.output))
        return next(found, self.calls[-1])


Forward = Callable[[nn.Module, Mapping[str, Tensor]], Any]


def predicting(model: nn.Module, inputs: Mapping[str, Tensor]) -> Trace:
    """Trace a pass in evaluation mode, in float32."""
    with evaluating(model), torch.inference_mode(False), torch.no_grad():  # a cached inference tensor cannot train
        return traced(model, inputs, lambda model, inputs: model(**inputs))


def learning(model: nn.Module, inputs: Mapping[str, Tensor], forward: Forward) -> Trace:
    """Trace a pass in training mode, with gradients."""
    with training(model):
        return traced(model, inputs, forward)


def traced(model: nn.Module, inputs: Mapping[str, Tensor], forward: Forward) -> Trace:
    """Run ``forward`` and record every module's turn; what it raises is recorded too.

    Raises:
        FoldwiseError: of the model.
    """
    trace = Trace()
    modes = {name: module.training for name, module in model.named_modules()}
    with _hooks(model, trace):
        try:
            trace.output = forward(model, inputs)
        except FoldwiseError:
            raise
        except Exception as error:  # whatever a user's model raises is a finding
            trace.error = error
    trace.switched = tuple(name or "the model" for name, m in model.named_modules() if modes.get(name) != m.training)
    return trace


@contextmanager
def _hooks(model: nn.Module, trace: Trace) -> Iterator[None]:
    handles = []
    for name, module in model.named_modules():
        if isinstance(module, torch.jit.ScriptModule):  # takes no hooks
            continue
        handles.append(module.register_forward_pre_hook(_entering(name, trace), with_kwargs=True))
        handles.append(module.register_forward_hook(_leaving(trace)))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _entering(name: str, trace: Trace) -> Callable[[nn.Module, tuple[Any, ...], dict[str, Any]], None]:
    def hook(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        marks = (fingerprint(value) for value in (*args, *kwargs.values()))
        trace.open.append((name, module, tuple(mark for mark in marks if mark is not None)))

    return hook


def _leaving(trace: Trace) -> Callable[[nn.Module, Any, Any], None]:
    def hook(module: nn.Module, _: Any, output: Any) -> None:
        name, _, inputs = trace.open.pop()
        small = isinstance(output, Tensor) and output.numel() <= KEPT_ELEMENTS
        trace.calls.append(Call(name, module, inputs, fingerprint(output), output.detach().clone() if small else None))

    return hook


def fingerprint(value: Any) -> Tensor | None:
    """Return one number per row (B,) that moves with any change in the row; None where there is no tensor."""
    if isinstance(value, (tuple, list)):
        value = next((item for item in value if isinstance(item, Tensor)), None)
    if not isinstance(value, Tensor) or value.dim() == 0 or not len(value):
        return None
    flat_BE = value.detach().reshape(len(value), -1).float()
    return flat_BE @ torch.arange(flat_BE.shape[1], device=flat_BE.device).float().cos()


def place(name: str, module: nn.Module) -> str:
    """Say where in the model something happens."""
    kind = type(module).__name__
    if not name:
        return f"the forward of {kind} itself, outside its modules"
    inner = any(True for _ in module.children())
    return f"module '{name}' ({kind})" + (", in its own forward" if inner else "")


def end_of(trace: Trace) -> str:
    """Say which module made the model's output."""
    call = trace.producer()
    return place(call.name, call.module)


def stopped_in(trace: Trace, model: nn.Module) -> str:
    """Say which module was running when the pass ended."""
    name, module = trace.open[-1][:2] if trace.open else ("", model)
    return place(name, module)


def first_not_finite(trace: Trace, model: nn.Module) -> str:
    """Say which module was the first to return NaN or infinity."""
    bad = (call for call in trace.calls if call.output is not None and not bool(call.output.isfinite().all()))
    call = next(bad, None)
    return place(call.name, call.module) if call else place("", model)


def first_difference(before: Trace, after: Trace, kept: int) -> Call:
    """Return the first module that made different outputs of equal inputs in the first ``kept`` rows."""
    for call, other in zip(before.calls, after.calls, strict=False):
        marks = zip((*call.inputs, call.output), (*other.inputs, other.output), strict=False)
        *inputs, output = (_differ(a, b, kept) for a, b in marks)
        if output and not any(inputs):
            return call
    return before.calls[-1]


def _differ(before: Tensor | None, after: Tensor | None, kept: int) -> bool:
    if before is None or after is None:
        return False
    return movement(before[:kept], after[:kept]) > SAME


def movement(before: Tensor, after: Tensor) -> float:
    """Return the largest change, as a share of the largest value."""
    largest = before.abs().max().clamp(min=torch.finfo(torch.float32).tiny)
    return float((after - before).abs().max() / largest)


def _equal(result: Tensor, output: Any) -> bool:
    if not isinstance(output, Tensor) or result.shape != output.shape:
        return False
    return torch.allclose(result.float(), output.detach().float(), atol=1e-5, equal_nan=True)


@contextmanager
def scrambled(model: nn.Module, scale: float, seed: int) -> Iterator[None]:
    """Add noise to every parameter for the length of the block, so that nothing is zero by its initial value."""
    parameters = [p for p in model.parameters() if p.is_floating_point()]
    kept = [p.detach().clone() for p in parameters]
    torch.manual_seed(seed)
    try:
        _shift(parameters, (torch.randn_like(p) * scale for p in parameters))
        yield
    finally:
        with torch.no_grad():
            for parameter, value in zip(parameters, kept, strict=True):
                parameter.copy_(value)


def _shift(parameters: Sequence[Tensor], by: Iterable[Tensor]) -> None:
    with torch.no_grad():
        for parameter, step in zip(parameters, by, strict=True):
            parameter.add_(step)
