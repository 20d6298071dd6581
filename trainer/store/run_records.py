"""What a run directory says about itself in a line: state, metrics, fingerprints, settings. No torch, no Arrow.

A directory that is damaged, or no run at all, has a record too, with the reason in a few words.
"""

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from trainer.errors import CheckpointError, FoldwiseError, ForeignFileError
from trainer.store.lock import running_elsewhere
from trainer.store.own_files import DIVERGED, DONE, LOCK, MARK
from trainer.system.files import unsealed
from trainer.system.folders import plain_files, read_file

FOLDS = "folds (fingerprint)"
MANIFEST, RESULT = "manifest.json", "cv.json"
OF_A_RUN = (MARK, MANIFEST, RESULT)  # a directory with any of them holds a run, or what is left of one
STATES = ("finished", "running", "interrupted", "failed", "waiting", "broken", "no run")
BEGUN = ("step-", "inner-")  # how names begin that a fold in training leaves
TARGET = "_target_"
WHOLE = {"amp": "amp.opt_level", "cv": "cv.strategy"}  # sections that are chosen by a value of theirs
HOUSE = "trainer."
LONGEST_REASON = 100  # characters


class Figures(NamedTuple):
    """A metric of a run, as cv.json has it; NaN where it is undefined.

    Attributes:
        mean: over folds.
        sd: likewise.
        oof: out of fold.
        low: lower end of the 95 % interval of ``oof``.
        high: upper end.
    """

    mean: float
    sd: float
    oof: float
    low: float
    high: float


@dataclass(frozen=True)
class RunRecord:
    """A run directory in a line.

    Attributes:
        name: its path below the folder that is listed.
        state: one of ``STATES``.
        reason: why it is not finished, or ``""``.
        primary: the metric that leads its tables; ``""`` where there is no result.
        metrics: by name, what ``Figures`` holds.
        data: sha256 of the data.
        folds: fingerprint of the fold plan.
        about: the data, in words.
        n_done: folds that are finished.
        n_folds: of all repeats.
        seconds: training time of the finished folds.
        started: when its files were written, in seconds since 1970.
        config: settings that can alter the numbers, by dotted name; of a part, such as ``loss``, the name.
        sweep: the sweep it is a job of, or ``""``.
        job: its number there.
    """

    name: str
    state: str
    reason: str = ""
    primary: str = ""
    metrics: Mapping[str, Sequence[float]] = field(default_factory=dict)
    data: str = ""
    folds: str = ""
    about: str = ""
    n_done: int | None = None
    n_folds: int | None = None
    seconds: float | None = None
    started: float | None = None
    config: Mapping[str, Any] = field(default_factory=dict)
    sweep: str = ""
    job: int | None = None

    def figures(self, metric: str) -> Figures | None:
        """Return a metric; None where the run has none."""
        return Figures._make(self.metrics[metric]) if metric in self.metrics else None


@dataclass(frozen=True)
class _Folds:
    state: str
    reason: str
    n_done: int
    n_folds: int
    seconds: float


def read_record(run: Path, name: str) -> RunRecord:
    """Return the record of a directory that has some of a run's files; whatever is wrong with it is its reason.

    Args:
        run: the directory.
        name: its path below the folder that is listed.
    """
    try:
        return _record(run, name)
    except FoldwiseError as error:
        return RunRecord(name, "broken", _few_words(str(error).replace(f"{run}/", "").replace(str(run), name)))
    except OSError as error:
        return RunRecord(name, "broken", f"cannot be read: {error.strerror}")
    except (ValueError, TypeError, KeyError, AttributeError, IndexError):
        return RunRecord(name, "broken", "damaged, or of another version of Foldwise")


def _few_words(text: str) -> str:
    line = text.splitlines()[0]
    return line if len(line) <= LONGEST_REASON else f"{line[: LONGEST_REASON - 3]}..."


