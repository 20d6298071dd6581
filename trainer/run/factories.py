"""A fold's own model, loss, optimizer, scheduler and precision, each built fresh from (seed, repeat, fold)."""

from collections.abc import Mapping
from typing import Any

from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from trainer.config.build import construct
from trainer.config.help import described_as
from trainer.data.samples import DataSpec
from trainer.engine.ema import WeightAverage
from trainer.engine.freezing import freeze_for_good, require_parts
from trainer.engine.loops import Learner
from trainer.engine.optimizer import make_scheduler, warmup_steps
from trainer.engine.param_groups import grouped_optimizer
from trainer.engine.precision.apex_backend import AnyPrecision, make_precision
from trainer.engine.precision.compiled import compiled_call
from trainer.engine.precision.precision import Precision, refuse_underflowing_optimizer
from trainer.engine.process_group import ALONE, Ranks
from trainer.engine.sharded import shard
from trainer.engine.sync_batchnorm import synchronise
from trainer.engine.tricked import Tricks
from trainer.errors import ConfigError
from trainer.losses.prior import PriorCorrected
from trainer.models.adapt import adapt_calls
from trainer.run.experiment import Recipe
from trainer.run.fold import Fold
from trainer.system.seeds import seed_everything, seed_of
from trainer.tasks import Target
from trainer.tricks.build import make
from trainer.tricks.contract import Average, Setting
from trainer.weights.load import load_weights

LOSS_METHODS = {  # what a loss must have beside forward, and how it is written where nothing is special
    "normaliser": "def normaliser(self, target): return target.new_ones(len(target))  # rows count alike",
    "to_proba": "def to_proba(self, logits): return logits.float().softmax(dim=1)  # probabilities of the classes",
}


def fresh_learner(
    recipe: Recipe, spec: DataSpec, fold: Fold, model: nn.Module | None = None, *, ranks: Ranks = ALONE
) -> Learner:
    """Build model, loss, optimizer, scheduler and precision again, from (seed, repeat, fold) alone.

    Args:
        recipe: what is built.
        spec: what the targets mean.
        fold: it is built for.
        model: used instead of a new one (the profiler's copy), and never compiled.
        ranks: the processes that train it together.
    """
    seed_everything(seed_of(recipe.settings.seed, *fold.rows.key))
    loss = make_loss(recipe, spec, fold)
    fold_model = make_model(recipe, spec, fold, loss.n_outputs) if model is None else model
    if ranks.shard:
        shard(fold_model, ranks.size)
    tricks = make_tricks(recipe, spec, fold, fold_model, loss.n_outputs)
    precision, optimizer = make_precision(
        fold_model,
        recipe.level,
        lambda stepped: grouped_optimizer(
            recipe.sections["optimizer"], fold_model, stepped, recipe.fit, recipe.plugins
        ),
    )
    refuse_underflowing_optimizer(recipe.level, optimizer)
    scheduler = fold_scheduler(recipe, optimizer, len(fold.rows.train))
    average = weight_average(recipe.fit.ema_decay, precision, tricks, fold_model)
    compiled = compiled_call(fold_model) if recipe.compile and model is None else None
    if ranks.sync_batchnorm:
        synchronise(fold_model)
    return Learner(fold_model, loss, optimizer, scheduler, precision, average, compiled, ranks=ranks, tricks=tricks)


def weight_average(
    decay: float | None, precision: AnyPrecision, tricks: Tricks | None, model: nn.Module
) -> Average | None:
    """Return what averages the weights: ``fit.ema_decay``, a trick, or None.

    Raises:
        ConfigError: both would.
    """
    kept = tricks.bind(precision, model) if tricks is not None and isinstance(precision, Precision) else None
    if kept is not None and decay is not None:
        raise ConfigError(f"fit.ema_decay={decay:g} and a trick both average the weights: leave one of them out")
    return kept if decay is None else WeightAverage(precision.parameters, decay)


def make_tricks(recipe: Recipe, spec: DataSpec, fold: Fold, model: nn.Module, n_outputs: int) -> Tricks | None:
    """Build the tricks of a fold and let them find what they work on; None where there are none.

    Raises:
        ConfigError: one finds nothing, or two cannot be combined.
    """
    if not recipe.tricks:
        return None
    tricks = Tricks(make(recipe.tricks, recipe.plugins))
    steps_per_epoch = recipe.settings.steps_per_epoch(len(fold.rows.train))
    setting = Setting(
        model,
        spec.task,
        n_outputs=n_outputs,
        n_classes=len(spec.classes),
        steps_per_epoch=steps_per_epoch,
        total_steps=recipe.settings.total_steps(len(fold.rows.train)),
        pretrained=recipe.start is not None or bool(getattr(model, "loaded", "")),
    )
    for trick in tricks.named.values():
        trick.attach(setting)
    return tricks


