"""Training as a row of steps that are due: who takes them decides whether a fold is trained alone or with others."""

from collections.abc import Callable, Generator, Iterator, Sequence
from itertools import islice
from typing import NamedTuple, TypeVar

from trainer.data.loading.batches import Batch
from trainer.engine.loops import Learner, Totals, require_finite, train_step
from trainer.engine.modes import training

CUDA_CHECK_STEPS = 20  # steps between looks at the loss where a look means waiting for the device

Result = TypeVar("Result")


class Step(NamedTuple):
    """One optimizer step that is due.

    Attributes:
        learner: to be changed by it.
        batches: whose rows it is on.
        clip_norm: largest L2 norm of the gradients, or None.
        totals: the epoch's sums, to be added to.
    """

    learner: Learner
    batches: Sequence[Batch]
    clip_norm: float | None
    totals: Totals


Steps = Generator[Step, None, Result]  # each step has been taken when the next one is asked for


def take_all(steps: "Steps[Result]", take: Callable[..., None] = train_step) -> Result:
    """Take all steps, one after the other; return what they come to.

    What a step raises is raised where it was due, inside of whatever surrounds it there.
    """
    try:
        step = next(steps)
        while True:
            try:
                take(*step)
            except BaseException as error:
                steps.throw(error)
                raise
            step = next(steps)
    except StopIteration as end:
        result: Result = end.value
        return result


def epoch_steps(
    learner: Learner,
    batches: Iterator[Batch],
    totals: Totals,
    *,
    accumulate_steps: int,
    clip_norm: float | None,
    on_step: Callable[[Totals], None],
) -> Steps[None]:
    """Yield the steps that train on every batch once.

    Args:
        learner: changed in place.
        batches: of the epoch, or those that are left of it.
        totals: the epoch's sums, added to.
        accumulate_steps: batches per optimizer step; the last window may hold fewer and is averaged over its own rows.
        clip_norm: largest L2 norm of the gradients, or None.
        on_step: called after each optimizer step, when the model and the sums are whole.

    Raises:
        NonFiniteError: the loss is NaN or infinite, or every step overflows.
    """
    check_every = 1 if totals.loss.device.type == "cpu" else CUDA_CHECK_STEPS
    with training(learner.model), learner.as_message():
        for number, window in enumerate(_windows(batches, accumulate_steps), start=1):
            yield Step(learner, window, clip_norm, totals)
            if number % check_every == 0:
                require_finite(totals)
            on_step(totals)
    require_finite(totals)


def _windows(batches: Iterator[Batch], size: int) -> Iterator[list[Batch]]:
    while window := list(islice(batches, size)):
        yield window
