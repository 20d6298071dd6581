"""The search done again within each fold, by its training rows alone: the score of what it picks there is the search's.

What is searched, the sampler and the number of trials are those of the search; a trial is scored on inner folds of a
fold's training rows (the folds of ``cv.inner``), and what wins there is trained on all of them and scored on the rows
that had no say in it.
"""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainer.config.cv import InnerConfig
from trainer.engine.settings import FoldRows
from trainer.errors import NonFiniteError, as_foldwise_error
from trainer.metrics.summary import mean_of_defined
from trainer.run.experiment import Experiment
from trainer.run.fold_data import fold_rows, preprocess
from trainer.run.fold_job import Saving, train_fold
from trainer.run.frozen_features import with_features
from trainer.run.identify import identity_of
from trainer.run.nested import fit_inner, inner_experiment, inner_rows
from trainer.search.study import ask, grid_size
from trainer.search.trial import Search, recipe_of, shared_fold, suggested, why_ends
from trainer.search.trial_configs import tried_choices
from trainer.store.fold_files import fold_directory, read_done
from trainer.store.inner_fits import InnerFit, InnerRecords
from trainer.system import interrupts
from trainer.system.files import make_directory

if TYPE_CHECKING:
    from optuna import Study


def nested_search(current: Search, n_inner: int) -> Path:
    """Search within each fold that is not done, and train it with what is picked; return where the folds are.

    Args:
        current: the search.
        n_inner: inner folds of each fold.

    Raises:
        NonFiniteError: no trial has a score within a fold.
        Interrupted: a signal has come; inner fits that are finished are kept.
    """
    options = current.options  # all else that decides it is part of what the search is
    directory = current.directory / f"nested-{options.trials}-{n_inner}"
    make_directory(directory, current.directory)
    cv = replace(current.experiment.cv, inner=InnerConfig(n_splits=n_inner))
    experiment = replace(current.experiment, cv=cv)
    first = current.configs.base(next(tried_choices(current.configs)))
    identity, _ = identity_of(first, current.experiment)
    searched = {"space": options.space, "name": options.name, "trials": options.trials, "seed": options.seed}
    keys = {**identity["config"], **searched, "prune": options.prune, "inner": n_inner}
    saving = Saving(directory, {**identity, "config": keys}, first.checkpoint)
    for name in range(experiment.plan.n_folds):
        if read_done(fold_directory(directory, name)) is None:
            _search_within(current, experiment, saving, name)
    return directory


def _search_within(current: Search, experiment: Experiment, saving: Saving, name: int) -> None:
    """Search on the inner folds of a fold, train the fold with the best settings, and save it."""
    place = fold_directory(saving.run, name)
    make_directory(place, saving.run)
    records = InnerRecords(place, saving.identity, False, lambda: None, current.print_line)
    rows = fold_rows(current.experiment, name)
    best = _picked_within(current, experiment, rows, records)
    config = current.configs.config_of(*best, place)
    recipe = recipe_of(current, config)
    tried = replace(current.experiment, recipe=recipe)
    fold = with_features(tried, shared_fold(current, name))
    saving = replace(saving, identity={**saving.identity, "length": {"max_epochs": config.max_epochs}})
    train_fold(name, [], current.print_line, experiment=tried, saving=saving, prepared=fold, alone=True)


def _picked_within(current: Search, experiment: Experiment, rows: FoldRows, records: InnerRecords) -> tuple[Any, Any]:
    """Return files and values of the best trial on the inner folds of a fold."""
    import optuna

    study = optuna.create_study(
        direction="maximize" if current.sign > 0 else "minimize", sampler=optuna.samplers.RandomSampler(seed=0)
    )
    parts = inner_rows(experiment, rows)
    inside = [inner_experiment(experiment, rows, number) for number in range(len(parts))]
    folds = [preprocess(one, part) for one, part in zip(inside, parts, strict=True)]
    suggestions = []
    for number in range(min(current.options.trials, grid_size(current.options, current.configs.space))):
        interrupts.check()
        trial = ask(study, current.options, current.configs.space, number)
        choice, values = suggested(current.configs, trial)
        suggestions.append((choice, values))

        def fit(inner: int, choice: Any = choice, values: Any = values, number: int = number) -> InnerFit:
            config = current.configs.config_of(choice, values, current.directory)
            settings = inside[inner].recipe.settings
            recipe = recipe_of(current, config).with_settings(seed=settings.seed, metrics=settings.metrics)
            tried = replace(inside[inner], recipe=recipe)
            made_of = _made_of({**dict(choice), **values}, parts[inner], config.max_epochs)
            found = records.load(number, inner, made_of)
            if found is None:
                said = f"{rows.name} inner {number}.{inner}"
                found = fit_inner(tried, with_features(tried, folds[inner]), said)
                records.save(number, inner, made_of, found)
            return found

        _try(current, study, trial, fit, len(parts))
    whole = [one for one in study.trials if one.state.name == "COMPLETE"]
    if not whole:
        raise NonFiniteError(f"nested search: no trial has a score within fold {rows.name}")
    return suggestions[study.best_trial.number]


def _try(current: Search, study: "Study", trial: Any, fit: Any, n_inner: int) -> None:
    """Fit a trial on inner fold after inner fold, until it is not worth more of them, and tell the study."""
    from optuna.trial import TrialState

    scores: list[float] = []
    for inner in range(n_inner):
        try:
            found = fit(inner)
        except NonFiniteError as error:  # settings that do not go together end so elsewhere too
            found = InnerFit((), str(as_foldwise_error(error)))
        if found.diverged is not None:
            study.tell(trial, state=TrialState.FAIL)
            return
        scores.append(found.epochs[-1].monitor[current.metric])
        trial.report(scores[-1], step=inner)
        if len(scores) < n_inner and why_ends(current, study, trial.number, scores, n_inner):
            study.tell(trial, state=TrialState.PRUNED)
            return
    value = mean_of_defined(scores)
    if math.isfinite(value):
        study.tell(trial, value)
    else:
        study.tell(trial, state=TrialState.FAIL)


def _made_of(values: Mapping[str, Any], part: FoldRows, max_epochs: int) -> dict[str, Any]:
    """Return what decides an inner fit besides the search, as JSON gives it back."""
    assert part.monitor is not None
    rows = hashlib.sha256(part.train.tobytes() + b"|" + part.monitor.tobytes()).hexdigest()
    found: dict[str, Any] = json.loads(json.dumps({"values": values, "rows": rows, "max_epochs": max_epochs}))
    return found


def nested_scores(current: Search, directory: Path) -> Sequence[float]:
    """Return the metric of each fold of the nested search."""
    marks = [read_done(fold_directory(directory, name)) for name in range(current.experiment.plan.n_folds)]
    return [float(mark["metrics"][current.metric]) for mark in marks if mark is not None]