def _record(run: Path, name: str) -> RunRecord:
    for needed in (MANIFEST, MARK):
        if not os.path.lexists(run / needed):
            raise CheckpointError(f"no {needed}")
    facts = unsealed(run / MANIFEST, run)
    identity, origin = facts["identity"], facts.get("sweep") or {}
    told: dict[str, Any] = {
        "data": str(identity["content"].get("data (sha256)") or ""),
        "folds": str(identity["content"][FOLDS]),
        "about": str(facts["about"].get("data", "")),
        "started": (run / MANIFEST).lstat().st_mtime,
        "config": named_parts({**identity["config"], "max_epochs": identity["length"]["max_epochs"]}),
        "sweep": str(origin.get("name", "")),
        "job": origin.get("job"),
    }
    if os.path.lexists(run / RESULT):
        return RunRecord(name, "finished", **told, **_result(run, told["folds"]))
    folds = _unfinished(run, int(identity["length"]["max_epochs"]))
    counted: dict[str, Any] = {"n_done": folds.n_done, "n_folds": folds.n_folds, "seconds": folds.seconds or None}
    return RunRecord(name, folds.state, folds.reason, **counted, **told)


def named_parts(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings with ``loss: ce`` in place of ``loss._target_: trainer.losses.ce.CrossEntropy``."""
    named = {}
    for key, value in config.items():
        if key.endswith(f".{TARGET}"):
            parts = str(value).split(".")
            named[key.removesuffix(f".{TARGET}")] = parts[-2] if str(value).startswith(HOUSE) else parts[-1]
        else:
            named[key] = value
    return named


def _result(run: Path, fingerprint: str) -> dict[str, Any]:
    try:
        result = json.loads(read_file(run / RESULT, run))
    except ValueError as error:
        raise CheckpointError(f"{RESULT} is damaged: {type(error).__name__}") from error
    if result["fingerprint"] != fingerprint:
        raise CheckpointError(f"{RESULT} is of another split than {MANIFEST}")
    n_folds = len(result["metrics"][result["primary"]]["folds"])
    return {
        "primary": str(result["primary"]),
        "metrics": {str(name): _figures(values) for name, values in result["metrics"].items()},
        "n_done": n_folds,
        "n_folds": n_folds,
        "seconds": result["seconds"],
    }


def _figures(values: Mapping[str, Any]) -> Figures:
    low, high = values["ci95"] or (None, None)
    return Figures(
        *(math.nan if x is None else float(x) for x in (values["mean"], values["sd"], values["oof"], low, high))
    )


def _unfinished(run: Path, max_epochs: int) -> _Folds:
    plan = json.loads(read_file(run / MARK, run))
    n_folds = int(plan["n_splits"]) * int(plan["repeats"])
    states = [_fold(run / f"fold_{number}", max_epochs) for number in range(n_folds)]
    n_done, seconds = sum(state == "done" for state, _, _ in states), sum(spent for _, _, spent in states)
    for state in ("running", "failed", "interrupted"):
        at = [(number, said) for number, (found, said, _) in enumerate(states) if found == state]
        if at:
            number, said = at[0]
            return _Folds(state, f"fold {number}: {said}" if said else "", n_done, n_folds, seconds)
    reason = "all folds are there: foldwise merge" if n_done == n_folds else _absent(states)
    return _Folds("waiting", reason, n_done, n_folds, seconds)


def _absent(states: Sequence[tuple[str, str, float]]) -> str:
    absent = [str(number) for number, (state, _, _) in enumerate(states) if state == "absent"]
    shown = ",".join(absent[:5]) + (",..." if len(absent) > 5 else "")
    return f"fold{'s' * (len(absent) > 1)} {shown} not begun"


def _fold(directory: Path, max_epochs: int) -> tuple[str, str, float]:
    """Return a fold's state, what is to be said about it, and its seconds."""
    run, seconds = directory.parent, 0.0
    try:
        names = plain_files(directory, run)
    except ForeignFileError:
        raise CheckpointError(f"{directory.name} is no folder") from None
    if LOCK in names and (running := running_elsewhere(directory)) is not None:
        return "running", f"on {running.host} (pid {running.pid})", seconds
    if DONE in names:
        try:
            done = unsealed(directory / DONE, run)
        except CheckpointError:
            raise CheckpointError(f"{directory.name}/{DONE} is damaged") from None
        trained, seconds = int(done["identity"]["length"]["max_epochs"]), float(done["seconds"])
        if trained >= max_epochs or len(done["epochs"]) < trained:  # all epochs, or stopped early
            return "done", "", seconds
        return "interrupted", f"done with {trained} of {max_epochs} epochs", seconds
    if DIVERGED in names:
        return (
            "failed",
            _few_words(read_file(directory / DIVERGED, run).decode(errors="replace").strip() or "?"),
            seconds,
        )
    if LOCK in names or any(name.startswith(BEGUN) for name in names):
        return "interrupted", "stopped in training", seconds
    return "absent", "", seconds
