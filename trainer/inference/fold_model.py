"""The model of a fold, built again from the run alone: what was fitted, what it was told, its weights."""

import hashlib
import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_type_hints

from torch import Tensor, nn
from torch.optim import SGD

from trainer.config.build import resolve_target
from trainer.data.target_scale import TargetScale
from trainer.engine.precision.apex_backend import AnyPrecision, make_precision
from trainer.engine.precision.precision import Precision
from trainer.errors import CheckpointError, ConfigError, first_line_of, shown
from trainer.inference.trained import TrainedRun
from trainer.losses.contract import Loss
from trainer.models.blueprint import as_config_file
from trainer.models.pretrained import TRANSFORMER
from trainer.profiler.costs import same_random_state
from trainer.run.experiment import Recipe
from trainer.run.factories import build_loss, build_model
from trainer.run.rebuild import LOSS_COUNTS, TARGET, loss_counts, loss_told
from trainer.store.fold_files import fold_directory, read_done, read_fold_file
from trainer.store.run_files import read_run_rows
from trainer.weights.file_formats import SUFFIXES
from trainer.weights.weight_files import decode, find_tensors, sniff

PREPROCESS = "preprocess.json"


@dataclass(frozen=True)
class FoldModel:
    """What one fold predicts with (``trainer.engine.predicts.Predicts``).

    Attributes:
        name: number of the fold, or ``all``.
        model: with the weights that were scored.
        loss: turns logits into probabilities.
        precision: under which it was trained.
        fitted: its preprocessing.
        fitted_sha256: of what was fitted: equal ones make equal rows of equal inputs.
        scale: of numbers that are predicted, or None.
        recipe: it was trained by.
    """

    name: int | str
    model: nn.Module
    loss: Loss
    precision: AnyPrecision
    fitted: Any
    fitted_sha256: str
    scale: TargetScale | None
    recipe: Recipe

    @property
    def call(self) -> Callable[..., Tensor]:
        """The model; it is not compiled."""
        return self.model

    def as_message(self) -> AbstractContextManager[None]:
        """Return a context that does nothing."""
        return nullcontext()

    def evaluation_weights(self) -> AbstractContextManager[None]:
        """Return a context that does nothing: the weights that count were saved."""
        return nullcontext()


def load_fold_model(run: TrainedRun, name: int | str) -> FoldModel:
    """Build the model of a finished fold again.

    Raises:
        CheckpointError: the fold is not finished, was saved without weights, is damaged, or does not fit its
            configuration.
        ConfigError: a class cannot be built here.
    """
    directory = fold_directory(run.directory, name)
    done = read_done(directory)
    if done is None:
        said = "cv.fold=all fits one" if name == "all" else "it is not finished"
        raise CheckpointError(f"{directory}: there is no such model: {said}")
    weights = next((file for file in (f"model{end}" for end in SUFFIXES.values()) if file in done["sha256"]), None)
    if weights is None:
        raise CheckpointError(
            f"{directory} was saved without weights (checkpoint.save_weights=false), so there is nothing to predict "
            "with\ntrain the run again, under another name, with checkpoint.save_weights=true"
        )
    kept = json.loads(read_fold_file(directory, PREPROCESS, done))
    scale = kept.pop(TARGET, None)
    counts = kept.pop(LOSS_COUNTS, None) or _counts(run, name)
    recipe = run.recipe_of(done["picked"])
    fitted = _restored(recipe, kept, run.tokenizer)
    path = directory / weights
    data = read_fold_file(directory, weights, done)
    with ExitStack() as stack:
        stack.enter_context(same_random_state())
        loss = build_loss(recipe, loss_told(run.spec, counts))
        model = build_model(_in_files(recipe, run, stack), run.spec, fitted, loss.n_outputs)
        precision = _precision(model, recipe)
    _load(model, find_tensors(decode(data, sniff(data, path), path), path)[1], path)
    sha256 = hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()
    target = None if scale is None else TargetScale(**scale)
    return FoldModel(name, model, loss, precision, fitted, sha256, target, recipe)


def _precision(model: nn.Module, recipe: Recipe) -> AnyPrecision:
    """Put a model under the level it was trained at; only apex asks for an optimizer, which is never stepped."""
    if recipe.level.backend != "apex":
        return Precision(model, recipe.level)
    return make_precision(model, recipe.level, lambda stepped: SGD(stepped, lr=0.0))[0]


def fitted_class(target: Any) -> Any:
    """Return the class of what ``fit`` of a preprocessing returns, which its annotation says.

    Raises:
        ConfigError: it says none, or one without ``from_json``.
    """
    try:
        found = get_type_hints(target.fit).get("return")
    except (AttributeError, NameError, TypeError):
        found = None
    if isinstance(found, UnionType):  # the first rebuilds them all
        found = get_args(found)[0]
    if not callable(getattr(found, "from_json", None)):
        raise ConfigError(
            f"data.preprocess: {target.__name__}.fit does not say what it returns, or that has no from_json\n"
            "annotate it: def fit(...) -> Fitted, with a classmethod Fitted.from_json(saved)"
        )
    return found


def _restored(recipe: Recipe, kept: Mapping[str, Any], tokenizer: Mapping[str, Any] | None) -> Any:
    """Return the fitted preprocessing that a fold kept."""
    target = resolve_target("data.preprocess", recipe.sections["data"]["preprocess"]["_target_"], recipe.plugins)
    if "sha256" in kept and "maker" not in kept and tokenizer is not None:  # a tokenizer that is kept once for all
        kept = {**kept, "maker": tokenizer}
    try:
        return fitted_class(target).from_json(kept)
    except (KeyError, TypeError, ValueError) as error:
        said = f"{type(error).__name__}: {shown(first_line_of(error))}"
        raise CheckpointError(f"{PREPROCESS} does not fit {target.__name__}: another version? ({said})") from error


def _counts(run: TrainedRun, name: int | str) -> dict[str, Any]:
    """Return what the loss of a fold was told, where an older Foldwise has not kept it: counted in its rows."""
    _, target, _ = read_run_rows(run.directory, run.spec.task)
    if name != "all":
        target = target[run.plan.rows(*divmod(int(name), run.plan.n_splits))[0]]
    return loss_counts(run.spec, target)


def _in_files(recipe: Recipe, run: TrainedRun, stack: ExitStack) -> Recipe:
    """Return the recipe with a pretrained transformer's configuration as the run keeps it, wherever its files are."""
    section = recipe.sections["model"]
    plan = run.plans.get(str(section.get("pretrained"))) if section["_target_"] == TRANSFORMER else None
    if plan is None:
        return recipe
    model = {**section, "pretrained": stack.enter_context(as_config_file(plan)), "allow_network": False}
    return replace(recipe, sections={**recipe.sections, "model": model})


def _load(model: nn.Module, tensors: Mapping[str, Tensor], path: Path) -> None:
    try:
        model.load_state_dict(dict(tensors), strict=True)
    except RuntimeError as error:
        lines = [line.strip() for line in str(error).splitlines()[1:3]]
        raise CheckpointError(
            f"{path} does not fit the model of its configuration: the code of it has changed since?\n"
            + "\n".join(shown(line, 200) for line in lines)
        ) from error
