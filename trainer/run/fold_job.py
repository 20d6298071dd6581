"""One fold trained and saved: the lock, the checkpoints and the result."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from trainer.config.schema import CheckpointConfig
from trainer.data.preprocess.contract import ShowProgress, no_progress
from trainer.engine.checkpointer import Checkpointer
from trainer.engine.fit import fit_steps
from trainer.engine.observer import Observer
from trainer.engine.process_group import ALONE, Ranks
from trainer.engine.stepwise import Steps, take_all
from trainer.errors import FoldBusyError, NonFiniteError
from trainer.report.terminal import PrintLine
from trainer.run.experiment import Experiment
from trainer.run.factories import fresh_learner
from trainer.run.fold import Fold
from trainer.run.fold_data import prepare_fold, training_rows
from trainer.run.nested import choose_recipe
from trainer.run.rebuild import fitted_facts
from trainer.run.steps.flat_gradients import flat_gradients
from trainer.run.time_limit import Budget, Forecast, seconds_needed, why_not_begun
from trainer.store.checkpoints import remove_all
from trainer.store.fold_files import fold_directory, save_fold, target_hash
from trainer.store.identity import Identity
from trainer.store.inner_fits import remove_fits
from trainer.store.lock import FoldLock
from trainer.store.own_files import DIVERGED
from trainer.store.status import survey
from trainer.system import interrupts
from trainer.system.files import write_bytes
from trainer.weights.file_formats import SUFFIXES, weight_bytes
from trainer.wording.translations import N_


@dataclass(frozen=True)
class Saving:
    """Where and how the folds of a run are saved.

    Attributes:
        run: its directory.
        identity: of the run.
        checkpoint: when a fold in training is saved, and what is kept of a finished one.
        force: take up a checkpoint of another identity all the same.
        budget: the time there is.
    """

    run: Path
    identity: Identity
    checkpoint: CheckpointConfig
    force: bool = False
    budget: Budget = field(default_factory=Budget)


def train_fold(
    name: int | str,
    observers: list[Observer],
    print_line: PrintLine,
    *,
    experiment: Experiment,
    saving: Saving,
    prepared: Fold | None = None,
    alone: bool = False,
    track: ShowProgress = no_progress,
    ranks: Ranks = ALONE,
) -> None:
    """Train, score and save one fold, or resume it; one that another process writes is left to it.

    Args:
        name: of the fold: its number, or ``all``.
        observers: told about the progress; the first is the terminal.
        print_line: prints one line.
        experiment: what to run.
        saving: where and how the fold is saved.
        prepared: a fold that is prepared already; used where it is this one.
        alone: no other fold is to be trained: that another process writes it is an error.
        track: shows the progress of what is computed before the first step.
        ranks: the processes that train it together, of which this is the first.

    Raises:
        NonFiniteError: training diverged.
        Interrupted: a signal has come; the state is saved.
    """
    take_all(
        fold_steps(
            name,
            observers,
            print_line,
            experiment=experiment,
            saving=saving,
            prepared=prepared,
            alone=alone,
            track=track,
            ranks=ranks,
        )
    )


def fold_steps(
    name: int | str,
    observers: list[Observer],
    print_line: PrintLine,
    *,
    experiment: Experiment,
    saving: Saving,
    prepared: Fold | None = None,
    alone: bool = False,
    track: ShowProgress = no_progress,
    ranks: Ranks = ALONE,
) -> Steps[None]:
    """Yield the optimizer steps of ``train_fold``."""
    experiment, max_epochs = experiment.for_fold(name), experiment.recipe.settings.max_epochs
    if saving.budget.is_limited:
        if not _has_time(name, experiment, saving, print_line):
            return
        observers = [*observers, Forecast(saving.budget, max_epochs, print_line)]
    at_hand = prepared is not None and prepared.rows.name == name
    fold = prepared if prepared is not None and at_hand else prepare_fold(experiment, name, track)
    directory, spec = fold_directory(saving.run, name), experiment.spec
    with (
        _left_to_others(print_line, alone=alone),
        FoldLock(directory) as lock,
        interrupts.deferred(),
        lock.explaining(),
    ):
        if survey(saving.run, [name], max_epochs)[0].done:
            return  # by another process, meanwhile
        ranks.told((name, directory))
        with _checkpoints(directory, saving, lock, print_line) as checkpointer:
            choice = choose_recipe(experiment, fold, observers[:1], checkpointer)
            learner = fresh_learner(choice.recipe, spec, choice.fold, ranks=ranks)
            learner.flat = flat_gradients(choice.recipe, learner, choice.fold)
            settings = replace(choice.recipe.settings, max_epochs=choice.epochs)
            steps = fit_steps(learner, choice.fold.data, fold.rows, settings, spec, observers, checkpointer)
            result, weights = yield from steps
        result = replace(result, picked=choice.picked, seconds=result.seconds + choice.seconds)
        scaler = learner.precision.scaler
        amp = {"skipped_steps": scaler.skipped_steps, "loss_scale": scaler.scale}
        files = _files(fitted_facts(spec, choice.fold), weights, choice.curves, saving.checkpoint)
        ours = lock.require_ours
        labels = target_hash(experiment.samples.target[result.rows])
        save_fold(directory, result, amp=amp, identity=saving.identity, files=files, scored_on=labels, still_ours=ours)
        ours()
        if not saving.checkpoint.keep_final:
            remove_all(directory)
        remove_fits(directory)


def _has_time(name: int | str, experiment: Experiment, saving: Saving, print_line: PrintLine) -> bool:
    """Return whether a fold may begin under the limit of time; say why where it may not."""
    needed = seconds_needed(
        name,
        run=saving.run,
        n_train=lambda fold: len(training_rows(experiment, fold).train),
        folds=range(experiment.plan.n_folds),
        before=saving.budget.before,
        max_epochs=experiment.recipe.settings.max_epochs,
    )
    why_not = why_not_begun(name, needed, saving.budget.seconds_left)
    if why_not:
        print_line(why_not)
    return not why_not


@contextmanager
def _left_to_others(print_line: PrintLine, *, alone: bool) -> Iterator[None]:
    """Leave a fold that another process writes to it."""
    try:
        yield
    except FoldBusyError as busy:
        if alone:
            raise
        print_line(f"{busy}: left to it")


@contextmanager
def _checkpoints(directory: Path, saving: Saving, lock: FoldLock, print_line: PrintLine) -> Iterator[Checkpointer]:
    """Yield what saves a fold while it trains; note in its directory why it diverged."""
    checkpointer = Checkpointer(
        directory,
        identity=saving.identity,
        settings=saving.checkpoint,
        force=saving.force,
        still_ours=lock.require_ours,
        print_line=print_line,
    )
    with checkpointer:
        try:
            yield checkpointer
        except NonFiniteError as error:
            data = f"diverged: {str(error).splitlines()[0]}".encode()
            write_bytes(directory / DIVERGED, data, root=saving.run, what=N_("reason why the fold diverged"))
            raise


def _files(
    preprocess: Any, weights: Mapping[str, Any], curves: dict[str, Any] | None, wanted: CheckpointConfig
) -> dict[str, bytes]:
    """Return the files of a finished fold besides its result: preprocessing, inner scores, weights."""
    files = {"preprocess.json": json.dumps(preprocess, ensure_ascii=False).encode()}
    if curves is not None:
        files["inner.json"] = (json.dumps(curves, indent=2, ensure_ascii=False) + "\n").encode()
    if wanted.save_weights:
        tensors = {name: value for name, value in weights.items() if isinstance(value, Tensor)}
        files[f"model{SUFFIXES[wanted.format]}"] = weight_bytes(tensors, wanted.format)
    return files
