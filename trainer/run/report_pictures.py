"""The pictures of a report, drawn while its figures are computed where a core has nothing else to do."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import torch

from trainer.executors.computed_beside import computed_beside
from trainer.report import markdown
from trainer.report.markdown import Pictures
from trainer.results import FoldResult, OutOfFold
from trainer.run.copies import RunCopy
from trainer.run.steps.parallel import starts_new_processes, why_not
from trainer.system.resources import usable_cores

CPU = torch.device("cpu")


@contextmanager
def pictures_of(
    run: RunCopy, folds: Sequence[FoldResult], oof: OutOfFold, *, beside: bool
) -> Iterator[Callable[[], Pictures]]:
    """Yield what returns the pictures of a run.

    Args:
        run: that is merged.
        folds: all of it.
        oof: their predictions.
        beside: whether they may be drawn in another process meanwhile.
    """
    facts = run.facts
    draw = partial(
        markdown.draw_pictures, oof, folds, primary=facts["metrics"][0], classes=tuple(facts["classes"]), task=run.task
    )
    if not beside or usable_cores() < 2 or why_not(CPU) or starts_new_processes(CPU):
        yield draw
        return
    with computed_beside(draw) as wait:
        yield wait
