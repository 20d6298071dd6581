"""What the folds of a run say of new rows: logits and probabilities, block by block.

    predictor = open_predictor(Path("runs/a1"), folds=[0, 2])
    for proba_KBC in predictor.predict_blocks(blocks_of_inputs): ...

Rows come as a source reads them (``trainer.data.samples.Inputs``). Each fold preprocesses them by what it has fitted;
what several folds would make alike, tokens or the vectors of a body that stayed frozen, is made once.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from trainer.data.loading.batches import DenseRows, Rows, TrainingSet
from trainer.data.preprocess.contract import prepare_inputs
from trainer.data.samples import Inputs, count_rows
from trainer.engine.freezing import ALL as WHOLE
from trainer.engine.loops import predict_views
from trainer.engine.scoring import FEW_TEXTS, are_attended_on_cpu, evaluation_rows
from trainer.errors import DataError
from trainer.inference.decision import Decision, decision_for
from trainer.inference.fold_model import FoldModel, load_fold_model
from trainer.inference.trained import TrainedRun, open_trained, wanted_folds
from trainer.run.frozen_features import body_sha256, encode, why_not

DENSE_BATCH = 2048  # rows of numbers that one forward pass takes: what it makes of them fits a cache


@dataclass(frozen=True)
class FoldOutput:
    """What one fold says of some rows.

    Attributes:
        logits: (B, n_outputs) float32.
        proba: (B, C) probabilities, or (B, 1) numbers in the unit of the target.
    """

    logits: NDArray[np.float32]
    proba: NDArray[Any]


@dataclass(frozen=True)
class Predictor:
    """The folds of a run, ready to predict.

    Attributes:
        run: they are of.
        models: one per fold.
        batch_size: rows of one forward pass; None = many of plain numbers, few of tokens, else as the fold was scored.
        decision: what the run decides by, or None.
    """

    run: TrainedRun
    models: tuple[FoldModel, ...]
    batch_size: int | None = None
    decision: Decision | None = None

    @cached_property
    def body_sha256_K(self) -> tuple[str, ...]:
        """Of the weights of each fold's frozen backbone; empty where it was trained."""
        return tuple(
            body_sha256(model.model) if model.recipe.fit.freeze_epochs == WHOLE and hasattr(model.model, "head") else ""
            for model in self.models
        )

    def predict_blocks(self, blocks: Iterable[Inputs]) -> Iterator[NDArray[Any]]:
        """Yield what each fold says of the rows of each block: (K, B, C) probabilities, or numbers (K, B, 1)."""
        for inputs in blocks:
            yield np.stack([output.proba for output in self.predict(inputs)])

    def predict(self, inputs: Inputs, rows_K: Sequence[NDArray[np.int64]] | None = None) -> list[FoldOutput]:
        """Return what each fold says of a block.

        Args:
            inputs: of N rows.
            rows_K: ascending row numbers for each fold; None = all rows for every fold.

        Raises:
            DataError: a row does not fit what the folds were trained on.
        """
        prepared, n_rows = prepare_inputs(self.models[0].fitted, inputs), count_rows(inputs)
        waiting, shared = Counter(map(self._key, range(len(self.models)))), dict[str, TrainingSet]()
        outputs = []
        for place, model in enumerate(self.models):
            key = self._key(place)
            if key not in shared:
                shared[key] = self._data(model, prepared, n_rows, features=bool(self.body_sha256_K[place]))
            data = shared[key]
            waiting[key] -= 1
            if not waiting[key]:
                del shared[key]  # the rows of one fold at a time are in memory
            rows = np.arange(n_rows) if rows_K is None else rows_K[place]
            batch_size = self.batch_size or _usual_batch(model, data, exact=rows_K is not None)
            outputs.append(_output(model, data, rows, batch_size))
        return outputs

    def _key(self, place: int) -> str:
        """Return what is equal where two folds make the same rows of the same inputs."""
        return f"{self.models[place].fitted_sha256} {self.body_sha256_K[place]}"

    def _data(self, model: FoldModel, prepared: Any, n_rows: int, *, features: bool) -> TrainingSet:
        data = _on_device(model.fitted.transform(prepared), n_rows, self.run.recipe.device)
        if not features or why_not(model.recipe.fit, model, data):
            return data
        lengths_N = data.rows.lengths()
        return _on_device(DenseRows({"features": encode(model, data)}, lengths_N), n_rows, self.run.recipe.device)


def open_predictor(
    directory: Path,
    *,
    folds: Sequence[int | str] | None = None,
    device: str | None = None,
    batch_size: int | None = None,
    plugins: Sequence[str] = (),
    raw: bool = False,
) -> Predictor:
    """Read a run and build the models of its folds again.

    Args:
        directory: of the run.
        folds: their numbers, or ``all`` for the model of ``cv.fold=all``; None = every fold of the split.
        device: cpu, cuda, ...; None = as the run was configured, where that is here.
        batch_size: rows of one forward pass; None = as suits the rows.
        plugins: packages whose classes may be built.
        raw: without what was decided on the run.

    Raises:
        CheckpointError: no run, damaged, unfinished, or saved without weights.
        ConfigError: no such fold or device, or a class of a package that is not named.
    """
    run = open_trained(directory, device=device, plugins=plugins)
    names = wanted_folds(run, folds)
    decision, said = (None, ()) if raw else decision_for(run.copy, names)
    models = tuple(load_fold_model(run, name) for name in names)
    return Predictor(replace(run, notes=(*run.notes, *said)), models, batch_size, decision)


def _on_device(rows: Rows, n_rows: int, device: torch.device) -> TrainingSet:
    """Return rows without a label as the prediction pass takes them."""
    target, weights = torch.zeros(n_rows, device=device), torch.ones(n_rows, device=device)
    return TrainingSet(rows.to(device), target, weights, unweighted=True)


def _usual_batch(model: FoldModel, data: TrainingSet, *, exact: bool) -> int:
    """Return how many rows one forward pass takes.

    Args:
        model: of the fold.
        data: the rows.
        exact: as the fold was scored: the last digits depend on which rows are computed together.
    """
    scored = evaluation_rows(model.recipe.settings.batch_size, data)
    dense = isinstance(data.rows, DenseRows) and all(values.ndim <= 2 for values in data.rows.inputs.values())
    if exact:
        return scored
    if dense:
        return max(scored, DENSE_BATCH)
    return min(scored, FEW_TEXTS) if are_attended_on_cpu(data) else scored


def _output(model: FoldModel, data: TrainingSet, rows: NDArray[np.int64], batch_size: int) -> FoldOutput:
    logits = predict_views(model, data, rows, batch_size)
    broken = np.flatnonzero(~np.isfinite(logits).all(axis=1))
    if len(broken):
        raise DataError(
            f"fold {model.name} makes no finite number of row {rows[broken[0]] + 1} ({len(broken)} such rows): "
            "look for values far beyond those it was trained on"
        )
    with torch.inference_mode():
        proba = model.loss.to_proba(torch.from_numpy(logits).to(data.target.device)).cpu().numpy()
    return FoldOutput(logits, proba if model.scale is None else model.scale.restored(proba))
