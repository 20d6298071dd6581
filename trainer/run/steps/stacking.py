"""How many folds are trained as one model; the numbers do not depend on it."""

from collections.abc import Sequence
from itertools import pairwise
from math import ceil

from torch import nn

from trainer.config.grid import is_nested
from trainer.data.loading.batches import DenseRows
from trainer.engine.stacked.traced import NotStackable, Traced, traced
from trainer.executors.messages import Fold as Name
from trainer.executors.messages import Work
from trainer.run.experiment import Experiment, Recipe
from trainer.run.factories import fresh_learner
from trainer.run.fold import Fold

AUTO, OFF = "auto", "off"
MOST_FOLDS = 8  # of a stack under auto: more gain nothing, and each has its own rows in memory
STEP_FLOPS = 1e8  # of a fold: where a step computes more, the calls of the kernels are not what takes the time
STACK_BYTES = 256 << 20  # of the rows and models of the folds that are in memory at once
STATES = 4  # tensors as large as the weights: weights, gradients and two moments
STACKED_MODEL = "trainer.models.mlp.MLP"  # the one that comes with Foldwise


def in_stacks(
    folds: Sequence[Name], n_workers: int, wanted: int | str, experiment: Experiment, fold: Fold
) -> tuple[list[Work], list[str]]:
    """Return what each process is handed, a fold or several to be trained as one, and what a person should know.

    Args:
        folds: to train.
        n_workers: processes.
        wanted: ``cv.stack``.
        experiment: what to run.
        fold: one of the folds.
    """
    most, notes = stack_size(wanted, experiment, fold, len(folds))
    return put_together(folds, n_workers, most), notes


def put_together(folds: Sequence[Name], n_workers: int, most: int) -> list[Work]:
    """Put folds into stacks of at most so many, of like size, at least one for each process; neighbours together."""
    n_stacks = min(len(folds), max(n_workers, ceil(len(folds) / most)))
    ends = [round(len(folds) * number / n_stacks) for number in range(n_stacks + 1)]
    stacks = [tuple(folds[first:end]) for first, end in pairwise(ends)]
    return [stack if len(stack) > 1 else stack[0] for stack in stacks]


def stack_size(wanted: int | str, experiment: Experiment, fold: Fold, n_folds: int) -> tuple[int, list[str]]:
    """Return how many folds are trained as one model, and what a person who asked for it should know.

    ``auto`` stacks where it pays: small models and small batches.

    Args:
        wanted: ``cv.stack``.
        experiment: what to run.
        fold: one of the folds.
        n_folds: to train.
    """
    if wanted == OFF or n_folds < 2:
        return 1, []
    try:
        require_stackable(experiment)
        require_known_parts(experiment.recipe, with_own_model=wanted != AUTO)
        inputs = require_dense(fold)
        model = fresh_learner(experiment.recipe, experiment.spec, fold).model
        trace = traced(model, list(inputs))
    except NotStackable as reason:
        return 1, [] if wanted == AUTO else [f"cv.stack={wanted} has no effect: {reason}"]
    if wanted != AUTO:
        return int(wanted), []
    return most_that_pay(model, trace, fold, experiment.recipe.settings.batch_size), []


def require_stackable(experiment: Experiment) -> None:
    """Refuse what is not trained as one model, whatever its layers.

    Raises:
        NotStackable: says what it is.
    """
    recipe = experiment.recipe
    if recipe.device.type != "cpu":
        raise NotStackable(f"on {recipe.device.type} the folds are trained one by one")
    if is_nested(experiment.cv):
        raise NotStackable("inner folds pick what each fold is trained with")
    if experiment.pseudo is not None:
        raise NotStackable("each fold has pseudo-labels of its own")
    if recipe.compile:
        raise NotStackable("runtime.compile compiles a fold's model")
    if recipe.level.backend != "native":
        raise NotStackable(f"amp.backend={recipe.level.backend} patches a fold's model")
    if recipe.tricks:
        raise NotStackable(f"tricks=[{','.join(recipe.tricks)}] take steps of their own")
    if recipe.fit.freeze_epochs not in (0, "all"):
        raise NotStackable("fit.freeze_epochs thaws layers as training goes on")


def require_known_parts(recipe: Recipe, *, with_own_model: bool) -> None:
    """Refuse parts of the user's own: they may draw random numbers, or do something else in each call.

    Args:
        recipe: how a fold is trained.
        with_own_model: take the user's word that their model's ``forward`` does nothing but compute.

    Raises:
        NotStackable: names the part.
    """
    for part in ("loss", "optimizer", "scheduler"):
        target = str(recipe.sections[part]["_target_"])
        if not target.startswith(("trainer.", "torch.")):
            raise NotStackable(f"the {part} {target} is not known here")
    target = str(recipe.sections["model"]["_target_"])
    if not (with_own_model or target.startswith(("trainer.", "torch."))):
        raise NotStackable("the model is the user's own")
    if target.startswith("trainer.models.") and target != STACKED_MODEL and recipe.fit.freeze_epochs != "all":
        raise NotStackable(f"model {target.split('.')[2]} is not made of linear layers")


def require_dense(fold: Fold) -> dict[str, tuple[int, ...]]:
    """Return the shape of a row by input.

    Raises:
        NotStackable: the rows are read as they are needed, or differ in length.
    """
    rows = fold.data.rows
    if type(rows) is not DenseRows:
        raise NotStackable("its rows are not a table in memory")
    return {name: tuple(values.shape[1:]) for name, values in rows.inputs.items()}


def most_that_pay(model: nn.Module, trace: Traced, fold: Fold, batch_size: int) -> int:
    """Return how many folds are worth training as one model; 1 = none."""
    assert isinstance(fold.data.rows, DenseRows)
    if step_flops(model, trace, min(batch_size, len(fold.rows.train))) > STEP_FLOPS:
        return 1
    rows_bytes = sum(values.nbytes for values in fold.data.rows.inputs.values())
    model_bytes = STATES * sum(parameter.nbytes for parameter in model.parameters())
    return max(1, min(MOST_FOLDS, STACK_BYTES // (rows_bytes + model_bytes)))


def step_flops(model: nn.Module, trace: Traced, n_rows: int) -> int:
    """Return how many operations the linear layers take for a step on so many rows."""
    weights = sum(model.get_parameter(f"{name}.weight").numel() for name in trace.linears())
    return 6 * weights * n_rows  # forward and backward pass: three products, two operations a weight
