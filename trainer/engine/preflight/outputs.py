"""Does the model take the data, and is what it returns what the loss wants? One pass in evaluation mode, float32."""

import inspect
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from trainer.engine.preflight.probe import (
    Mistake,
    ProbedModel,
    Trace,
    end_of,
    first_not_finite,
    place,
    predicting,
    scrambled,
    stopped_in,
)
from trainer.models.adapt import is_adapted, renamed
from trainer.tasks import Task

ONE = 1e-4  # how far sums of float32 probabilities may be from 1


def inputs_fit_forward(probe: ProbedModel) -> Mistake | None:
    """The names of the data's inputs are the names of ``forward``'s arguments."""
    given, kind = list(probe.batch.inputs), type(probe.model).__name__
    given = renamed(probe.model, given) if is_adapted(probe.model) else given
    parameters = inspect.signature(probe.model.forward).parameters.values()
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters)
    named = [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    unknown = [] if takes_any else [name for name in given if name not in {p.name for p in named}]
    lacking = [p.name for p in named if p.default is p.empty and p.name not in given]
    if not unknown and not lacking:
        return None
    return Mistake(
        f"the data gives {', '.join(given)} but {kind}.forward takes {', '.join(p.name for p in named) or 'nothing'}",
        f"{kind}.forward{_mismatch(unknown, lacking)}",
        "use a model for this data (tables: model=mlp, texts: model=text_cnn or rnn, images: model=image_cnn), "
        f"or write forward(self, "
        f"{', '.join(given)})",
    )


def _mismatch(unknown: Sequence[str], lacking: Sequence[str]) -> str:
    parts = [f"no argument {', '.join(unknown)}"] if unknown else []
    parts += [f"{', '.join(lacking)} would be missing"] if lacking else []
    return f" ({'; '.join(parts)})"


def labels_in_range(probe: ProbedModel) -> Mistake | None:
    """Every label has an output."""
    return label_out_of_range(
        probe.target, probe.task, probe.task.n_values(2 if probe.by_sigmoid else probe.loss.n_outputs)
    )


def label_out_of_range(target: Tensor, task: Task, n_values: int) -> Mistake | None:
    """Every label is a number from 0 to ``n_values`` - 1.

    Args:
        target: (N,) or (N, L).
        task: of the data.
        n_values: different labels there may be.
    """
    low, high = task.value_range(n_values)
    wrong = (~((target >= low) & (target <= high))).nonzero()  # NaN too
    if not len(wrong):
        return None
    spot = tuple(wrong[0].tolist())
    return Mistake(
        f"{task.noun_of_target} {target[spot].item():g} is out of range: {task.values_allowed(n_values)}",
        f"the data's target, row {spot[0]} (from 0), {len(wrong)} in all",
        "let the data source number its classes from 0 without gaps, in the order of its classes",
    )


def forward_runs(probe: ProbedModel, trace: Trace) -> Mistake | None:
    """The model does not raise."""
    if trace.error is None:
        return None
    return Mistake(
        f"the model cannot run on a training batch: {short(trace.error)}",
        stopped_in(trace, probe.model),
        f"make it fit inputs {_shapes(probe.rows.inputs)}",
    )


def short(error: Exception) -> str:
    """Return an exception as one line."""
    first_line = (str(error).strip().splitlines() or [""])[0]
    return f"{type(error).__name__}: {first_line}"[:160]


def _shapes(inputs: Mapping[str, Tensor]) -> str:
    return ", ".join(f"{name} {tuple(value.shape)} {str(value.dtype)[6:]}" for name, value in inputs.items())


def output_shape(probe: ProbedModel, trace: Trace) -> Mistake | None:
    """The output is one tensor (B, n_outputs)."""
    n_rows, n_outputs, output = len(probe.rows.target), probe.loss.n_outputs, trace.output
    if not isinstance(output, Tensor):
        return Mistake(
            f"the model returns a {type(output).__name__}, {probe.loss_name} needs one tensor (B, {n_outputs})",
            place("", probe.model),
            "return the logits alone (of a Hugging Face model: .logits)",
        )
    if tuple(output.shape) == (n_rows, n_outputs):
        return None
    found = ", ".join(map(str, output.shape)) + ("," if output.dim() == 1 else "")
    return Mistake(
        f"the model returns ({found}) for {n_rows} rows, {probe.loss_name} needs ({n_rows}, {n_outputs})",
        end_of(trace),
        _shape_fix(tuple(output.shape), n_rows, n_outputs),
    )


def _shape_fix(shape: tuple[int, ...], n_rows: int, n_outputs: int) -> str:
    size = torch.Size(shape).numel()
    if shape == (n_rows,) and n_outputs == 1:
        return "keep the last dimension (no squeeze): (B, 1), for (B,) against (B, 1) broadcasts to (B, B)"
    if size == n_rows * n_outputs:
        return f"keep one row per sample: end in .reshape(len(x), {n_outputs}), not view(-1) or a bare squeeze()"
    if len(shape) > 2 and shape[0] == n_rows:
        return f"pool or flatten the inner dimensions before a last layer with {n_outputs} outputs"
    if not shape or shape[0] != n_rows:
        return "keep dimension 0: it is the batch, nothing may be merged into it or summed over it"
    if len(shape) == 1:
        return f"return the logits of the last layer (B, {n_outputs}), no argmax, mean or max over the outputs"
    if shape[1] == 1:
        return f"let the last layer have {n_outputs} outputs (n_outputs is offered to the constructor), or use loss=bce"
    return (
        f"let the last layer have {n_outputs} output{'s' if n_outputs > 1 else ''}: take n_outputs in the constructor"
    )


def outputs_finite(probe: ProbedModel, trace: Trace) -> Mistake | None:
    """No NaN or infinity before training, in float32."""
    if bool(trace.output.isfinite().all()):
        return None
    bad = [name for name, value in probe.rows.inputs.items() if not bool(value.isfinite().all())]
    if bad:
        return Mistake(
            f"the inputs hold NaN or infinity: {', '.join(bad)}",
            "the data after preprocessing",
            "fill or drop the missing values in data.preprocess",
        )
    return Mistake(
        "the model returns NaN or infinity before any training, in float32",
        first_not_finite(trace, probe.model),
        "look there for a division by zero, log(0), sqrt of a negative number, or parameters left empty",
    )


def loss_per_row(probe: ProbedModel, trace: Trace) -> Mistake | None:
    """The loss runs and gives one value per row."""
    n_rows, where = len(probe.rows.target), f"the forward of {type(probe.loss).__name__}, the loss"
    try:
        shape = tuple(probe.loss(trace.output, probe.rows.target).shape)
    except Exception as error:  # whatever a user's loss raises
        fix = f"make it fit outputs {tuple(trace.output.shape)} and targets {tuple(probe.rows.target.shape)}"
        return Mistake(f"{probe.loss_name} cannot take the model's output: {short(error)}", where, fix)
    if shape == (n_rows,):
        return None
    if shape == (n_rows, n_rows):
        what = f"(B, 1) against (B,): {probe.loss_name} broadcasts to {shape}, every row against every other's label"
        return Mistake(what, where, "compare equal shapes: logits[:, 0] with target, or logits with target[:, None]")
    return Mistake(
        f"{probe.loss_name} returns shape {shape}, it must give one value per row ({n_rows},)",
        where,
        "use reduction='none' and average over everything but dimension 0",
    )


def softmax_over_batch(probe: ProbedModel, trace: Trace) -> Mistake | None:
    """Softmax over dimension 0 makes the rows of a batch compete."""
    outputs_BK = trace.output.float()
    columns = sums_to_one(outputs_BK, dim=0) or sums_to_one(outputs_BK.exp(), dim=0)
    rows = sums_to_one(outputs_BK, dim=1) or sums_to_one(outputs_BK.exp(), dim=1)
    if len(outputs_BK) < 2 or not columns or rows:
        return None
    return Mistake(
        "softmax over the wrong dimension: the columns of a batch sum to 1, its rows do not",
        end_of(trace),
        "remove it (not dim=0: that is the batch); models return raw logits",
    )


def sums_to_one(values_BK: Tensor, dim: int) -> bool:
    """Return whether the values are probabilities along ``dim``."""
    return bool((values_BK >= 0).all() and ((values_BK.sum(dim) - 1).abs() < ONE).all())


def probabilities(probe: ProbedModel, trace: Trace) -> Mistake | None:
    """Softmax is already applied."""
    if not sums_to_one(trace.output.float(), dim=1):
        return None
    if probe.loss.n_outputs == 1:
        what = "softmax over a single output: it is 1 for every row, nothing can be learned"
        return Mistake(what, end_of(trace), f"remove the softmax; {probe.loss_name} takes the raw output")
    if probe.by_sigmoid:
        what = "softmax on a multi-label task: it lets only one label win, labels here are independent"
        fix = f"remove it and return raw logits: {probe.loss_name} applies a sigmoid to each label"
        return Mistake(what, end_of(trace), fix)
    if probe.loss.expects == "log_probs":
        what = f"the model returns probabilities, {probe.loss_name} wants log-probabilities here"
        return Mistake(what, end_of(trace), "put log_softmax in the place of softmax, or return raw logits and " + RAW)
    return Mistake(
        f"softmax is applied twice: the model returns probabilities and {probe.loss_name} applies softmax itself",
        end_of(trace),
        "remove the softmax: models return raw logits",
    )


RAW = "leave loss.model_outputs_log_probs=false"


def log_probabilities(probe: ProbedModel, trace: Trace) -> Mistake | None:
    """Log-softmax is already applied."""
    if probe.loss.n_outputs == 1 or probe.loss.expects == "log_probs":
        return None
    if not sums_to_one(trace.output.float().exp(), dim=1):
        return None
    if probe.by_sigmoid:
        what = "log-softmax on a multi-label task: no output can be positive, so no label ever passes 0.5"
        return Mistake(what, end_of(trace), "remove it and return raw logits")
    switch = "model_outputs_log_probs" in inspect.signature(type(probe.loss)).parameters
    return Mistake(
        f"log-softmax is applied twice: by the model and by {probe.loss_name} (harmless, but wasted)",
        end_of(trace),
        "set loss.model_outputs_log_probs=true, or remove it" if switch else "remove it: models return raw logits",
        is_error=False,
    )


def raw_where_log_probs(probe: ProbedModel, trace: Trace) -> Mistake | None:
    """The loss was told to expect log-probabilities and gets something else."""
    if probe.loss.expects != "log_probs" or sums_to_one(trace.output.float().exp(), dim=1):
        return None
    return Mistake(
        f"the model returns raw logits, {probe.loss_name} was told that it ends in log-softmax",
        end_of(trace),
        "set loss.model_outputs_log_probs=false, or end the model in log_softmax(dim=1)",
    )


def squashed(probe: ProbedModel, trace: Trace) -> Mistake | None:
    """A sigmoid (or a clamp) is already applied: whatever the weights, the outputs stay within 0 and 1."""
    call = trace.producer()
    if not _in_unit(trace.output) or not (isinstance(call.module, nn.Sigmoid) or _bounded(probe)):
        return None
    twice = "applies sigmoid itself" if probe.by_sigmoid else "wants logits of any size"
    return Mistake(
        f"sigmoid before the loss: the model's outputs stay within 0 and 1, and {probe.loss_name} {twice}",
        end_of(trace),
        "remove the sigmoid: models return raw logits",
    )


def _in_unit(outputs: Tensor) -> bool:
    return bool(((outputs >= 0) & (outputs <= 1)).all())


def _bounded(probe: ProbedModel) -> bool:
    """Return whether outputs stay within 0 and 1 under several random weights (those that overflow say nothing)."""
    agreeing = 0
    for seed, scale in enumerate((0.3, 1.0, 3.0, 10.0)):
        with scrambled(probe.model, scale, seed):
            outputs = predicting(probe.model, probe.rows.inputs).output
        if isinstance(outputs, Tensor) and bool(outputs.isfinite().all()):
            if not _in_unit(outputs):
                return False
            agreeing += 1
    return agreeing >= 2
