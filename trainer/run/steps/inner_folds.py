"""Before the first step of a nested run: every fold's inner folds, and every candidate on one batch."""

from collections.abc import Sequence

from rich.console import Console

from trainer.config.grid import describe_selection
from trainer.config.keys import values_text
from trainer.data.samples import DataSpec
from trainer.errors import ConfigError
from trainer.profiler.costs import same_random_state
from trainer.run.experiment import Candidate, Experiment
from trainer.run.factories import fresh_learner
from trainer.run.fold import Fold
from trainer.run.fold_data import fold_rows, training_sizes
from trainer.run.nested import inner_rows
from trainer.run.steps.preflight import try_out
from trainer.system.seeds import seed_everything


def nested_start(
    experiment: Experiment, fold: Fold, wanted: Sequence[int | str], *, preflight: bool, console: Console
) -> list[str]:
    """Split what is to be split and look at every candidate's model and loss; the random generators stay as they are.

    Args:
        experiment: what is run.
        fold: whose rows the candidates are tried on.
        wanted: folds to be trained.
        preflight: try each candidate on a batch; else only build it.
        console: where the warnings are printed.

    Returns:
        The warnings, one line each, printed too.

    Raises:
        DataError: the training rows of a fold cannot be split.
        ConfigError: a candidate cannot be trained.
    """
    tried, sizes = experiment.candidates, inner_sizes(experiment, wanted)
    all_sizes = [*training_sizes(experiment), *(size for fold_sizes in sizes for size in fold_sizes)]
    console.print(f"{describe_selection(experiment.cv)}: {len(tried) * len(sizes[0])} inner fits per fold")
    warnings: dict[str, str] = {}
    for candidate in tried:
        for text in _look_at(candidate, experiment.spec, fold, all_sizes, preflight=preflight):
            warnings.setdefault(text, f"{values_text(candidate.values)}: {text}" if candidate.values else text)
    for text in warnings.values():
        console.print(f"warning: {text}", style="yellow", highlight=False, soft_wrap=True)
    return list(warnings.values())


def inner_sizes(experiment: Experiment, wanted: Sequence[int | str]) -> list[list[int]]:
    """Return the training rows of every inner fold, per wanted fold."""
    rows_of = [fold_rows(experiment, name) for name in wanted]
    return [[len(part.train) for part in inner_rows(experiment, rows)] for rows in rows_of]


def _look_at(
    candidate: Candidate, spec: DataSpec, fold: Fold, train_sizes: Sequence[int], *, preflight: bool
) -> list[str]:
    recipe = candidate.recipe
    try:
        with same_random_state():
            if not preflight:
                fresh_learner(recipe, spec, fold)
                return []
            seed_everything(recipe.settings.seed)
            return try_out(recipe, spec, fold, train_sizes)
    except ConfigError as error:
        named = f"with {values_text(candidate.values)}: " if candidate.values else ""
        raise ConfigError(f"{named}{error}") from error
