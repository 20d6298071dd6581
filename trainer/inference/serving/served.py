"""A run, or a blend of runs, opened once to answer many requests."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.data.columns.reading import IMAGE_FOLDER, IMAGE_TABLE, TABLE, TEXT
from trainer.data.samples import DataSpec
from trainer.errors import CheckpointError, ConfigError
from trainer.inference.apply_decision import with_decision
from trainer.inference.average import PROBA, Averaged, averaged
from trainer.inference.decision import Decision, decision_for
from trainer.inference.needed_columns import NO_IDS
from trainer.inference.new_rows import Asked, open_new_rows
from trainer.inference.predict import outputs_of
from trainer.inference.predict_blend import Models, OpenBlend, blend_rows, open_blend
from trainer.inference.predictor import Predictor, open_predictor
from trainer.run.copies import RunCopy
from trainer.store.own_files import is_blend

IMAGES = (IMAGE_TABLE, IMAGE_FOLDER)
NAMED = "the request"  # what a file is called in messages elsewhere


@dataclass(frozen=True)
class Served:
    """What answers.

    Attributes:
        copy: of the run or blend.
        spec: what its targets mean.
        predictors: of the run; of a blend those of all its runs.
        voices: whose opinions there are, each by its name: the folds, or the runs of a blend.
        decision: what it decides by, or None.
        blend: what puts the runs together, where it is one.
    """

    copy: RunCopy
    spec: DataSpec
    predictors: tuple[Predictor, ...]
    voices: tuple[str, ...]
    decision: Decision | None
    blend: OpenBlend | None = None

    @property
    def takes_images(self) -> bool:
        """Whether a row is an image; else it is values by column."""
        return self.spec.reading["kind"] in IMAGES

    @property
    def n_columns(self) -> int:
        """How many columns a row needs at most."""
        kinds = ("numeric", "categorical", "text", "pair")
        readings = (predictor.run.spec.reading for predictor in self.predictors)
        return sum(len(reading.get(kind) or ()) for reading in readings for kind in kinds)


@dataclass(frozen=True)
class Block:
    """What is said of some rows.

    Attributes:
        found: the prediction.
        proba_VBC: what each voice says.
    """

    found: Averaged
    proba_VBC: NDArray[Any]


def open_served(
    directory: Path, *, models: Models, folds: Sequence[int | str] | None = None, raw: bool = False
) -> Served:
    """Read a run or a blend and build all its models, which stay in memory.

    Args:
        directory: of it.
        models: how they predict.
        folds: of a run, those that predict; None = all.
        raw: without what was decided on it.

    Raises:
        CheckpointError: no run, damaged, unfinished, or of rows that no request can hold.
        ConfigError: no such fold or device; a blend whose runs read rows of several kinds.
    """
    served = (
        _open_blend(directory, models, raw=raw) if is_blend(directory) else _open_run(directory, models, folds, raw=raw)
    )
    for predictor in served.predictors:
        _require_rows(predictor)
    if len({predictor.run.spec.reading["kind"] in IMAGES for predictor in served.predictors}) > 1:
        raise ConfigError(f"{directory} blends runs of images with runs of tables: serve its runs one by one")
    return served


def _open_run(directory: Path, models: Models, folds: Sequence[int | str] | None, *, raw: bool) -> Served:
    predictor = open_predictor(
        directory, folds=folds, device=models.device, batch_size=models.batch_size, plugins=models.plugins, raw=raw
    )
    names = tuple(str(model.name) for model in predictor.models)
    return Served(predictor.run.copy, predictor.run.spec, (predictor,), names, predictor.decision)


def _open_blend(directory: Path, models: Models, *, raw: bool) -> Served:
    blend = _kept_open(open_blend(directory, models))
    predictors = tuple(_predictors(blend))
    copy = blend.copy
    decision = None if raw else decision_for(copy, [])[0]
    reading = predictors[0].run.spec.reading
    spec = DataSpec(directory.name, copy.task, tuple(copy.facts["classes"]), reading=reading)
    return Served(copy, spec, predictors, tuple(_distinct(blend.saved.members)), decision, blend)


def _kept_open(blend: OpenBlend) -> OpenBlend:
    """Return a blend whose runs are read once, and not at each prediction."""
    members = tuple(_kept_open(one) if isinstance(one, OpenBlend) else cache(one) for one in blend.members)
    return replace(blend, members=members)


def _predictors(blend: OpenBlend) -> Iterator[Predictor]:
    for member in blend.members:
        if isinstance(member, OpenBlend):
            yield from _predictors(member)
        else:
            yield member()


def _distinct(members: Sequence[Path]) -> list[str]:
    """Return what to call the runs of a blend: their names, or their paths where two have one name."""
    names = [place.name for place in members]
    return names if len(set(names)) == len(names) else [str(place) for place in members]


def _require_rows(predictor: Predictor) -> None:
    """Refuse a run whose rows cannot come as values by column, or as images.

    Raises:
        CheckpointError: it is one.
    """
    reading, directory = predictor.run.spec.reading, predictor.run.directory
    kind = reading.get("kind")
    if kind in (TEXT, *IMAGES) or (kind == TABLE and "numeric" in reading):
        return
    why = "its rows are arrays, or sparse columns" if kind else "it does not say how its rows were read"
    raise CheckpointError(f"{directory} cannot be served: {why}\nserve a run of a table, of texts or of images")


def predict_blocks(served: Served, data: Any, *, raw: bool) -> Iterator[Block | list[str]]:
    """Yield what is said of rows, block by block, and in the end the notes.

    Args:
        served: what answers.
        data: a frame, or a directory of images.
        raw: without what was decided.

    Raises:
        DataError: the rows do not fit.
    """
    asked = Asked(id=NO_IDS, named=NAMED)
    decision = None if raw else served.decision
    if served.blend is not None:
        blended = blend_rows(served.blend, data, asked)
        yield Block(with_decision(blended.found, decision, [], []), blended.proba_KNC)
        own = {note for predictor in served.predictors for note in predictor.run.notes}
        yield [note for note in blended.notes if note not in own]
        return
    [predictor] = served.predictors
    rows, names = open_new_rows(predictor, data, asked), [model.name for model in predictor.models]
    for block in rows.blocks():
        outputs_K = outputs_of(predictor, block)
        found = averaged(predictor.models, outputs_K, PROBA, served.spec.task)
        proba_K = [output.proba for output in outputs_K]
        yield Block(with_decision(found, decision, names, proba_K), np.stack(proba_K))
    yield rows.notes()
