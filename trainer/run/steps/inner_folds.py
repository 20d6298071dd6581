"""Before the first step of a nested run: every fold's inner folds, and every candidate on one batch."""

from rich.console import Console

from trainer.config.grid import Candidate, candidates, describe_selection
from trainer.config.keys import values_text
from trainer.errors import ConfigError
from trainer.profiler.costs import same_random_state
from trainer.run.experiment import Experiment
from trainer.run.factories import fresh_learner
from trainer.run.fold_data import PreparedFold, fold_rows
from trainer.run.nested import inner_rows, with_candidate
from trainer.run.resume import wanted_folds
from trainer.run.steps.preflight import try_out
from trainer.run.validate import check_data
from trainer.system.seeds import seed_everything


def nested_start(experiment: Experiment, fold: PreparedFold, console: Console) -> list[str]:
    """Split what is to be split and look at every candidate's model and loss; the random generators stay as they are.

    Returns:
        The warnings, one line each, printed too.

    Raises:
        DataError: the training rows of a fold cannot be split.
        ConfigError: a candidate cannot be trained.
    """
    tried = candidates(experiment.config)
    sizes = inner_sizes(experiment)
    console.print(f"{describe_selection(experiment.config)}: {len(tried) * len(sizes[0])} inner fits per fold")
    warnings: dict[str, str] = {}
    for candidate in tried:
        for text in _look_at(experiment, candidate, fold, [size for fold_sizes in sizes for size in fold_sizes]):
            warnings.setdefault(text, f"{values_text(candidate.values)}: {text}" if candidate.values else text)
    for text in warnings.values():
        console.print(f"warning: {text}", style="yellow", highlight=False, soft_wrap=True)
    return list(warnings.values())


def inner_sizes(experiment: Experiment) -> list[list[int]]:
    """Return the training rows of every inner fold, per wanted fold."""
    wanted = [fold_rows(experiment, experiment.fold_number(name)) for name in wanted_folds(experiment)]
    return [[len(part.train) for part in inner_rows(experiment, rows)] for rows in wanted]


def _look_at(experiment: Experiment, candidate: Candidate, fold: PreparedFold, sizes: list[int]) -> list[str]:
    asked = with_candidate(experiment, candidate)
    try:
        check_data(candidate.config, experiment.spec)
        with same_random_state():
            if not experiment.config.preflight:
                fresh_learner(asked, fold.rows, fold.fitted.model_arguments)
                return []
            seed_everything(experiment.settings.seed)
            return try_out(asked, fold, sizes)
    except ConfigError as error:
        named = f"with {values_text(candidate.values)}: " if candidate.values else ""
        raise ConfigError(f"{named}{error}") from error
