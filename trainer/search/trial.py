"""One trial of a search: a run directory of its own, its folds one after the other, and how it ended."""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from trainer.config.schema import RunConfig
from trainer.config.search import NONE, SearchConfig
from trainer.engine.precision.opt_levels import resolve_opt_level
from trainer.errors import (
    CheckpointError,
    ForeignFileError,
    Interrupted,
    StorageError,
    as_foldwise_error,
    first_line_of,
)
from trainer.evidence.racing import Verdict, verdict
from trainer.metrics.summary import mean_of_defined
from trainer.report.terminal import PrintLine
from trainer.run.experiment import Experiment, Recipe
from trainer.run.files_of_run import run_files
from trainer.run.fold import Fold
from trainer.run.fold_data import fold_rows, preprocess
from trainer.run.fold_job import Saving, train_fold
from trainer.run.frozen_features import with_features
from trainer.run.identify import identity_of
from trainer.run.prepare import make_recipe
from trainer.run.validate import check_config, check_data
from trainer.search.memory import (
    EndedAgainError,
    forget_begin,
    halved,
    is_of_memory,
    note_begin,
    try_half,
)
from trainer.search.study import Claimed, report_score, reported_scores, suggest
from trainer.search.trial_configs import Choice, TrialConfigs
from trainer.store.checkpoints import newest_position
from trainer.store.fold_files import fold_directory, read_done
from trainer.store.run_files import is_run, read_manifest, require_same_run, write_run

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import BaseTrial, Trial

FACTS = "facts"  # attribute of a trial: why it ended early or failed, and its seconds
MOST_SHARED_BYTES = 1 << 30  # of preprocessed rows that are kept for the trials to come
OURS = (Interrupted, StorageError, CheckpointError, ForeignFileError)  # no result of a trial: the search ends with it


@dataclass(frozen=True)
class Search:
    """What the trials of a search share.

    Attributes:
        directory: of the search.
        options: as configured.
        configs: of the trials.
        experiment: rows, folds and how the first configuration trains; what is prepared of the rows is prepared once.
        study: Optuna's.
        order: in which each trial trains its folds.
        metric: that is searched for.
        sign: 1.0 where more of it is better, else -1.0.
        findings: of the audit and the preflight, for the reports of the trials.
        print_line: prints one line.
        folds: preprocessed ones, by number.
    """

    directory: Path
    options: SearchConfig
    configs: TrialConfigs
    experiment: Experiment
    study: "Study"
    order: Sequence[int]
    metric: str
    sign: float
    findings: Mapping[str, Any]
    print_line: PrintLine
    folds: dict[int | str, Fold] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """How a trial ended.

    Attributes:
        state: ``complete``, ``pruned`` or ``failed``.
        value: mean of the metric over the folds, or None.
        n_folds: trained.
        why: it failed or ended early.
        seconds: of this process.
        settings: by key, those of the groups among them.
    """

    state: str
    value: float | None
    n_folds: int
    why: str
    seconds: float
    settings: Mapping[str, Any]


def run_trial(search: Search, claimed: Claimed) -> Outcome:
    """Train the folds of a trial that are not done, until it is complete or not worth more of them.

    What goes wrong in it, training that diverges or a model that raises, is its result; the search goes on.

    Raises:
        Interrupted: a signal has come; the trial goes on when the search does.
        StorageError: the disk is full or not writable.
        CheckpointError: its directory holds something else.
    """
    started, trial = time.perf_counter(), claimed.trial
    choice, values = suggested(search.configs, trial)
    state, value, why = "failed", None, ""
    done: list[Mapping[str, Any]] = []
    try:
        note_begin(trial, _place(search, claimed.directory))
        train = begun(search, choice, values, claimed.directory)
        state, why = _train_folds(search, trial, train, claimed.directory, done)
        mean = mean_of_defined(_scores(search, done))
        if state == "complete" and not math.isfinite(mean):
            state, why = "failed", f"{search.metric} is {mean} over the folds"
        value = mean if math.isfinite(mean) else None
    except Interrupted:
        forget_begin(trial)
        raise
    except OURS:
        raise
    except Exception as error:  # a user's model may raise anything; the search goes on
        why = _why_failed(search, trial, choice, values, error)
    seconds = time.perf_counter() - started
    training = math.fsum(mark["seconds"] for mark in done)
    facts = {"why": why, "seconds": seconds, "training": training}
    _tell(search.study, trial, state, () if value is None else (value, training), facts)
    return Outcome(state, value, len(done), why, seconds, {**dict(choice), **values})


def _place(search: Search, directory: Path) -> list[int]:
    """Return how many folds of a trial are done, and at which step the checkpoint of the next one stands."""
    if not is_run(directory):
        return [0, 0]
    folds = [fold_directory(directory, name) for name in search.order]
    rest = [fold for fold in folds if read_done(fold) is None]
    position = newest_position(rest[0]) if rest else None
    return [len(folds) - len(rest), position.step if position else 0]


def _why_failed(search: Search, trial: "Trial", choice: Choice, values: Mapping[str, Any], error: Exception) -> str:
    """Return why a trial failed; one that memory did not hold is tried again, where that was asked for."""
    if not is_of_memory(error):
        return str(as_foldwise_error(error)).splitlines()[0]
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    said = str(error) if isinstance(error, EndedAgainError) else f"out of memory: {first_line_of(error)}"
    n_rows = values.get("batch_size", search.configs.base(choice).batch_size)
    return f"{said}; {try_half(search.study, trial, int(n_rows), search.options.halve_batch)}"


