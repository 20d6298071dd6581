"""The preflight at start: the first fold's model and loss, built once more and thrown away after it."""

import time
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from torch import nn

from trainer.data.loading.batch_order import training_order
from trainer.data.samples import DataSpec, Samples
from trainer.engine.mixing import mixes, require_mixable
from trainer.engine.param_groups import grouped_optimizer
from trainer.engine.preflight.outputs import label_out_of_range
from trainer.engine.preflight.preflight import preflight
from trainer.engine.preflight.probe import ProbedModel
from trainer.engine.settings import FitSettings
from trainer.errors import ConfigError
from trainer.profiler.costs import same_random_state
from trainer.run.experiment import Recipe
from trainer.run.factories import fold_scheduler, make_loss, make_model
from trainer.run.fold import Fold
from trainer.system.seeds import seed_everything


def preflight_start(
    recipe: Recipe, spec: DataSpec, fold: Fold, train_sizes: Sequence[int], console: Console
) -> list[str]:
    """Look for the classic mistakes in model, loss and precision; the random generators stay as they are.

    Args:
        recipe: how the fold is trained.
        spec: what the targets mean.
        fold: whose rows are tried.
        train_sizes: training rows of all fits of the run, whose last batch counts too.
        console: where the warnings are printed.

    Returns:
        The warnings, one line each, printed too.

    Raises:
        ConfigError: training would be pointless: what is wrong, where, and the fix.
    """
    started = time.perf_counter()
    with same_random_state():
        seed_everything(recipe.settings.seed)
        warnings = try_out(recipe, spec, fold, train_sizes)
    for text in warnings:
        console.print(f"warning: {text}", style="yellow", highlight=False, soft_wrap=True)
    outcome = f"{len(warnings)} warning{'s' if len(warnings) > 1 else ''}" if warnings else "nothing found"
    console.print(f"preflight: {outcome} in {time.perf_counter() - started:.2f} s", highlight=False)
    return warnings


def try_out(recipe: Recipe, spec: DataSpec, fold: Fold, train_sizes: Sequence[int]) -> list[str]:
    """Return the warnings about the fold's model and loss.

    Args:
        recipe: how the fold is trained.
        spec: what the targets mean.
        fold: whose rows are tried.
        train_sizes: training rows of all fits of the run, whose last batch counts too.

    Raises:
        ConfigError: training would be pointless, or the optimizer or scheduler do not fit.
    """
    tried = probe(recipe, spec, fold, train_sizes)
    warnings = preflight(tried)
    require_schedule(recipe, tried.model, len(fold.rows.train))
    return warnings


def probe(recipe: Recipe, spec: DataSpec, fold: Fold, train_sizes: Sequence[int]) -> ProbedModel:
    """Build the fold's model and loss with one batch to try them on."""
    loss, settings = make_loss(recipe, spec, fold), recipe.settings
    batch = fold.data.batch(probe_rows(settings, fold))
    if mixes(settings):
        require_mixable(batch.inputs, settings)
    return ProbedModel(
        model=make_model(recipe, spec, fold, loss.n_outputs),
        loss=loss,
        level=recipe.level,
        task=spec.task,
        batch=batch,
        target=fold.data.target,
        train_sizes=list(train_sizes),
        batch_size=settings.batch_size,
    )


def require_schedule(recipe: Recipe, model: nn.Module, n_train: int) -> None:
    """Refuse an optimizer or scheduler that this model's parts, or the fold's steps, do not fit.

    Raises:
        ConfigError: says what does not fit.
    """
    stepped = [p for p in model.parameters() if p.requires_grad]
    optimizer = grouped_optimizer(recipe.sections["optimizer"], model, stepped, recipe.fit, recipe.plugins)
    fold_scheduler(recipe, optimizer, n_train)


def probe_rows(settings: FitSettings, fold: Fold) -> NDArray[np.int64]:
    """Return the row numbers of the first training batch; of the first two where a batch is a single row."""
    key = (settings.seed, *fold.rows.key, 0)
    order = training_order(fold.rows.train, settings.batch_size, key, fold.data.rows.lengths())
    return order[0] if len(order[0]) > 1 else np.concatenate(order[:2])


def require_labels(samples: Samples, spec: DataSpec) -> None:
    """Refuse labels outside the classes, before anything counts them.

    Raises:
        ConfigError: naming the label and its row.
    """
    finding = label_out_of_range(torch.from_numpy(samples.target), spec.task, spec.task.n_values(len(spec.classes)))
    if finding is not None:
        raise ConfigError(finding.lines())
