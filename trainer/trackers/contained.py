"""A tracker that raises does not lose the run: it is left out from then on, and a note says so."""

from collections.abc import Callable
from typing import Any

from trainer.engine.observer import Observer
from trainer.errors import FoldwiseError, as_foldwise_error
from trainer.results import CVResult, EpochRecord, FoldResult
from trainer.tasks import Target, Task

METHODS = ("fold_started", "step", "epoch", "fold_finished", "finished")  # of trainer.engine.observer.Observer


class Contained:
    """Tells a tracker until it raises.

    Args:
        tracker: of the user's, or ours.
        name: of its section.
        print_line: prints one line.
    """

    def __init__(self, tracker: Observer, name: str, print_line: Callable[[str], None]) -> None:
        self._tracker: Observer | None = tracker
        self._name, self._print_line = name, print_line

    def fold_started(self, fold: int | str, total_steps: int, steps_before: int) -> None:
        """Tell that a fold begins or goes on."""
        self._tell("fold_started", fold, total_steps, steps_before)

    def step(self, step: int, loss: float, lr: float) -> None:
        """Tell the loss so far."""
        self._tell("step", step, loss, lr)

    def epoch(self, record: EpochRecord) -> None:
        """Tell of an epoch."""
        self._tell("epoch", record)

    def fold_finished(self, result: FoldResult, target_V: Target, classes: tuple[str, ...], task: Task) -> None:
        """Tell how a fold was scored."""
        self._tell("fold_finished", result, target_V, classes, task)

    def finished(self, result: CVResult, hparams: dict[str, Any]) -> None:
        """Tell the result."""
        self._tell("finished", result, hparams)

    def _tell(self, what: str, *facts: object) -> None:
        """Call a method; a full disk and what else Foldwise itself answers ends the run as anywhere."""
        if self._tracker is None:
            return
        try:
            getattr(self._tracker, what)(*facts)
        except FoldwiseError:
            raise
        except Exception as error:  # a tracker of the user's may raise anything
            self._tracker = None
            said = str(as_foldwise_error(error)).splitlines()[0]
            self._print_line(f"warning: tracker.{self._name} is told no more, it raised {said}")
