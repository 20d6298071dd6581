"""The tricks at start: a few steps with and without them, on copies that are thrown away."""

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from rich.console import Console
from torch import nn

from trainer.data.samples import DataSpec
from trainer.engine.loops import Learner
from trainer.engine.tricked import Tricks
from trainer.profiler.costs import same_random_state
from trainer.run.experiment import Recipe
from trainer.run.factories import make_loss, make_model
from trainer.run.fold import Fold
from trainer.run.steps.profile import OneStep

MOST_TURNS = 20
SECONDS = 0.5  # spent on turns, after the first one of each


def tricks_start(recipe: Recipe, spec: DataSpec, fold: Fold, console: Console) -> list[str]:
    """Say how far each trick moves weights and what a step costs; the random generators stay as they are.

    Args:
        recipe: how the fold is trained.
        spec: what the targets mean.
        fold: whose rows are tried.
        console: where it is printed.

    Returns:
        The lines, printed too; none where there are no tricks.

    Raises:
        ConfigError: a trick finds nothing to work on, or moves nothing.
    """
    if not recipe.tricks:
        return []
    with same_random_state():
        tricked = OneStep(recipe, spec, fold)
        plain = OneStep(replace(recipe, tricks={}), spec, fold)
        models = [make_model(recipe, spec, fold, make_loss(recipe, spec, fold).n_outputs) for _ in range(2)]
        ratio = _times_longer(tricked, plain, models)
        said = _moves(tricked.learner(models[0]))
    lines = [*said, f"tricks={','.join(recipe.tricks)}: a step takes {ratio:.2f} times a plain one"]
    for line in lines:
        console.print(line, highlight=False, soft_wrap=True)
    return lines


def _times_longer(tricked: OneStep, plain: OneStep, models: Sequence[nn.Module]) -> float:
    """Return how many times longer a step takes: the median of several turns, each one step of both."""
    began, ratios = time.perf_counter(), list[float]()
    while len(ratios) < MOST_TURNS + 1 and (len(ratios) < 4 or time.perf_counter() - began < SECONDS):
        longer, shorter = _seconds(tricked, models[0]), _seconds(plain, models[1])
        ratios.append(longer / max(shorter, 1e-9))
    return float(np.median(ratios[1:]))


def _seconds(steps: OneStep, model: nn.Module) -> float:
    began = time.perf_counter()
    steps.train(model)
    if steps.fold.data.target.is_cuda:
        torch.cuda.synchronize()
    return time.perf_counter() - began


def _moves(learner: Learner) -> list[str]:
    assert isinstance(learner.tricks, Tricks)
    return [f"tricks={name}: {moves.as_message()}" for name, moves in learner.tricks.moves.items()]
