"""Are rows kept apart, in every mode and at every batch size? Passes in float32."""

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from trainer.data.loading.batches import Batch
from trainer.engine.preflight.outputs import short
from trainer.engine.preflight.probe import (
    SAME,
    Mistake,
    ProbedModel,
    Trace,
    first_difference,
    learning,
    movement,
    place,
    predicting,
    stopped_in,
)
from trainer.wording.lists import first_few

LEAK = 0.01  # outputs that move by more than this share are an error, by less a warning
NAMES_SHOWN = 3


def random_in_evaluation(probe: ProbedModel, first: Trace) -> Mistake | None:
    """The same rows give the same outputs twice."""
    again = predicting(probe.model, probe.rows.inputs)
    if again.error is not None or movement(first.output, again.output) <= SAME:
        return None
    call = first_difference(first, again, kept=len(probe.rows.target))
    return Mistake(
        "the model is random in evaluation mode: the same rows give other outputs the second time",
        place(call.name, call.module),
        "dropout must know the mode: nn.Dropout, or F.dropout(x, p, training=self.training)",
        is_error=False,
    )


def batch_leak(probe: ProbedModel, first: Trace) -> Mistake | None:
    """A row's output does not depend on the other rows of its batch."""
    n_rows = len(probe.rows.target)
    kept = n_rows // 2
    others = torch.tensor([*range(kept), *[0] * (n_rows - kept)], device=probe.target.device)
    before, after = _seeded(probe, probe.rows), _seeded(probe, probe.rows.part(others))
    if not kept or after.error is not None:
        return None
    moved = movement(before.output[:kept], after.output[:kept])
    if not moved > SAME:
        return None
    call = first_difference(before, after, kept)
    return Mistake(
        f"rows leak into each other: in evaluation mode a row's output moves by {moved:.0%} "
        "when only the other rows of its batch change",
        place(call.name, call.module),
        _leak_fix(call.module),
        is_error=moved > LEAK,
    )


def _seeded(probe: ProbedModel, batch: Batch) -> Trace:
    torch.manual_seed(0)  # the same dropout in both passes, should it be on
    return predicting(probe.model, batch.inputs)


def _leak_fix(module: nn.Module) -> str:
    if isinstance(module, _BatchNorm) and not module.track_running_stats:
        return "let BatchNorm keep running statistics (track_running_stats=True), or use LayerNorm"
    if isinstance(module, nn.MultiheadAttention) or hasattr(module, "batch_first"):
        return "set batch_first=True: dimension 0 is the batch, here it is taken for the sequence"
    return "compute mean, softmax, normalisation and attention within a row, never over dimension 0"


def single_row(probe: ProbedModel, first: Trace) -> Mistake | None:
    """A batch of one row (the last of a fold may be one) keeps its shape."""
    trace = predicting(probe.model, probe.rows.part(slice(1)).inputs)
    wanted = (1, probe.loss.n_outputs)
    if trace.error is not None:
        what, where = (
            f"the model cannot run on a batch of one row: {short(trace.error)}",
            stopped_in(trace, probe.model),
        )
    elif tuple(trace.output.shape) != wanted:
        what = f"a batch of one row loses its dimension: {tuple(trace.output.shape)} instead of {wanted}"
        where = place("", probe.model)
    else:
        return None
    return Mistake(what, where, "name the dimension: squeeze(1) or flatten(1), never a bare squeeze()")


def modes_in_evaluation(probe: ProbedModel, first: Trace) -> Mistake | None:
    """The forward pass leaves evaluation mode alone."""
    return switched(first, "train()")


def switched(trace: Trace, call: str) -> Mistake | None:
    """No module's training flag changed during the pass."""
    if not trace.switched:
        return None
    return Mistake(
        f"the model calls {call} in its own forward: dropout and BatchNorm then work in the wrong mode",
        f"training flag of {first_few(trace.switched, NAMES_SHOWN)}",
        "remove the call: training and evaluation mode are set around every pass",
        is_error=False,
    )


def lone_row(probe: ProbedModel) -> Mistake | None:
    """BatchNorm never trains on a batch of one row."""
    if not any(isinstance(module, _BatchNorm) for module in probe.model.modules()) or not _lone(
        probe, probe.batch_size
    ):
        return None
    trace = learning(probe.model, probe.rows.part(slice(1)).inputs, lambda model, inputs: model(**inputs))
    if trace.error is None or not _refused_by_batchnorm(trace):
        return None
    size = next(size for size in _nearest(probe.batch_size) if not _lone(probe, size))
    sizes = sorted(n for n in set(probe.train_sizes) if n % probe.batch_size == 1) or [min(probe.train_sizes)]
    return Mistake(
        f"BatchNorm would get a training batch of one row: {sizes[0]} training rows in batches of {probe.batch_size}",
        stopped_in(trace, probe.model),
        f"set batch_size={size}: no fold's last batch has one row then",
    )


def _refused_by_batchnorm(trace: Trace) -> bool:
    return bool(trace.open) and isinstance(trace.open[-1][1], _BatchNorm)


def _lone(probe: ProbedModel, batch_size: int) -> bool:
    return batch_size == 1 or any(n % batch_size == 1 for n in probe.train_sizes)


def _nearest(size: int) -> list[int]:
    """Return other batch sizes, the nearest first and larger before smaller; one of them always fits."""
    reach = range(1, size + 1000)
    return [s for step in reach for s in (size + step, size - step) if s > 1]
