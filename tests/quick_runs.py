"""What makes the runs of the tests quick beside their composition: the same is found out once, intervals are coarse,
and the figures of the report are white, a third of a short run's time, but where they are the matter.

In the tests' own process and in the forked ones (tests/faults/fork_server.py); ``python train.py`` runs as ever.
"""

import functools
import inspect
import typing
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import omegaconf._utils
import sklearn.utils._param_validation
from sklearn.utils import validation

from tests import composed_once, known_once
from tests.places import CONF, ONE_WHITE_PIXEL
from trainer.metrics import summary
from trainer.report import markdown, plots, rendering
from trainer.run import merge, source_hash
from trainer.run.baselines import compared

FEW_RESAMPLES = 100  # not 1000, a fourth of a run of the default data; test_merge.py draws all of them
HOUSE = source_hash.ROOT
HOUSE_CONF = composed_once.FileConfigSource(provider="main", path=str(CONF))

FRAME_OR_SERIES = "_nw_into_df_or_series"  # of scikit-learn 1.9

ask_whether_frame = getattr(validation, FRAME_OR_SERIES, None)
find_engine = source_hash.engine_files
hash_files = source_hash.files_sha256
READ_ONCE = {"engine_files": find_engine, "files_sha256": hash_files}


class Files(tuple[Path, ...]):
    """Files of the house, which no test changes."""


@functools.cache
def _engine(modules: tuple[str, ...]) -> Files:
    return Files(find_engine(modules))


@functools.cache
def _sha256(files: Files) -> str:
    return hash_files(files)


def engine_files(modules: Sequence[str] = (source_hash.TRAINS,)) -> Any:
    """Stand for ``source_hash.engine_files``."""
    return _engine(tuple(modules)) if source_hash.ROOT == HOUSE else find_engine(modules)


def files_sha256(paths: Iterable[Path]) -> str:
    """Stand for ``source_hash.files_sha256``."""
    return _sha256(paths) if isinstance(paths, Files) else hash_files(paths)


class Plots:
    """Stand for ``trainer.report.plots`` in the report.

    Attributes:
        made: figures are made, which tells of what cannot be drawn, and not rendered; else there is a white pixel each.
        rendered: they are rendered too.
    """

    made = False
    rendered = False

    def __getattr__(self, name: str) -> Any:
        return getattr(plots, name) if self.made else no_figure

    def png_bytes(self, figure: Any) -> bytes:
        return plots.png_bytes(figure) if self.rendered else ONE_WHITE_PIXEL


def no_figure(*_: object) -> None:
    """Stand for what makes a figure."""


def is_frame(value: object) -> Any:
    """Stand for scikit-learn's question whether a value is a frame, dear for what is an array."""
    return type(value) is not np.ndarray and ask_whether_frame(value)


def patches() -> list[tuple[object, str, object]]:
    """Return modules, names in them and what stands there instead."""
    instead, few = Plots(), {"n_resamples": FEW_RESAMPLES}
    frames = [(validation, FRAME_OR_SERIES, is_frame)] * hasattr(validation, FRAME_OR_SERIES)
    return [
        *frames,
        *known_once.patches(),
        (merge, "summarise", functools.partial(summary.summarise, **few)),
        (compared, "lead_interval", functools.partial(summary.lead_interval, **few)),
        (markdown, "plots", instead),
        (source_hash, "engine_files", engine_files),
        (source_hash, "files_sha256", files_sha256),
        (source_hash, "version", functools.cache(source_hash.version)),
        (omegaconf._utils, "get_type_hints", functools.cache(typing.get_type_hints)),
        (sklearn.utils._param_validation, "signature", functools.cache(inspect.signature)),
    ]


def warm_up() -> None:
    """Find out what any run asks for, before processes are forked: nothing of a run."""
    modules = [str(path.relative_to(HOUSE).with_suffix("")).replace("/", ".") for path in HOUSE.glob("trainer/**/*.py")]
    find_engine(modules)
    files_sha256(engine_files())
    for part in ("models", "losses", "data/preprocess", "data/texts"):
        for path in HOUSE.glob(f"trainer/{part}/*.py"):
            source_hash._imports_of(path.read_bytes())
    for name in rendering._environment().list_templates():
        rendering._environment().get_template(name)
    for path in CONF.rglob("*.yaml"):
        composed_once.loaded_once(HOUSE_CONF, str(path.relative_to(CONF)))
