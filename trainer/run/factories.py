"""A fold's own model, loss, optimizer, scheduler and precision, each built fresh from (seed, repeat, fold)."""

from typing import Any

from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from trainer.config.build import construct
from trainer.engine.ema import WeightAverage
from trainer.engine.freezing import freeze_for_good, require_parts
from trainer.engine.loops import Learner
from trainer.engine.optimizer import make_scheduler, warmup_steps
from trainer.engine.param_groups import grouped_optimizer
from trainer.engine.precision.apex_backend import make_precision
from trainer.engine.precision.compiled import compiled_call
from trainer.engine.precision.precision import refuse_underflowing_optimizer
from trainer.engine.settings import FoldRows
from trainer.errors import ConfigError
from trainer.losses.contract import Loss
from trainer.run.experiment import Experiment
from trainer.run.fold_data import fold_seed
from trainer.system.seeds import seed_everything
from trainer.weights.load import load_weights


def fresh_learner(
    experiment: Experiment, rows: FoldRows, model_arguments: dict[str, Any], model: nn.Module | None = None
) -> Learner:
    """Build model, loss, optimizer, scheduler and precision anew, from (seed, repeat, fold) alone.

    Args:
        experiment: what to run.
        rows: of the fold.
        model_arguments: sizes the fitted preprocessing gives the model.
        model: used instead of a new one (the profiler's copy), and never compiled.
    """
    config, settings = experiment.config, experiment.settings
    seed_everything(fold_seed(settings.seed, rows.repeat, rows.fold))
    loss = make_loss(experiment, rows)
    fold_model = make_model(experiment, loss, model_arguments) if model is None else model
    precision, optimizer = make_precision(
        fold_model,
        experiment.level,
        lambda stepped: grouped_optimizer(config.optimizer, fold_model, stepped, config.fit, config.plugins),
    )
    refuse_underflowing_optimizer(experiment.level, optimizer)
    scheduler = fold_scheduler(experiment, optimizer, len(rows.train))
    decay = config.fit.ema_decay
    average = None if decay is None else WeightAverage(precision.parameters, decay)
    compiled = compiled_call(fold_model) if config.runtime.compile and model is None else None
    return Learner(fold_model, loss, optimizer, scheduler, precision, average, compiled)


def fold_scheduler(experiment: Experiment, optimizer: Optimizer, n_train: int) -> LRScheduler:
    """Build the scheduler of a fold with ``n_train`` training rows.

    Raises:
        ConfigError: torch refused its arguments, or they fit neither the fold's steps nor the optimizer's groups.
    """
    config, settings = experiment.config, experiment.settings
    steps_per_epoch = settings.steps_per_epoch(n_train)
    total_steps = settings.max_epochs * steps_per_epoch
    return make_scheduler(
        config.scheduler,
        optimizer,
        warmup_steps=warmup_steps(config.fit, total_steps),
        total_steps=total_steps,
        steps_per_epoch=steps_per_epoch,
        plugins=config.plugins,
    )


def make_loss(experiment: Experiment, rows: FoldRows) -> Any:
    """Build the loss with what it may ask for, counted in the fold's training rows."""
    loss = construct("loss", experiment.config.loss, experiment.config.plugins, **loss_arguments(experiment, rows))
    if not isinstance(loss, nn.Module) or not hasattr(loss, "n_outputs"):
        raise ConfigError(
            f"loss: {experiment.config.loss['_target_']} must make an nn.Module that says n_outputs "
            "(see trainer/losses/contract.py)"
        )
    return loss.to(experiment.device)


def make_model(experiment: Experiment, loss: Loss, model_arguments: dict[str, Any]) -> nn.Module:
    """Build the model for the loss's outputs and the sizes of the fitted preprocessing, on the training device.

    Raises:
        ConfigError: it does not take this data, or lacks a part that ``fit`` speaks of.
        CheckpointError: the weights to start from do not fit it.
    """
    sizes = {"n_outputs": loss.n_outputs, "n_classes": len(experiment.spec.classes), **model_arguments}
    section, plugins = experiment.config.model, experiment.config.plugins
    model = construct("model", section, plugins, task=experiment.spec.task, **sizes)
    if not isinstance(model, nn.Module):
        raise ConfigError(f"model: {section['_target_']} made a {type(model).__name__}, not an nn.Module")
    if experiment.init is not None:
        init = experiment.config.init
        load_weights(model, experiment.init, n_outputs=loss.n_outputs, min_match=init.min_match, prefix=init.prefix)
    require_parts(model, experiment.config.fit)
    freeze_for_good(model, experiment.config.fit)
    return model.to(experiment.device)


def loss_arguments(experiment: Experiment, rows: FoldRows) -> dict[str, Any]:
    """Return task and class counts of the fold's training rows."""
    task, n_classes = experiment.spec.task, len(experiment.spec.classes)
    return {
        "task": task,
        "n_classes": n_classes,
        "class_counts": task.class_counts(experiment.samples.target[rows.train], n_classes).tolist(),
        "n_rows": len(rows.train),
    }
