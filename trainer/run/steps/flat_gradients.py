"""Whether the gradients of a fold's model are computed without autograd; the numbers do not depend on it."""

from trainer.data.loading.batches import DenseRows
from trainer.engine.flat import Flat
from trainer.engine.loops import Learner
from trainer.engine.precision.precision import Precision
from trainer.engine.stacked.traced import NotStackable, traced
from trainer.run.experiment import Recipe
from trainer.run.fold import Fold
from trainer.run.steps.stacking import require_known_parts, step_flops

MOST_FLOPS = 1e9  # of a step: where it computes more, autograd's share is a few hundredths


def flat_gradients(recipe: Recipe, learner: Learner, fold: Fold) -> Flat | None:
    """Return what computes the gradients of a small model in float32 on the CPU; None = autograd does.

    Args:
        recipe: how the fold is trained.
        learner: of it.
        fold: its rows.
    """
    rows, thaws = fold.data.rows, recipe.fit.freeze_epochs not in (0, "all")
    if type(rows) is not DenseRows or thaws or not _is_single_pass(recipe, learner):
        return None
    try:
        require_known_parts(recipe, with_own_model=False)
        trace = traced(learner.model, list(rows.inputs))
        flops = step_flops(learner.model, trace, min(recipe.settings.batch_size, len(fold.rows.train)))
        return Flat(learner.model, trace) if flops <= MOST_FLOPS else None
    except NotStackable:
        return None


def _is_single_pass(recipe: Recipe, learner: Learner) -> bool:
    """Return whether a step is one forward and backward pass of the model itself, in float32."""
    precision = learner.precision
    return (
        recipe.device.type == "cpu"
        and isinstance(precision, Precision)
        and recipe.level.opt_level == "O0"
        and precision.scaler.is_off
        and learner.tricks is None
        and learner.compiled is None
        and learner.ranks.size == 1
    )
