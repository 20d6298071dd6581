"""A search: trials of other settings on the same rows and folds, each a run, resumed fold by fold."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainer.config.compose import Launch
from trainer.config.home import with_home
from trainer.config.schema import RunConfig
from trainer.config.search import NONE, SearchConfig
from trainer.config.search_space import read_space
from trainer.errors import CheckpointError, ConfigError, no_exit
from trainer.metrics.find import metric_named
from trainer.report.formatting import number
from trainer.report.terminal import line_printer, make_console, show_notes
from trainer.run.begin import named_run, show_start
from trainer.run.experiment import Experiment
from trainer.run.factories import fresh_learner
from trainer.run.fold import Fold
from trainer.run.identify import identity_of
from trainer.run.merge import Merged
from trainer.run.prepare import prepare
from trainer.run.steps.audit import as_message, audit_start
from trainer.run.steps.threads import choose_threads
from trainer.run.validate import check_config, check_data
from trainer.search.search_end import end_search
from trainer.search.search_table import Standing, settings_text, standing, write_table
from trainer.search.study import claim, fold_order, open_study, require_optuna
from trainer.search.trial import Outcome, Search, recipe_of, run_trial, shared_fold
from trainer.search.trial_configs import TrialConfigs, require_sound, tried_choices
from trainer.store.identity import Identity, describe_differences, differences
from trainer.store.own_files import SEARCH, is_search
from trainer.store.run_files import is_run
from trainer.store.stop_request import obeyed
from trainer.system.files import claim_directory, directory_lock, make_directory, sealed, unsealed, write_bytes
from trainer.system.folders import is_there
from trainer.wording.translations import N_

if TYPE_CHECKING:
    from rich.console import Console

    from trainer.data.sources.in_memory import Given

BUILT = ("model", "loss", "optimizer")  # sections of which the ends of a range are built before the first trial


@no_exit()
def search(config: RunConfig, launch: Launch, given: "Given | None" = None) -> Merged | None:
    """Train the trials that are not done, and report the best.

    Args:
        config: as composed, with ``search``.
        launch: how it was asked for.
        given: rows that are in memory already.

    Returns:
        The merged run of the best trial; None where others still train trials, or no report was wanted.

    Raises:
        ConfigError: the space or another option cannot be; every problem is named.
        CheckpointError: the directory holds another search.
        NonFiniteError: no trial has a score.
    """
    config = with_home(config)
    require_optuna(config.search)
    check_config(config)
    if launch.sweep is not None:
        raise ConfigError("search= and -m both try settings: use one of them")
    console, directory = make_console(config.runtime.progress), named_run(config)
    _require_resumable(directory, config.resume)
    configs = TrialConfigs(replace(config, search=SearchConfig()), launch, read_space(config.search.space))
    require_sound(configs)
    first = configs.base(next(tried_choices(configs)))
    experiment = prepare(first, given)
    show_start(experiment, console)
    directory = directory or claim_directory(Path(config.paths.runs) / f"search-{launch.default_name}")
    current = _opened(config.search, configs, experiment, directory, console)
    first_fold = shared_fold(current, 0)
    threads, parallel = first.runtime.threads, first.cv.parallel
    choose_threads(experiment, first_fold, first.executor, threads=threads, parallel=parallel)
    _require_built(current, first_fold)
    with obeyed(directory):
        _train_trials(current)
    return end_search(current, console)


def _require_resumable(directory: Path | None, resume: str) -> None:
    """Refuse what ``resume`` forbids, and a directory that holds a run.

    Raises:
        ConfigError: ``resume=must`` without a name.
        CheckpointError: a search is there and must not be, or the other way round.
    """
    if directory is None:
        if resume == "must":
            raise ConfigError("resume=must needs the name of the search to resume: run=NAME")
        return
    if is_run(directory):
        raise CheckpointError(f"{directory} holds a run, not a search: use another run=NAME")
    there = is_search(directory)
    if resume == "must" and not there:
        raise CheckpointError(f"{directory} holds no search to resume (resume=must): use resume=auto to start one")
    if resume == "never" and there:
        raise CheckpointError(f"{directory} holds a search already (resume=never): use another run=NAME")


def _opened(
    options: SearchConfig, configs: TrialConfigs, experiment: Experiment, directory: Path, console: "Console"
) -> Search:
    """Begin the search, or go on with the one that is there."""
    metric = experiment.recipe.settings.metrics[0]
    greater = metric_named(metric).greater_is_better
    first = configs.base(next(tried_choices(configs)))
    identity, unknown = identity_of(first, experiment)
    show_notes(unknown, console)
    order = fold_order(options.seed, experiment.plan.n_folds)
    made_of = _with_search(identity, options, first)
    make_directory(directory)
    _require_same_search(directory, made_of, {"metric": metric, "greater_is_better": greater, "order": order})
    leaks = audit_start(
        experiment.samples, experiment.spec, experiment.plan, mode=configs.config.audit, console=console
    )
    return Search(
        directory=directory,
        options=options,
        configs=configs,
        experiment=experiment,
        study=open_study(directory, greater_is_better=greater, cost=options.cost),
        order=order,
        metric=metric,
        sign=1.0 if greater else -1.0,
        findings={"audit": leaks, "warnings": [*map(as_message, leaks)]},
        print_line=line_printer(console),
    )


def _with_search(identity: Identity, options: SearchConfig, config: RunConfig) -> dict[str, Any]:
    """Return what decides the trials of a search: all that decides a run, the space and how it is searched."""
    decides = ("name", "space", "seed", "prune", *(("cost",) if options.cost != NONE else ()))
    searched = {f"search.{key}": getattr(options, key) for key in decides}
    keys = {**identity["config"], **searched, "max_epochs": config.max_epochs}
    return {**identity, "config": keys, "length": {}}


def _require_same_search(directory: Path, identity: Mapping[str, Any], facts: Mapping[str, Any]) -> None:
    """Write what the search is, or compare it with the one that is there.

    Raises:
        CheckpointError: that is another one: of other data, another space, another sampler.
    """
    with directory_lock(directory, directory):
        if not is_there(directory / SEARCH, directory):
            record = sealed({"identity": identity, **facts})
            write_bytes(directory / SEARCH, record, root=directory, what=N_("record of the run"))
            return
    found = differences(unsealed(directory / SEARCH, directory)["identity"], identity, hardware=False)
    if found:
        lines = "\n".join(describe_differences(found, most=2))
        raise CheckpointError(
            f"{directory} holds a search that is not this one:\n{lines}\n"
            "use the same options and data, or another run=NAME (search.trials, nested, final, halve_batch may change)"
        )


def _require_built(current: Search, fold: Fold) -> None:
    """Build the parts with each file and the ends of each range: what their own classes refuse is known before trial 0.

    Raises:
        ConfigError: naming the value.
    """
    configs, problems = current.configs, list[str]()
    for choice in tried_choices(configs):
        tried: list[dict[str, Any]] = [{}]
        tried += [{one.key: end} for one in configs.settings(choice) for end in one.ends() if one.key.startswith(BUILT)]
        for values in tried:
            config = configs.config_of(choice, values, current.directory)
            said = " ".join(f"{key}={value}" for key, value in {**dict(choice), **values}.items())
            try:
                check_data(config, current.experiment.spec)
                fresh_learner(recipe_of(current, config), current.experiment.spec, fold)
            except ConfigError as error:
                problems.append(f"search.space, {said}: {str(error).splitlines()[0]}")
    if problems:
        raise ConfigError.from_problems(list(dict.fromkeys(problems)))


def _train_trials(current: Search) -> None:
    """Train one trial after the other, until as many as wanted were begun."""
    options, configs = current.options, current.configs
    while (claimed := claim(current.directory, current.study, options, configs.space)) is not None:
        with claimed.held:
            outcome = run_trial(current, claimed)
        now = standing(current.study, current.order)
        write_table(current.directory, now, current.metric, configs.space)
        current.print_line(_line(current, claimed.trial.number, outcome, now))


def _line(current: Search, trial: int, outcome: Outcome, now: Standing) -> str:
    value = "" if outcome.value is None else f" {current.metric} {number(outcome.value)}"
    best = "" if now.best is None else f" (best {number(now.best.value)}, trial {now.best.number})"
    folds = f"{outcome.n_folds}/{len(current.order)} folds"
    why = f": {outcome.why}" if outcome.why else ""
    state = "" if outcome.state == "complete" else f" {outcome.state}"
    return (
        f"trial {trial}:{state}{value}{best}, {folds}, {outcome.seconds:.1f} s, {settings_text(outcome.settings)}{why}"
    )