def suggested(configs: TrialConfigs, trial: "BaseTrial") -> tuple[Choice, dict[str, Any]]:
    """Return the files and the values of a trial: of the settings those that these files have."""
    choice = tuple((one.key, str(suggest(trial, one))) for one in configs.groups())
    values = {one.key: suggest(trial, one) for one in configs.settings(choice)}
    base = configs.base(choice)
    n_rows = values.get("batch_size", base.batch_size)
    n_batches = values.get("fit.accumulate_steps", base.fit.accumulate_steps)
    return choice, {**values, **halved(trial, int(n_rows), int(n_batches))}


def begun(search: Search, choice: Choice, values: Mapping[str, Any], directory: Path) -> Any:
    """Write the run of a trial, unless it is there, and return what trains a fold of it by number.

    Raises:
        ConfigError: the values do not go together.
        CheckpointError: the directory holds another run.
    """
    config = search.configs.config_of(choice, values, directory)
    check_config(config)
    check_data(config, search.experiment.spec)
    experiment = replace(search.experiment, recipe=recipe_of(search, config))
    identity, _ = identity_of(config, experiment)
    if is_run(directory):
        require_same_run(directory, read_manifest(directory), identity, force=config.force_resume)
    else:
        command = search.configs.command_of(choice, values, directory)
        origin = {"identity": identity, "door": search.configs.launch.door, "command": command, "forced": []}
        origin["audit"] = search.findings["audit"]
        write_run(directory, run_files(config, experiment, origin, {}, None, search.findings["warnings"]))
    saving = Saving(directory, identity, config.checkpoint, config.force_resume)
    return partial(_train_fold, search, experiment, saving)


def recipe_of(search: Search, config: RunConfig) -> Recipe:
    """Return how the folds of a trial are trained."""
    base = search.experiment.recipe
    level = resolve_opt_level(config.amp, base.device)
    start = None if base.start is None else base.start.file
    return make_recipe(config, level, base.device, base.settings.metrics, start)


def _train_fold(search: Search, experiment: Experiment, saving: Saving, name: int | str) -> None:
    fold = with_features(experiment, shared_fold(search, name))
    train_fold(name, [], search.print_line, experiment=experiment, saving=saving, prepared=fold, alone=True)


def shared_fold(search: Search, name: int | str) -> Fold:
    """Return a fold's rows, preprocessed; kept for the trials to come where all folds' rows fit in memory."""
    if name not in search.folds:
        fold = preprocess(search.experiment, fold_rows(search.experiment, name))
        if _nbytes(fold) * len(search.order) > MOST_SHARED_BYTES:
            return fold
        search.folds[name] = fold
    return search.folds[name]


def _nbytes(fold: Fold) -> float:
    """Return the memory of a fold's rows; infinite where they are not tensors held in memory."""
    held = [
        value for one in vars(fold.data.rows).values() for value in (one.values() if isinstance(one, dict) else [one])
    ]
    sizes = [value.nbytes for value in held if isinstance(value, torch.Tensor)]
    return float(sum(sizes)) if sizes else math.inf


def _train_folds(
    search: Search, trial: "Trial", train: Any, directory: Path, marks: list[Mapping[str, Any]]
) -> tuple[str, str]:
    """Train fold after fold; return ``complete`` or ``pruned``, and why. ``marks`` of what is done fill on the way."""
    reported = reported_scores(search.study.get_trials(deepcopy=False)[trial.number])
    for position, name in enumerate(search.order):
        train(name)
        done = read_done(fold_directory(directory, name))
        assert done is not None
        marks.append(done)
        scores = _scores(search, marks)
        if position not in reported:
            report_score(trial, position, scores[-1])
        if len(scores) < len(search.order) and search.options.cost == NONE:
            early = why_ends(search, search.study, trial.number, scores, len(search.order))
            if early is not None:
                return "pruned", early.why
    return "complete", ""


def _scores(search: Search, marks: Sequence[Mapping[str, Any]]) -> list[float]:
    return [float(mark["metrics"][search.metric]) for mark in marks]


def why_ends(search: Search, study: "Study", number: int, scores: Sequence[float], n_folds: int) -> Verdict | None:
    """Return why a trial of a study is not worth more of its ``n_folds`` folds by ``search.prune``, or None.

    Args:
        search: that the study is of.
        study: the trials.
        number: of the trial.
        scores: of its folds so far, in their order.
        n_folds: of a whole trial.
    """
    others = [one for one in study.get_trials(deepcopy=False) if one.number != number and one.intermediate_values]
    earlier_TF = np.array([scores_of(one.intermediate_values, n_folds) for one in others])
    own_F = scores_of(dict(enumerate(scores)), n_folds)
    return verdict(search.options.prune, search.sign * own_F, search.sign * earlier_TF)


def scores_of(reported: Mapping[int, float], n_folds: int) -> NDArray[np.float64]:
    """Return the scores of a trial by place in the order of the folds; NaN where a fold is not trained."""
    return np.array([reported.get(position, math.nan) for position in range(n_folds)])


def _tell(study: "Study", trial: "Trial", state: str, values: Sequence[float], facts: Mapping[str, Any]) -> None:
    from optuna.trial import TrialState

    trial.set_user_attr(FACTS, dict(facts))
    if state == "complete":
        study.tell(trial, values[: len(study.directions)])
    else:
        study.tell(trial, state=TrialState.PRUNED if state == "pruned" else TrialState.FAIL)
