"""A backbone that stays frozen is run once over the data: its features, stored, take the place of the inputs.

Folds and epochs share them where backbone, preprocessed rows and precision are the same; a fold whose rows are
preprocessed in its own way (a mean over its training rows) has features of its own. No number depends on which run has
computed them: whatever the last digits could depend on is in the name under which they are kept.
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from trainer.config.schema import FitConfig
from trainer.data.loading.array_cache import kept_arrays
from trainer.data.loading.batch_order import evaluation_order
from trainer.data.loading.batches import DenseRows, TrainingSet, row_views
from trainer.data.preprocess.contract import ShowProgress, no_progress
from trainer.data.samples import Texts
from trainer.engine.freezing import ALL
from trainer.engine.loops import Learner
from trainer.engine.modes import evaluating
from trainer.engine.precision.precision import Precision
from trainer.engine.predicts import Predicts, joined
from trainer.models.contract import Encoder
from trainer.run.experiment import Experiment, Recipe
from trainer.run.factories import fresh_learner
from trainer.run.fold import Fold
from trainer.run.source_hash import code_files, files_sha256, main_code, versions
from trainer.system import interrupts
from trainer.wording.translations import N_

ENCODED_ROWS = 64  # rows of a batch; always the same, since the last digits of a feature depend on its batch


def with_features(experiment: Experiment, fold: Fold, track: ShowProgress = no_progress) -> Fold:
    """Return the fold with the features of its frozen backbone in place of the inputs; any other fold as it is.

    Args:
        experiment: what is run.
        fold: its rows are preprocessed.
        track: shows the progress.

    Raises:
        Interrupted: a signal has come.
    """
    recipe, data = experiment.recipe, fold.data
    if recipe.fit.freeze_epochs != ALL:
        return fold
    learner = fresh_learner(recipe, experiment.spec, fold)
    reason = why_not(recipe.fit, learner, data)
    if reason:
        return replace(fold, notes=(*fold.notes, f"the frozen backbone is run again in every epoch: {reason}"))
    content = _content(experiment.inputs)
    key = features_key(recipe, learner, fold.fitted, content)
    if key not in experiment.shared:
        experiment.shared[key] = kept_arrays(
            None if content is None else experiment.cache / "features" / key,
            lambda: {"features": encode(learner, data, track)},
            what=N_("features of the frozen backbone"),
        )
    kept, note = experiment.shared[key]
    dense = DenseRows({"features": kept["features"]}, data.rows.lengths()).to(recipe.device)
    return replace(fold, data=replace(data, rows=dense), notes=(*fold.notes, *filter(None, [note])))


def why_not(fit: FitConfig, learner: Predicts, data: TrainingSet) -> str:
    """Return why the backbone cannot be run once for all epochs, or nothing."""
    if not isinstance(learner.model, Encoder) or not getattr(learner.model, "encodes", True):
        return f"{type(learner.model).__name__} makes no vector per row before its head"
    if not isinstance(learner.precision, Precision):
        return "apex patches the whole model"
    if getattr(data.rows, "augments", False):
        return "its training rows are augmented, each time in another way"
    if len(row_views(data.rows)) > 1:
        return "predictions are averaged over several views of a row"
    if fit.mixup_alpha or fit.cutmix_alpha:
        return "rows are mixed before it sees them"
    return ""


def features_key(recipe: Recipe, learner: Learner, fitted: Any, content: str | None) -> str:
    """Return a name that is the same only where the features are the same bits.

    Args:
        recipe: how the fold is trained.
        learner: whose backbone makes the features.
        fitted: the preprocessing.
        content: sha256 of the inputs, or None where only this process knows them.
    """
    sections, level, loss = recipe.sections, learner.precision.level, recipe.sections["loss"]["_target_"]
    files = [file for name, part in code_files(sections, recipe.plugins).items() if name != loss for file in part]
    made_of = {
        "rows": content,
        "preprocessing": [sections["data"]["preprocess"], fitted.to_json()],
        "body": body_sha256(learner.model),
        "model": sections["model"],
        "precision": [level.opt_level, str(level.dtype), str(level.in_force)],
        "machine": [_processor(recipe.device), torch.get_num_threads()],
        "software": [versions(sections, recipe.plugins), files_sha256(files), *main_code(sections).values()],
    }
    return hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()[:32]


def _processor(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{device.type} {torch.backends.cpu.get_cpu_capability()}"


def _content(inputs: Any) -> str | None:
    """Return the sha256 by which another process can tell that it has the same inputs, or None."""
    if isinstance(inputs, Texts):
        return hashlib.sha256(json.dumps([inputs.texts, inputs.pairs]).encode()).hexdigest()
    return str(inputs.content_sha256()) if hasattr(inputs, "content_sha256") else None


def body_sha256(model: Any) -> str:
    """Return the sha256 of all weights but the head's."""
    digest = hashlib.sha256()
    head = {id(tensor) for tensor in model.head.state_dict(keep_vars=True).values()}
    for name, tensor in model.state_dict(keep_vars=True).items():
        if id(tensor) not in head:
            digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
            digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def encode(learner: Predicts, data: TrainingSet, track: ShowProgress = no_progress) -> NDArray[np.float32]:
    """Return the features (N, D) of all rows, computed as the model computes them in evaluation.

    Raises:
        Interrupted: a signal has come.
    """
    order = evaluation_order(np.arange(len(data)), ENCODED_ROWS, data.rows.lengths())
    body = _Body(learner.model)

    def features() -> Iterator[Tensor]:
        for batch in track(batches, "running the frozen backbone", len(order)):
            interrupts.check()
            yield learner.precision.forward(body, batch.inputs).cpu()

    with evaluating(learner.model), closing(data.batches(order, key=None)) as batches:
        features_ND: NDArray[np.float32] = joined(features(), len(data)).numpy()
    return features_ND[np.argsort(np.concatenate(order))]


class _Body(nn.Module):
    """The model up to its head, to be run under the model's precision."""

    model: Any

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, **inputs: Tensor) -> Tensor:
        features_BD: Tensor = self.model.encode(**inputs)
        return features_BD
