"""Progress on the terminal: bars where there is one, plain lines otherwise."""

import time
from collections.abc import Callable, Iterable
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import track as progress_bar

from trainer.data.preprocess.contract import ShowProgress
from trainer.report.formatting import number
from trainer.results import CVResult, EpochRecord, FoldResult
from trainer.tasks import Target, Task

PLAIN_SECONDS = 5.0  # between two plain epoch lines of a fold
NOTEBOOK_SECONDS = 0.2  # between two drawings of the bars in a notebook


class ProgressBars:
    """A bar over the folds, and one over the steps of each fold at hand.

    Args:
        console: where to draw.
        n_folds: folds this process runs.
    """

    def __init__(self, console: Console, n_folds: int) -> None:
        self.bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[numbers]}"),
            TimeRemainingColumn(compact=True),
            console=console,
            transient=True,
            auto_refresh=not console.is_jupyter,  # rich's thread there takes lines printed meanwhile away (15.0)
        )
        self.drawn = 0.0
        self.folds = self.bars.add_task("folds", total=n_folds, numbers="")

    def lane(self) -> "FoldBar":
        """Return a bar for the folds that are trained one after the other; the first one begins to draw."""
        self.bars.start()
        return FoldBar(self.bars, self.folds, self.draw)

    def draw(self) -> None:
        """Draw the bars where nobody else does, not too often."""
        if self.bars.console.is_jupyter and time.perf_counter() - self.drawn > NOTEBOOK_SECONDS:
            self.bars.refresh()
            self.drawn = time.perf_counter()

    def close(self) -> None:
        """Take the bars away."""
        self.bars.stop()


class FoldBar:
    """The bar of the fold at hand.

    Args:
        bars: drawn together.
        folds: the bar over all folds.
        draw: called when something has changed.
    """

    def __init__(self, bars: Progress, folds: TaskID, draw: Callable[[], None]) -> None:
        self.bars, self.folds, self.draw = bars, folds, draw
        self.steps = self.bars.add_task("steps", total=None, numbers="")
        self.fold: int | str = 0
        self.steps_before = 0
        self.started = time.perf_counter()

    def fold_started(self, fold: int | str, total_steps: int, steps_before: int) -> None:
        """Begin the bar of a fold."""
        self.fold, self.steps_before = fold, steps_before
        self.bars.reset(self.steps, total=total_steps, description=f"fold {fold}", numbers="")
        self.bars.update(self.steps, completed=steps_before)
        self.started = time.perf_counter()

    def step(self, step: int, loss: float, lr: float) -> None:
        """Advance the bar; show loss, learning rate and speed."""
        speed = (step - self.steps_before) / max(time.perf_counter() - self.started, 1e-9)
        self.bars.update(self.steps, completed=step, numbers=f"loss {loss:.4f}  lr {lr:.2g}  {speed:.0f} it/s")
        self.draw()

    def epoch(self, record: EpochRecord) -> None:
        """Advance the bar to the end of the epoch."""
        self.step(record.step, record.train_loss, record.lr)
        self.bars.update(self.steps, description=f"fold {self.fold} epoch {record.epoch}")

    def fold_finished(self, result: FoldResult, target_V: Target, classes: tuple[str, ...], task: Task) -> None:
        """Advance the folds and leave a line behind."""
        self.bars.advance(self.folds)
        self.bars.console.print(fold_line(self.fold, result), highlight=False, soft_wrap=True)

    def finished(self, result: CVResult, hparams: dict[str, Any]) -> None:
        """Nothing to show: the tables follow."""


class PlainLines:
    """One line per fold, and an epoch line at most every five seconds.

    Args:
        console: where to print.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self.fold: int | str = 0
        self.printed = time.perf_counter()

    def lane(self) -> "PlainLines":
        """Return what prints the lines of folds that are trained one after the other."""
        return PlainLines(self.console)

    def fold_started(self, fold: int | str, total_steps: int, steps_before: int) -> None:
        """Remember the fold."""
        self.fold = fold
        self.printed = time.perf_counter()

    def step(self, step: int, loss: float, lr: float) -> None:
        """Steps are not printed."""

    def epoch(self, record: EpochRecord) -> None:
        """Print the epoch if the last line is old enough."""
        now = time.perf_counter()
        if now - self.printed < PLAIN_SECONDS:
            return
        self.printed = now
        scores = "".join(f"  {name} {number(value)}" for name, value in list(record.monitor.items())[:1])
        self.console.print(
            f"fold {self.fold} epoch {record.epoch}  loss {record.train_loss:.4f}{scores}  {record.seconds:.1f} s",
            highlight=False,
        )

    def fold_finished(self, result: FoldResult, target_V: Target, classes: tuple[str, ...], task: Task) -> None:
        """Print the fold's scores."""
        self.console.print(fold_line(self.fold, result), highlight=False, soft_wrap=True)

    def finished(self, result: CVResult, hparams: dict[str, Any]) -> None:
        """Nothing to print: the tables follow."""

    def close(self) -> None:
        """Nothing is left open."""


def progress_on(console: Console) -> ShowProgress:
    """Return what shows the progress of work over many items: a bar on a terminal, nothing elsewhere."""

    def track(items: Iterable[Any], description: str, total: int) -> Iterable[Any]:
        if not console.is_terminal:
            return items
        return progress_bar(items, description, total, console=console, transient=True)

    return track


def fold_line(fold: int | str, result: FoldResult) -> str:
    """Return a finished fold in one line."""
    scores = "  ".join(f"{name} {number(value)}" for name, value in list(result.metrics.items())[:3])
    loss = result.epochs[-1].train_loss
    epoch = f"epoch {result.best_epoch}/{len(result.epochs)}"
    return f"fold {fold}: {epoch}  loss {loss:.4f}  {scores}  {result.seconds:.1f} s"
