"""The first step of a run with pseudo-labels: the folds of its teacher predict the unlabelled rows, which is kept."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from trainer.config.home import with_home
from trainer.data.loading.array_cache import kept_arrays
from trainer.data.samples import TableColumns, Texts
from trainer.errors import ConfigError, DataError
from trainer.inference.new_rows import Asked, Block, open_new_rows
from trainer.inference.predict import outputs_of
from trainer.inference.predictor import open_predictor
from trainer.inference.trained import threads_of
from trainer.run.copies import open_copy
from trainer.run.teacher import Labelled, kept_in
from trainer.run.validate import check_config

if TYPE_CHECKING:
    from trainer.config.schema import RunConfig


def predict_unlabelled(config: "RunConfig") -> None:
    """Predict the unlabelled rows of ``pseudo.path`` with each fold of ``pseudo.teacher``, where it is not done yet.

    What is kept in the cache is named by the teacher's models and the file: thresholds and modes share it, a run that
    goes on has the same bits, and another teacher of the same name is another one.

    Args:
        config: as composed.

    Raises:
        ConfigError: it cannot run, or the rows are neither a table nor texts.
        CheckpointError: the teacher is no finished run with weights.
        DataError: the rows cannot be read.
    """
    config = with_home(config)
    check_config(config)
    teacher, cache = Path(str(config.pseudo.teacher)), Path(config.paths.cache_directory)
    make = partial(_predicted, str(config.pseudo.path), teacher, config.plugins)
    place = kept_in(config.pseudo, open_copy(teacher), cache)
    kept_arrays(place, make, what="predictions of the unlabelled rows")


def _predicted(path: str, teacher: Path, plugins: Sequence[str]) -> dict[str, NDArray[Any]]:
    predictor = open_predictor(teacher, plugins=plugins, raw=True)
    with threads_of(predictor.run):
        rows = open_new_rows(predictor, path, Asked())
        parts = [(block, np.stack([one.proba for one in outputs_of(predictor, block)])) for block in rows.blocks()]
    if not sum(len(block.ids_B) for block, _ in parts):
        raise DataError(f"pseudo.path={path}: has no rows")
    ids = [name if not rows.numbered else f"row {int(name) + 1}" for block, _ in parts for name in block.ids_B.tolist()]
    proba_KPC = np.concatenate([proba for _, proba in parts], axis=1).astype(np.float32)
    return Labelled(ids, _together([block for block, _ in parts], path), proba_KPC).arrays()


def _together(blocks: Sequence[Block], path: str) -> TableColumns | Texts:
    """Return the inputs of all blocks as one.

    Raises:
        ConfigError: they are neither texts nor a table in memory.
    """
    inputs = [block.inputs for block in blocks]
    texts = [one for one in inputs if isinstance(one, Texts)]
    tables = [one for one in inputs if isinstance(one, TableColumns)]
    if len(texts) == len(inputs):
        pairs = [one.pairs for one in texts if one.pairs is not None]
        return Texts(
            tuple(t for one in texts for t in one.texts), tuple(t for of in pairs for t in of) if pairs else None
        )
    if len(tables) == len(inputs):
        numeric = np.concatenate([one.numeric_NF for one in tables])
        return TableColumns(
            numeric, np.concatenate([one.categorical_NK for one in tables]), tables[0].numeric, tables[0].categorical
        )
    raise ConfigError(
        f"pseudo.path={path}: pseudo-labels are for tables and texts; images and columns that are mostly zero are not "
        "taken"
    )
