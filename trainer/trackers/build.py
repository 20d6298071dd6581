"""The trackers and the progress display that a configuration names."""

from pathlib import Path

from rich.console import Console

from trainer.config.schema import RunConfig
from trainer.engine.observer import Observer
from trainer.trackers.console import PlainLines, ProgressBars


def make_trackers(config: RunConfig, directory: Path) -> list[Observer]:
    """Return the trackers the configuration names."""
    if config.tracker.name == "none":
        return []
    from trainer.trackers.tensorboard import TensorBoardTracker

    return [TensorBoardTracker(directory)]


def make_progress(config: RunConfig, console: Console, n_folds: int) -> ProgressBars | PlainLines:
    """Return bars where there is a terminal, else plain lines; ``runtime.progress`` decides."""
    wanted = config.runtime.progress
    if wanted == "rich" or (wanted == "auto" and console.is_terminal):
        return ProgressBars(console, n_folds)
    return PlainLines(console)
