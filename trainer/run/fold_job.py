"""One fold trained and saved, in the process that has prepared the run or in one of its own."""

import json
from pathlib import Path

from torch import Tensor

from trainer.config.grid import is_nested
from trainer.config.schema import RunConfig
from trainer.data.preprocess.contract import ShowProgress, no_progress
from trainer.engine.checkpointer import Checkpointer
from trainer.engine.observer import Observer
from trainer.errors import DataError, FoldBusyError, NonFiniteError
from trainer.executors.processes import PrintLine, TrainFold
from trainer.run.experiment import Experiment
from trainer.run.fold import TrainedFold, run_fold
from trainer.run.fold_data import PreparedFold, prepare_fold
from trainer.run.frozen_features import with_features
from trainer.run.identify import identity_of
from trainer.run.nested import run_nested
from trainer.run.prepare import prepare
from trainer.store.checkpoints import remove_all
from trainer.store.fold_files import DIVERGED, fold_directory, save_fold
from trainer.store.identity import Identity
from trainer.store.inner_fits import remove_fits
from trainer.store.lock import FoldLock
from trainer.store.status import survey
from trainer.system import interrupts
from trainer.system.fast_import import import_compiler_when_needed
from trainer.system.files import write_bytes
from trainer.weights.file_formats import SUFFIXES, weight_bytes


def fold_trainer(
    experiment: Experiment,
    identity: Identity,
    directory: Path,
    prepared: PreparedFold | None = None,
    *,
    alone: bool = False,
    track: ShowProgress = no_progress,
) -> TrainFold:
    """Return what trains and saves a fold; one that another process writes is left to it, unless it is ``alone``."""

    def train(name: int | str, observers: list[Observer], print_line: PrintLine) -> None:
        number = experiment.fold_number(name)
        at_hand = prepared if prepared is not None and prepared.number == number else None
        fold = at_hand or ready_fold(experiment, number, track)
        try:
            _train_fold(experiment, fold, identity, fold_directory(directory, name), print_line, observers)
        except FoldBusyError as busy:
            if alone:
                raise
            print_line(f"{busy}: left to it")

    return train


def train_in_new_process(config: RunConfig, identity: Identity, directory: Path) -> TrainFold:
    """Prepare, in a process that has nothing yet, the run that another one has begun.

    Raises:
        DataError: it is another one by now.
    """
    if not config.runtime.compile:
        import_compiler_when_needed()
    experiment = prepare(config)
    if identity_of(experiment)[0] != identity:
        raise DataError(f"{directory.name}: the data or the code has changed since the run was started: start it again")
    return fold_trainer(experiment, identity, directory)


def _train_fold(
    experiment: Experiment,
    fold: PreparedFold,
    identity: Identity,
    directory: Path,
    print_line: PrintLine,
    observers: list[Observer],
) -> None:
    config = experiment.config
    with FoldLock(directory) as lock, interrupts.deferred(), lock.explaining():
        if survey(directory.parent, [fold.rows.name], experiment.settings.max_epochs)[0].done:
            return  # by another process, meanwhile
        with Checkpointer(
            directory,
            identity=identity,
            settings=config.checkpoint,
            force=config.force_resume,
            still_ours=lock.require_ours,
            print_line=print_line,
        ) as checkpointer:
            try:
                train = run_nested if is_nested(config) else run_fold
                trained = train(experiment, fold, observers, checkpointer)
            except NonFiniteError as error:
                _write_diverged(directory, error)
                raise
        lock.require_ours()
        _save(experiment, directory, identity, trained)
        if not config.checkpoint.keep_final:
            remove_all(directory)
        remove_fits(directory)


def _write_diverged(directory: Path, error: NonFiniteError) -> None:
    data = f"diverged: {str(error).splitlines()[0]}".encode()
    write_bytes(directory / DIVERGED, data, root=directory.parent, what="reason why the fold diverged")


def _save(experiment: Experiment, directory: Path, identity: Identity, trained: TrainedFold) -> None:
    files = {"preprocess.json": json.dumps(trained.preprocess, ensure_ascii=False).encode()}
    if trained.inner is not None:
        files["inner.json"] = (json.dumps(trained.inner, indent=2, ensure_ascii=False) + "\n").encode()
    wanted = experiment.config.checkpoint
    if wanted.save_weights:
        tensors = {name: value for name, value in trained.weights.items() if isinstance(value, Tensor)}
        files[f"model{SUFFIXES[wanted.format]}"] = weight_bytes(tensors, wanted.format)
    save_fold(directory, trained.result, amp=trained.amp, identity=identity, files=files)


def ready_fold(experiment: Experiment, number: int, track: ShowProgress) -> PreparedFold:
    """Prepare fold ``number``, with stored features where the backbone stays frozen (nested: each candidate's own)."""
    fold = prepare_fold(experiment, number)
    return fold if is_nested(experiment.config) else with_features(experiment, fold, track)
