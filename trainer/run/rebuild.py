"""What a run keeps beside its weights, so that its models can be built again without the files they came from."""

from collections.abc import Mapping
from typing import Any

from trainer.data.preprocess.tokenizer import PretrainedTokenizer
from trainer.data.row_measures import Shares
from trainer.data.samples import DataSpec
from trainer.models.blueprint import blueprint_of
from trainer.models.pretrained import TRANSFORMER
from trainer.run.experiment import Experiment
from trainer.run.factories import loss_arguments
from trainer.run.fold import Fold
from trainer.run.fold_data import prepared_inputs
from trainer.store.own_files import PRETRAINED
from trainer.system.files import sealed
from trainer.tasks import Target

LOSS_COUNTS, TARGET = "loss_counts", "target"  # in a fold's preprocess.json, beside what was fitted


def fitted_facts(spec: DataSpec, fold: Fold) -> dict[str, Any]:
    """Return what was fitted on a fold's training rows, and what its loss was told of them, as plain values."""
    return {**fold.to_json(), LOSS_COUNTS: loss_counts(spec, fold.data.target.cpu().numpy()[fold.rows.train])}


def loss_counts(spec: DataSpec, target: Target) -> dict[str, Any]:
    """Return what a loss is told of the training rows it is for, as plain values."""
    counted = loss_arguments(spec, target)
    return {name: counted[name] for name in ("class_counts", "n_rows")}


def loss_told(spec: DataSpec, counts: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a fold's loss is built with, of the ``LOSS_COUNTS`` that were kept."""
    return {"task": spec.task, "n_classes": len(spec.classes), **counts}


def unknown_tokens(experiment: Experiment) -> Shares | None:
    """Return what tells the share of each text's tokens that the run's pretrained tokenizer does not know, if any."""
    if experiment.recipe.sections["model"]["_target_"] != TRANSFORMER:
        return None
    preprocess, _ = prepared_inputs(experiment)
    return preprocess.maker.unknown_shares if isinstance(preprocess, PretrainedTokenizer) else None


def pretrained_file(experiment: Experiment) -> dict[str, bytes]:
    """Return the file that holds the plans of pretrained transformers, by name; none where there are no such models.

    Of several that nested folds choose from, each is in it. A tokenizer that is too large to be kept with each fold is
    in it once.
    """
    recipes = [experiment.recipe, *(candidate.recipe for candidate in experiment.candidates)]
    models = [recipe.sections["model"] for recipe in recipes if recipe.sections["model"]["_target_"] == TRANSFORMER]
    if not models:
        return {}
    network = {section["pretrained"]: section.get("allow_network", False) for section in models}
    plans = {name: blueprint_of(name, allow_network=allowed) for name, allowed in network.items()}
    preprocess, _ = prepared_inputs(experiment)
    large = isinstance(preprocess, PretrainedTokenizer) and not preprocess.maker.is_small
    tokenizer = preprocess.maker.to_json() if large else None
    return {PRETRAINED: sealed({"models": plans, "tokenizer": tokenizer})}