def fold_scheduler(recipe: Recipe, optimizer: Optimizer, n_train: int) -> LRScheduler:
    """Build the scheduler of a fold with ``n_train`` training rows.

    Raises:
        ConfigError: torch refused its arguments, or they fit neither the fold's steps nor the optimizer's groups.
    """
    steps_per_epoch = recipe.settings.steps_per_epoch(n_train)
    total_steps = recipe.settings.total_steps(n_train)
    return make_scheduler(
        recipe.sections["scheduler"],
        optimizer,
        warmup_steps=warmup_steps(recipe.fit, total_steps),
        total_steps=total_steps,
        steps_per_epoch=steps_per_epoch,
        plugins=recipe.plugins,
    )


def make_loss(recipe: Recipe, spec: DataSpec, fold: Fold) -> Any:
    """Build the loss with what it may ask for, counted in the fold's training rows."""
    target = fold.data.target.cpu().numpy()[fold.rows.train]
    return build_loss(recipe, loss_arguments(spec, target))


def build_loss(recipe: Recipe, counted: Mapping[str, Any]) -> Any:
    """Build the loss; ``counted`` is what ``loss_arguments`` returned."""
    section = recipe.sections["loss"]
    loss = construct("loss", section, recipe.plugins, **counted)
    if not isinstance(loss, nn.Module) or not hasattr(loss, "n_outputs"):
        target = str(section["_target_"])
        alike = described_as("loss", target.rpartition(".")[2])
        raise ConfigError(
            f"loss: {target} must make an nn.Module that says n_outputs (see trainer/losses/contract.py)"
            + (f"\nloss={alike} is that loss, with one value per row" if alike else "")
        )
    lacking = [name for name in LOSS_METHODS if not callable(getattr(loss, name, None))]
    if lacking:
        raise ConfigError(
            f"loss: {section['_target_']} has no method {' and no '.join(lacking)}\n"
            + "\n".join(LOSS_METHODS[name] for name in lacking)
        )
    if recipe.correct_prior and recipe.settings.sampler_power is not None:
        own: Any = loss
        own.to_proba = PriorCorrected(own.to_proba, counted["class_counts"], recipe.settings.sampler_power)
    return loss.to(recipe.device)


def make_model(recipe: Recipe, spec: DataSpec, fold: Fold, n_outputs: int) -> nn.Module:
    """Build the model for the loss's outputs and the sizes of the fitted preprocessing, on the training device.

    Raises:
        ConfigError: it does not take this data, or lacks a part that ``fit`` speaks of.
        CheckpointError: the weights to start from do not fit it.
    """
    return build_model(recipe, spec, fold.fitted, n_outputs)


def build_model(recipe: Recipe, spec: DataSpec, fitted: Any, n_outputs: int) -> nn.Module:
    """Build the model that a fitted preprocessing gives its rows to; see ``make_model``."""
    sizes = {"n_outputs": n_outputs, "n_classes": len(spec.classes), **fitted.model_arguments}
    section, start = recipe.sections["model"], recipe.start
    model = construct("model", section, recipe.plugins, task=spec.task, **sizes)
    if not isinstance(model, nn.Module):
        raise ConfigError(f"model: {section['_target_']} made a {type(model).__name__}, not an nn.Module")
    if not type(model).__module__.startswith("trainer.") or getattr(fitted, "names_are_free", False):
        adapt_calls(model)
    if start is not None:
        load_weights(model, start.file, n_outputs=n_outputs, min_match=start.min_match, prefix=start.prefix)
    require_parts(model, recipe.fit)
    freeze_for_good(model, recipe.fit)
    return model.to(recipe.device)


def loss_arguments(spec: DataSpec, target: Target) -> dict[str, Any]:
    """Return task and class counts of the training rows' targets, (N,) or (N, L)."""
    n_classes = len(spec.classes)
    return {
        "task": spec.task,
        "n_classes": n_classes,
        "class_counts": spec.task.class_counts(target, n_classes).tolist(),
        "n_rows": len(target),
    }
