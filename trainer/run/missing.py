"""Which folds of a run are missing, and the commands that complete it."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from trainer.config.help import BLEND_DOOR, PYTHON_DOOR, REPOSITORY_DOOR
from trainer.config.overrides import key_of, quoted, value_of, without
from trainer.run.copies import RunCopy, open_copy
from trainer.store.own_files import ALL
from trainer.store.status import survey

MOST_COMMANDS = 3
MOST_STATES = 3
SAID_ANEW = ("run", "resume", "force_resume")  # of the command that started a run


def missing_folds(run: Path) -> list[int]:
    """Return the numbers of the folds that are not finished, or were trained for fewer epochs than the run.

    Raises:
        CheckpointError: it is not a run, or the mark of a finished fold is damaged.
    """
    opened = open_copy(run)
    states = survey(run, range(opened.n_folds), opened.max_epochs)
    return [int(state.fold) for state in states if not state.done]


def missing_message(run: Path, missing: Sequence[int], others: Sequence[Path] = ()) -> str:
    """Say in at most five lines which folds are missing, how far they are, and what completes them.

    Args:
        run: directory of the run.
        missing: numbers of the folds.
        others: copies of it, looked through for them.
    """
    opened = open_copy(run)
    begun, running = _begun(opened, missing, (run, *others))
    wanted = [number for number in missing if number not in running]
    groups = [[number] for number in wanted] if len(wanted) <= MOST_COMMANDS else [wanted]
    commands = dict.fromkeys(_command(opened, group) for group in groups)
    return "\n".join([*_lines(opened, missing, begun), *commands])


def missing_lines(run: Path, missing: Sequence[int | str]) -> list[str]:
    """Say in one or two lines which folds are missing and how far they are."""
    opened = open_copy(run)
    return _lines(opened, missing, _begun(opened, missing, (run,))[0])


def _lines(run: RunCopy, missing: Sequence[int | str], begun: Sequence[str]) -> list[str]:
    more = [f"and {len(begun) - MOST_STATES} more"] if len(begun) > MOST_STATES else []
    names = ",".join(map(str, missing))
    of = "" if ALL in missing else f" {len(missing)} of {run.n_folds} folds are not finished:"
    return [
        f"{run.directory}:{of} {names}" if of else f"{run.directory}: fold {names} is not finished",
        *(["; ".join([*begun[:MOST_STATES], *more])] if begun else []),
    ]


def command_to_go_on(command: Sequence[str], run: Path, door: str = REPOSITORY_DOOR) -> str:
    """Return the command that resumes a run: what was typed, under the run's name."""
    if door == PYTHON_DOOR:
        return f"the same call of {PYTHON_DOOR}, with run={run.name!r}"
    return f"{door} {shlex.join([*without(command, SAID_ANEW), f'run={quoted(run.name)}'])}"


def _begun(run: RunCopy, missing: Sequence[int | str], places: Sequence[Path]) -> tuple[list[str], set[int | str]]:
    """Return how far the missing folds are, where they were begun, and which are being trained."""
    begun: list[str] = []
    running: set[int | str] = set()
    for place in places:
        for state in survey(place, missing, run.max_epochs):
            if state.state != "absent":
                where = "" if place == run.directory else f" in {place}"
                begun.append(f"fold {state.fold}{where}: {state.state}")
            if state.state.startswith("running"):
                running.add(state.fold)
    return begun, running


def _command(run: RunCopy, folds: Sequence[int]) -> str:
    """Return the command that trains folds of a run: what started it, aimed at this directory."""
    door = run.facts.get("door", REPOSITORY_DOOR)  # runs of before had that one
    if door == PYTHON_DOOR:
        return f"the same call of {PYTHON_DOOR}, with run={run.directory.name!r}"
    given = [str(item) for item in run.facts.get("command", [])]
    if door == BLEND_DOOR:
        return f"{door} {shlex.join(given)}"
    kept = without(given, (*SAID_ANEW, "cv.fold", "paths.runs"))
    place, here = run.directory.resolve(), Path.cwd().resolve()
    runs = next((value_of(item) for item in given if key_of(item) == "paths.runs"), "runs")
    if Path(runs).resolve() != place.parent:
        runs = str(place.parent.relative_to(here) if place.parent.is_relative_to(here) else place.parent)
    kept += [] if runs == "runs" else [f"paths.runs={quoted(runs)}"]
    sweep = ["-m"] if len(folds) > 1 else []
    numbers = ",".join(map(str, folds))
    return f"{door} {shlex.join([*sweep, *kept, f'run={quoted(place.name)}', f'cv.fold={numbers}'])}"
