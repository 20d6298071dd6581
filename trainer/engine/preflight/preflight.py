"""Before training: one batch through the real model and loss, in search of the classic mistakes.

The lists below are the table of contents; each check is one function that returns a finding or None.
"""

from collections.abc import Iterable

from trainer.engine.preflight.behaviour import (
    batch_leak,
    lone_row,
    modes_in_evaluation,
    random_in_evaluation,
    single_row,
)
from trainer.engine.preflight.outputs import (
    forward_runs,
    inputs_fit_forward,
    labels_in_range,
    log_probabilities,
    loss_per_row,
    output_shape,
    outputs_finite,
    probabilities,
    raw_where_log_probs,
    softmax_over_batch,
    squashed,
)
from trainer.engine.preflight.probe import Mistake, ProbedModel, predicting
from trainer.engine.preflight.step import (
    every_gradient,
    finite_step,
    float32_step,
    level_step,
    loss_at_start,
    modes_in_training,
    some_gradient,
    step_runs,
)
from trainer.errors import ConfigError

BEFORE_ANY_PASS = (inputs_fit_forward, labels_in_range)
ON_THE_OUTPUT = (forward_runs, output_shape, outputs_finite, loss_per_row)
ON_WHAT_IT_MEANS = (softmax_over_batch, probabilities, log_probabilities, raw_where_log_probs, squashed)
IN_EVALUATION_MODE = (modes_in_evaluation, random_in_evaluation, batch_leak, single_row)
IN_TRAINING_MODE = (modes_in_training, some_gradient, step_runs, finite_step, every_gradient)
AT_THE_PRECISION = (step_runs, finite_step, loss_at_start)


def preflight(probe: ProbedModel) -> list[str]:
    """Try model, loss and precision on one batch.

    Args:
        probe: holds a throw-away model; its random numbers are drawn from torch's global generator.

    Returns:
        The warnings, one line each.

    Raises:
        ConfigError: the first mistake that would make training pointless: what, where and the fix.
    """
    return [finding.line() for finding in raised(findings(probe))]


def findings(probe: ProbedModel) -> Iterable[Mistake]:
    """Yield what the checks find, each stage on what the one before it has made sure of."""
    yield from _found(check(probe) for check in BEFORE_ANY_PASS)
    first = predicting(probe.model, probe.rows.inputs)
    yield from _found(check(probe, first) for check in ON_THE_OUTPUT)
    if hasattr(probe.loss, "expects"):
        yield from _found(check(probe, first) for check in ON_WHAT_IT_MEANS)
    else:  # a loss of the user's may not say what it wants
        yield unknown_wish(probe)
    yield from _found(check(probe, first) for check in IN_EVALUATION_MODE)
    yield from _found([lone_row(probe)])
    step = float32_step(probe)
    yield from _found(check(probe, step) for check in IN_TRAINING_MODE)
    step = level_step(probe)
    yield from _found(check(probe, step) for check in AT_THE_PRECISION)


def unknown_wish(probe: ProbedModel) -> Mistake:
    """Warn that a loss of the user's does not say what it wants of the model."""
    return Mistake(
        what=f"{probe.loss_name} does not say what it wants: whether the model's outputs suit it was not looked at",
        where=probe.loss_name,
        fix='give the class expects = "logits" or "log_probs"',
        is_error=False,
    )


def _found(results: Iterable[Mistake | None]) -> Iterable[Mistake]:
    return (finding for finding in results if finding is not None)


def raised(found: Iterable[Mistake]) -> Iterable[Mistake]:
    """Pass warnings on.

    Raises:
        ConfigError: at the first error; nothing after it is tried.
    """
    for finding in found:
        if finding.is_error:
            raise ConfigError(f"{finding.lines()}\n(preflight=off trains all the same)")
        yield finding
