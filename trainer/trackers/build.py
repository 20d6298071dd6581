"""The trackers and the progress display that a configuration names."""

from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rich.console import Console

from trainer.config.build import check_section, construct, resolve_target
from trainer.engine.observer import Observer
from trainer.errors import ConfigError
from trainer.system.paths import USER_OF_ADDRESS
from trainer.trackers.console import PlainLines, ProgressBars
from trainer.trackers.contained import METHODS, Contained

SECRET = "holds a user or password, which the run would keep: use MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"


def tracker_problems(sections: Mapping[str, Any], plugins: Sequence[str]) -> list[str]:
    """Return what is wrong with the ``tracker`` sections, one line each."""
    problems = []
    for name, section in sections.items():
        if not isinstance(section, Mapping):
            problems.append(f"tracker.{name}={section}: a tracker is a section with _target_ (tracker=[tensorboard])")
            continue
        found = check_section("tracker", section, plugins)
        target = None if found else resolve_target("tracker", section["_target_"], plugins)
        if isinstance(target, type):
            found = [*_lacking(target, section["_target_"]), *_package_problems(name, target)]
        found += [f"tracker.{key}: {SECRET}" for key, value in section.items() if USER_OF_ADDRESS.search(str(value))]
        problems += [problem.replace("tracker", f"tracker.{name}", 1) for problem in found]
    return problems


def _package_problems(name: str, target: type) -> list[str]:
    needs = getattr(target, "needs", None)
    if needs is None or find_spec(needs) is not None:
        return []
    return [f"tracker={name}: needs {needs}, which is not installed: pip install 'foldwise[{needs}]'"]


def make_trackers(
    sections: Mapping[str, Any], plugins: Sequence[str], directory: Path, print_line: Callable[[str], None]
) -> list[Observer]:
    """Build the trackers of the ``tracker`` sections.

    Args:
        sections: by name, each with ``_target_``.
        plugins: packages of the user's.
        directory: of the run.
        print_line: told when a tracker has raised and is left out from then on.

    Raises:
        ConfigError: one cannot be built, or is no tracker.
    """
    trackers: list[Observer] = []
    for name, section in sections.items():
        tracker = construct("tracker", section, plugins, directory=directory, print_line=print_line)
        lacking = _lacking(tracker, section["_target_"])
        if lacking:
            raise ConfigError(lacking[0])
        trackers.append(Contained(tracker, name, print_line))
    return trackers


def _lacking(tracker: object, target: str) -> list[str]:
    methods = [method for method in METHODS if not callable(getattr(tracker, method, None))]
    if not methods:
        return []
    return [f"tracker: {target} has no {', '.join(methods)} (trainer/engine/observer.py says what a tracker is told)"]


def draws_bars(console: Console) -> bool:
    """Whether lines can be drawn over: in a notebook rich draws them by ipywidgets, and warns where there is none."""
    return console.is_terminal or (console.is_jupyter and find_spec("ipywidgets") is not None)


def make_progress(wanted: str, console: Console, n_folds: int) -> ProgressBars | PlainLines:
    """Return bars where there is a terminal or a notebook with widgets, else plain lines; or what is ``wanted``."""
    if wanted == "rich" or (wanted == "auto" and draws_bars(console)):
        return ProgressBars(console, n_folds)
    return PlainLines(console)
