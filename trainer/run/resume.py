"""Resuming a run that is there: what is done, what was interrupted, and what may not be mixed."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from trainer.errors import CheckpointError, ConfigError, FoldBusyError
from trainer.folds.plan import FoldPlan
from trainer.report.state_table import state_table
from trainer.store.checkpoints import remove_all
from trainer.store.fold_files import fold_directory
from trainer.store.identity import Identity
from trainer.store.lock import running_elsewhere
from trainer.store.own_files import LOCK, is_fold_folder, require_own, sweep_fold, sweep_run
from trainer.store.run_files import files_fit, is_run, longer_training, read_manifest, require_same_run
from trainer.store.status import FoldState, survey
from trainer.system import interrupts
from trainer.system.files import claim_directory, remove
from trainer.wording.translations import _

WAIT_SECONDS = 2.0  # between two looks at folds that other processes write


@dataclass(frozen=True)
class ResumePlan:
    """What is to be done in a run directory.

    Attributes:
        states: of the wanted folds.
        rewrite: whether the run's own files are to be written (again).
        fresh: whether no run was there.
        forced: differences that ``force_resume`` accepted, now or before.
    """

    states: list[FoldState]
    rewrite: bool = True
    fresh: bool = False
    forced: tuple[str, ...] = ()

    @property
    def folds(self) -> list[int | str]:
        """The folds to train now."""
        return [state.fold for state in self.states if state.action != "skip"]

    @property
    def unfinished(self) -> list[int | str]:
        """The folds that are not done, those that other processes write among them: their jobs can be followed."""
        return [state.fold for state in self.states if not state.done]


def require_resumable(run: Path | None, *, resume: str, fold: int | str | None) -> None:
    """Refuse at once what ``resume`` forbids, what is not Foldwise's, and a fold that another process is writing.

    Args:
        run: directory of the run; None where it has no name.
        resume: auto, must, never or wait.
        fold: the one to train; None = all.

    Raises:
        ConfigError: ``resume=must`` without a name.
        CheckpointError: a run is there and must not be, or the other way round.
        ForeignFileError: a link, or something else, stands where the run keeps a file or folder of its own.
        FoldBusyError: the one wanted fold is being written.
    """
    if run is None:
        if resume == "must":
            raise ConfigError("resume=must needs the name of the run to resume: run=NAME")
        return
    require_own(run)
    if resume == "must" and not is_run(run):
        raise CheckpointError(
            _("{run} holds no run to resume (resume=must): use resume=auto to start one").format(run=run)
        )
    if resume == "never" and is_run(run):
        raise CheckpointError(_("{run} holds a run already (resume=never): use another run=NAME").format(run=run))
    if fold is not None and resume != "wait":
        running = running_elsewhere(fold_directory(run, fold))
        if running is not None:
            raise FoldBusyError(
                _("fold {fold} of {run} is {running}").format(fold=fold, run=run, running=running.described())
            )


def require_none_elsewhere(run: Path, folds: Sequence[int | str], max_epochs: int) -> None:
    """Say so where wanted folds are not done because other processes write them: this run has no result yet.

    Raises:
        FoldBusyError: some are.
    """
    names = [state.fold for state in survey(run, folds, max_epochs)]
    held = {name: running for name in names if (running := running_elsewhere(fold_directory(run, name)))}
    if not held:
        return
    of_one, of_several = (
        _("{run}: fold {folds} left to other processes"),
        _("{run}: folds {folds} left to other processes"),
    )
    said = (of_one if len(held) == 1 else of_several).format(run=run, folds=", ".join(map(str, held)))
    fold, running = next(iter(held.items()))
    holder = _("fold {fold} is {running}").format(fold=fold, running=running.described())
    advice = _("the last of them to end merges the run; resume=wait waits for them here")
    raise FoldBusyError(f"{said}: {holder}\n{advice}")


def wait_for_others(
    run: Path, folds: Sequence[int | str], max_epochs: int, print_line: Callable[[str], None]
) -> list[int | str]:
    """Wait while other processes write all folds that are not done; return those that nobody writes any more.

    Raises:
        Interrupted: a signal has come.
    """
    said = None
    while True:
        states = [state for state in survey(run, folds, max_epochs) if not state.done]
        running = [state for state in states if running_elsewhere(fold_directory(run, state.fold))]
        if len(running) < len(states) or not states:
            return [state.fold for state in states if state not in running]
        names = ", ".join(str(state.fold) for state in running)
        if names != said:
            print_line(f"waiting for fold {names}: fold {running[0].fold} is {running[0].state}")
        said = names
        interrupts.check()
        time.sleep(WAIT_SECONDS)


def recorded_threads(run: Path | None) -> int | None:
    """Return the torch threads a run that is there was started with: other numbers of threads round differently."""
    if run is None or not is_run(run):
        return None
    threads: int | None = read_manifest(run).get("identity", {}).get("hardware", {}).get("threads")
    return threads


def plan_resume(
    run: Path | None,
    identity: Identity,
    plan: FoldPlan,
    wanted: Sequence[int | str],
    *,
    max_epochs: int,
    force: bool,
    keep_final: bool,
    console: Console,
) -> ResumePlan:
    """Compare a run that is there with the one that is asked for, and print how far its folds are.

    Args:
        run: directory of the run; None where it has no name.
        identity: of the run that is asked for.
        plan: its split.
        wanted: its folds to be trained.
        max_epochs: for how many epochs.
        force: go on although something differs that alters the numbers.
        keep_final: keep the training state of finished folds.
        console: where it is printed.

    Raises:
        CheckpointError: it is another run, or one of its files is damaged.
    """
    if run is None or not is_run(run):
        return ResumePlan([FoldState(fold, "absent", "start") for fold in wanted], fresh=True)
    before = read_manifest(run)
    forced = require_same_run(run, before, identity, force=force)
    sweep_run(run)
    longer = longer_training(before, identity)
    for line in [f"warning: going on although {line}" for line in forced] + ([longer] if longer else []):
        console.print(line, highlight=False, soft_wrap=True)
    if before.get("identity", {}).get("content", {}).get("folds (fingerprint)") != plan.fingerprint:
        _set_aside(run, str(before.get("fingerprint"))[:8], console)
    states = survey(run, wanted, max_epochs)
    for state in states:
        if state.done:
            tidy(fold_directory(run, state.fold), keep_final=keep_final)
    console.print(state_table([(state.fold, state.state, state.action) for state in states]))
    known = tuple(dict.fromkeys((*before.get("forced", ()), *forced)))
    fits = files_fit(run, before, plan.to_json())
    return ResumePlan(states, rewrite=bool(forced or longer or not fits), forced=known)


def tidy(directory: Path, *, keep_final: bool) -> None:
    """Delete what a kill between the end of a fold and its clean-up left in the fold's directory."""
    sweep_fold(directory, older_than_seconds=0)
    if not keep_final:
        remove_all(directory)
    remove(directory / LOCK, directory.parent)


def wanted_folds(fold: int | str | None, n_folds: int) -> list[int | str]:
    """Return the folds to train: the one that ``cv.fold`` names, or all."""
    return list(range(n_folds)) if fold is None else [fold]


def _set_aside(run: Path, fingerprint: str, console: Console) -> None:
    """Keep the folds of another split under another name: their models have seen rows that are held out now."""
    for directory in sorted(run.glob("fold_*")):
        if is_fold_folder(directory.name) and not running_elsewhere(directory):
            kept = claim_directory(directory.with_name(f"{directory.name}.split-{fingerprint}"))
            directory.rename(kept)  # onto the empty directory that is ours now
            console.print(f"{directory.name}: of another split, kept as {kept.name}")
