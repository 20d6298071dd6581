"""Copies of one run, its folds finished in different places: what must agree, and how a fold is taken over.

Nothing is written before everything has been read and found right.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from trainer.errors import CheckpointError
from trainer.folds.plan import FoldPlan, plan_of
from trainer.results import FoldResult
from trainer.store.fold_files import SavedFold, fold_directory, load_fold
from trainer.store.identity import Identity, describe_differences, differences
from trainer.store.lock import FoldLock
from trainer.store.own_files import LOCK, MARK, is_fold_file, require_own, sweep_fold
from trainer.store.run_files import is_run, read_manifest
from trainer.store.status import survey
from trainer.system.files import remove, write_bytes
from trainer.system.folders import is_there, plain_files, read_file
from trainer.tasks import TASKS, Task
from trainer.wording.translations import N_

FOLDS = "folds (fingerprint)"
NEEDED = (  # of manifest.json
    *("identity.config", "identity.content", "identity.software", "identity.length.max_epochs"),
    *("task", "classes", "metrics", "select", "amp", "about", "profile"),
)


@dataclass(frozen=True)
class RunCopy:
    """A run directory, opened to be merged.

    Attributes:
        directory: where it is.
        facts: its manifest.json.
        plan: its folds.json.
    """

    directory: Path
    facts: dict[str, Any]
    plan: FoldPlan

    @property
    def n_folds(self) -> int:
        """Folds of all repeats together."""
        return self.plan.n_folds

    @property
    def identity(self) -> Identity:
        """What decides its numbers."""
        identity: Identity = self.facts["identity"]
        return identity

    @property
    def task(self) -> Task:
        """What was predicted."""
        return TASKS[self.facts["task"]]

    @property
    def max_epochs(self) -> int:
        """For how many epochs its folds are trained."""
        return int(self.identity["length"]["max_epochs"])


@dataclass(frozen=True)
class FoundFold:
    """A finished fold in one of the directories.

    Attributes:
        directory: of the fold.
        saved: its content.
        accepted: how it differs from the run, one line each; accepted by force.
    """

    directory: Path
    saved: SavedFold
    accepted: list[str]


def open_copy(directory: Path) -> RunCopy:
    """Read what a run says about itself.

    Raises:
        CheckpointError: it is not a run, or its files are damaged.
    """
    require_own(directory)
    if not is_run(directory):
        raise CheckpointError(f"{directory} is not a run directory: it has no {MARK}")
    facts = read_manifest(directory)
    lacking = [key for key in NEEDED if _at(facts, key) is None]
    if lacking:
        raise CheckpointError(f"{directory}/manifest.json has no '{lacking[0]}': damaged, or of another version")
    if facts["task"] not in TASKS:
        raise CheckpointError(f"{directory}/manifest.json is damaged: task '{facts['task']}'")
    try:
        plan = plan_of(json.loads(read_file(directory / MARK, directory)))
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise CheckpointError(f"{directory}/{MARK} is damaged: {type(error).__name__}") from error
    told = facts["identity"]["content"].get(FOLDS)
    if told != plan.fingerprint:
        raise CheckpointError(
            f"{directory}/{MARK} is not the split of its run: {FOLDS} {plan.fingerprint[:12]}... in it, "
            f"{str(told)[:12]}... in manifest.json\nrestore it from a copy of the run"
        )
    return RunCopy(directory, facts, plan)


def _at(facts: Any, key: str) -> Any:
    for name in key.split("."):
        facts = facts.get(name) if isinstance(facts, dict) else None
    return facts


def compare_copies(run: RunCopy, other: RunCopy, *, force: bool) -> list[str]:
    """Return how a directory differs from the run, one line each; only what is accepted may.

    Raises:
        CheckpointError: it is of another run; names the fields with both values.
    """
    advice = f"leave {other.directory} out, or train its folds again with the options, data and versions of the run"
    lines = _accepted(run, other.directory, differences(other.identity, run.identity, hardware=False), advice, force)
    there, here = other.plan.fold_of_row, run.plan.fold_of_row
    if not np.array_equal(there, here):
        what = f"rows by repeat: {there.shape} there, {here.shape} here"
        if there.shape == here.shape:
            at = tuple(np.argwhere(there != here)[0])
            what = f"fold of row {at[1]} in repeat {at[0]}: {there[at]} there, {here[at]} here"
        raise CheckpointError(f"{other.directory}/{MARK} does not fit {run.directory}/{MARK}:\n{what}\n{advice}")
    return lines


def find_folds(
    run: RunCopy, others: Sequence[RunCopy], *, force: bool, scratch: Path | None = None
) -> dict[int, FoundFold]:
    """Read every finished fold, the run's own first; ``scratch`` is that of ``load_fold``.

    Raises:
        CheckpointError: one is damaged, was trained otherwise, holds out other rows, or is there twice with
            different predictions.
    """
    found: dict[int, FoundFold] = {}
    for copy in (run, *others):
        for state in survey(copy.directory, range(run.n_folds), run.max_epochs):
            if state.done:
                number = int(state.fold)
                one = _read_fold(run, number, fold_directory(copy.directory, number), force, scratch)
                _require_agreement(number, found.setdefault(number, one), one)
    return dict(sorted(found.items()))


def _read_fold(run: RunCopy, number: int, directory: Path, force: bool, scratch: Path | None) -> FoundFold:
    saved = load_fold(directory, scratch)
    _require_rows(run, number, directory, saved.result)
    found = differences(saved.identity, run.identity, hardware=False)
    advice = f"delete {directory} and run cv.fold={number} again with the options, data and versions of the run"
    return FoundFold(directory, saved, _accepted(run, directory, found, advice, force))


def _require_rows(run: RunCopy, number: int, directory: Path, result: FoldResult) -> None:
    place = divmod(number, run.plan.n_splits)
    if (result.repeat, result.fold) != place:
        raise CheckpointError(
            f"{directory} holds fold {result.fold} of repeat {result.repeat}, "
            f"not fold {place[1]} of repeat {place[0]}: was it renamed?"
        )
    held_out = run.plan.rows(*place)[1]
    if not np.array_equal(result.rows, held_out):
        lacking, extra = np.setdiff1d(held_out, result.rows), np.setdiff1d(result.rows, held_out)
        first = (lacking if len(lacking) else extra if len(extra) else held_out)[0]
        raise CheckpointError(
            f"{directory} does not predict the rows that fold {number} holds out by {MARK}: "
            f"{len(lacking)} missing, {len(extra)} others (row {first} is the first)\n"
            f"delete it and run cv.fold={number} again"
        )
    found, named = result.proba.shape[1], run.task.n_predicted(len(run.facts["classes"]))
    if found != named:
        raise CheckpointError(f"{directory} predicts {found} {run.task.nouns}, manifest.json names {named}")


def _accepted(run: RunCopy, place: Path, found: dict[str, tuple[Any, Any]], advice: str, force: bool) -> list[str]:
    """Return the differences as lines, where all of them are accepted: by ``force``, or by the run's user before.

    Force never mixes data or folds; ``force_resume`` may have, knowingly.
    """
    content = found.keys() & {FOLDS, *run.identity["content"]}
    known = {_before(line) for line in run.facts.get("forced", ())}
    refused = {
        key: pair
        for key, pair in sorted(found.items(), key=lambda item: item[0] not in content)
        if key == FOLDS or not ((force and key not in content) or _before(_line(key, pair)) in known)
    }
    if refused:
        way_out = "data and folds may never differ" if refused.keys() & content else "--force joins them all the same"
        lines = [
            f"{place} does not fit {run.directory}:",
            *describe_differences(refused, most=2),
            f"{advice}; {way_out}",
        ]
        raise CheckpointError("\n".join(lines))
    return describe_differences(found, most=len(found))


def _line(key: str, pair: tuple[Any, Any]) -> str:
    return describe_differences({key: pair})[0]


def _before(line: str) -> str:
    return line.rpartition(" there, ")[0]


def _require_agreement(number: int, first: FoundFold, second: FoundFold) -> None:
    one, two = first.saved.result, second.saved.result
    if all(
        np.array_equal(getattr(one, name), getattr(two, name), equal_nan=name != "rows")
        for name in ("rows", "logits", "proba", "loss")
    ):
        return
    raise CheckpointError(
        f"fold {number} was finished twice, with different predictions:\n"
        f"{first.directory} ({hardware_text(first.saved.identity)})\n"
        f"{second.directory} ({hardware_text(second.saved.identity)})\n"
        "keep one of them: delete the other, or leave that directory out"
    )


def hardware_text(identity: Identity) -> str:
    """Return what a fold was trained on: ``cpu with 2 threads``."""
    hardware = identity.get("hardware", {})
    device, threads = hardware.get("device", "unknown device"), hardware.get("threads")
    return f"{device}" if threads is None else f"{device} with {threads} thread{'s' if threads != 1 else ''}"


def take_over(source: FoundFold, target: Path) -> SavedFold:
    """Copy a finished fold into the run, ``DONE`` last as when it was trained; what Foldwise had begun there goes.

    Args:
        source: read and found right.
        target: directory of the fold, absent or not finished.

    Raises:
        CheckpointError: another process writes the fold, or has finished it meanwhile.
        StorageError: it cannot be written.
    """
    run, copy = target.parent, source.directory.parent
    names = [name for name in plain_files(source.directory, copy) if is_fold_file(name) and _belongs(name)]
    before = _mark(target)
    with FoldLock(target):
        if before != _mark(target):
            raise CheckpointError(f"{target} was finished by another process meanwhile: merge again")
        sweep_fold(target, older_than_seconds=0)
        begun = [name for name in plain_files(target, run) if is_fold_file(name) and name != LOCK]
        for name in sorted(begun, key=lambda name: name != "DONE"):
            remove(target / name, run)
        for name in sorted(names, key=lambda name: name == "DONE"):
            data = read_file(source.directory / name, copy)
            write_bytes(target / name, data, root=run, what=N_("fold that is taken over"))
        return load_fold(target)


def _mark(folder: Path) -> bytes | None:
    mark, run = folder / "DONE", folder.parent
    return read_file(mark, run) if is_there(mark, run) else None


def _belongs(name: str) -> bool:
    return not name.startswith((LOCK, "step-"))
