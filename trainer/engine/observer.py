"""What a tracker is told while a run goes on."""

from typing import Any, Protocol

from trainer.results import CVResult, EpochRecord, FoldResult
from trainer.tasks import Target, Task


class Observer(Protocol):
    """Listens to a run; nothing it does changes the numbers."""

    def fold_started(self, fold: int | str, total_steps: int, steps_before: int) -> None:
        """A fold begins, or goes on after ``steps_before`` of its ``total_steps`` optimizer steps."""
        ...

    def step(self, step: int, loss: float, lr: float) -> None:
        """Called a few times a second with the epoch's mean loss so far."""
        ...

    def epoch(self, record: EpochRecord) -> None:
        """An epoch ended."""
        ...

    def fold_finished(self, result: FoldResult, target_V: Target, classes: tuple[str, ...], task: Task) -> None:
        """A fold was scored on its held-out rows, whose targets are ``target_V`` (V,) or (V, L); V may be 0."""
        ...

    def finished(self, result: CVResult, hparams: dict[str, Any]) -> None:
        """All folds are there."""
        ...


class Forwarding:
    """An observer that tells everything it is told to ``pass_on``, by the method's name."""

    def pass_on(self, method: str, *facts: Any) -> None:
        """Do with it what is to be done."""
        raise NotImplementedError

    def fold_started(self, fold: int | str, total_steps: int, steps_before: int) -> None:
        """Pass on that a fold begins or goes on."""
        self.pass_on("fold_started", fold, total_steps, steps_before)

    def step(self, step: int, loss: float, lr: float) -> None:
        """Pass on the loss so far."""
        self.pass_on("step", step, loss, lr)

    def epoch(self, record: EpochRecord) -> None:
        """Pass on that an epoch ended."""
        self.pass_on("epoch", record)

    def fold_finished(self, result: FoldResult, target_V: Target, classes: tuple[str, ...], task: Task) -> None:
        """Pass on how a fold was scored."""
        self.pass_on("fold_finished", result, target_V, classes, task)

    def finished(self, result: CVResult, hparams: dict[str, Any]) -> None:
        """Pass on that all folds are there."""
        self.pass_on("finished", result, hparams)
