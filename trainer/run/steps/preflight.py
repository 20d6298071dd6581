"""The preflight at start: the first fold's model and loss, built once more and thrown away after it."""

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from torch import nn

from trainer.data.loading.batches import TrainingSet, training_order
from trainer.data.samples import DataSpec, Samples
from trainer.engine.mixing import mixes, require_mixable
from trainer.engine.param_groups import grouped_optimizer
from trainer.engine.preflight.outputs import label_out_of_range
from trainer.engine.preflight.preflight import preflight
from trainer.engine.preflight.probe import ProbedModel
from trainer.engine.settings import FoldRows
from trainer.errors import ConfigError
from trainer.profiler.costs import same_random_state
from trainer.run.experiment import Experiment
from trainer.run.factories import fold_scheduler, make_loss, make_model
from trainer.run.fold_data import PreparedFold, fold_rows
from trainer.system.seeds import seed_everything


def preflight_start(experiment: Experiment, fold: PreparedFold, console: Console) -> list[str]:
    """Look for the classic mistakes in model, loss and precision; the random generators stay as they are.

    Returns:
        The warnings, one line each, printed too.

    Raises:
        ConfigError: training would be pointless: what is wrong, where, and the fix.
    """
    started = time.perf_counter()
    with same_random_state():
        seed_everything(experiment.settings.seed)
        warnings = try_out(experiment, fold)
    for text in warnings:
        console.print(f"warning: {text}", style="yellow", highlight=False, soft_wrap=True)
    outcome = f"{len(warnings)} warning{'s' if len(warnings) > 1 else ''}" if warnings else "nothing found"
    console.print(f"preflight: {outcome} in {time.perf_counter() - started:.2f} s", highlight=False)
    return warnings


def try_out(experiment: Experiment, fold: PreparedFold, more_train_sizes: Sequence[int] = ()) -> list[str]:
    """Return the warnings about the fold's model and loss.

    Args:
        experiment: what is run.
        fold: whose rows are tried.
        more_train_sizes: training rows of further fits, whose last batch counts too.

    Raises:
        ConfigError: training would be pointless, or the optimizer or scheduler do not fit.
    """
    tried = probe(experiment, fold)
    warnings = preflight(replace(tried, train_sizes=[*tried.train_sizes, *more_train_sizes]))
    require_schedule(experiment, tried.model, len(fold.rows.train))
    return warnings


def probe(experiment: Experiment, fold: PreparedFold) -> ProbedModel:
    """Build the fold's model and loss with one batch to try them on."""
    loss = make_loss(experiment, fold.rows)
    batch = fold.data.batch(probe_rows(experiment, fold.rows, fold.data))
    if mixes(experiment.settings):
        require_mixable(batch.inputs, experiment.settings)
    return ProbedModel(
        model=make_model(experiment, loss, fold.fitted.model_arguments),
        loss=loss,
        level=experiment.level,
        task=experiment.spec.task,
        batch=batch,
        target=fold.data.target,
        train_sizes=[len(fold_rows(experiment, number).train) for number in range(experiment.n_folds)],
        batch_size=experiment.settings.batch_size,
    )


def require_schedule(experiment: Experiment, model: nn.Module, n_train: int) -> None:
    """Refuse an optimizer or scheduler that this model's parts, or the fold's steps, do not fit.

    Raises:
        ConfigError: says what does not fit.
    """
    config, stepped = experiment.config, [p for p in model.parameters() if p.requires_grad]
    optimizer = grouped_optimizer(config.optimizer, model, stepped, config.fit, config.plugins)
    fold_scheduler(experiment, optimizer, n_train)


def probe_rows(experiment: Experiment, rows: FoldRows, data: TrainingSet) -> NDArray[np.int64]:
    """Return the row numbers of the first training batch; of the first two where a batch is a single row."""
    settings = experiment.settings
    key = (settings.seed, rows.repeat, rows.fold, 0)
    order = training_order(rows.train, settings.batch_size, key, data.rows.lengths())
    return order[0] if len(order[0]) > 1 else np.concatenate(order[:2])


def require_labels(samples: Samples, spec: DataSpec) -> None:
    """Refuse labels outside the classes, before anything counts them.

    Raises:
        ConfigError: naming the label and its row.
    """
    finding = label_out_of_range(torch.from_numpy(samples.target), spec.task, spec.task.n_values(len(spec.classes)))
    if finding is not None:
        raise ConfigError(finding.lines())
