"""The identity of a run: everything that decides its numbers, in plain values."""

import hashlib
import inspect
import json
import platform
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, fields, is_dataclass
from importlib import import_module
from importlib.metadata import version
from pathlib import Path, PurePath
from typing import Any

import numpy as np
import torch

from trainer.config.build import resolve_target
from trainer.config.grid import is_nested
from trainer.config.schema import RunConfig
from trainer.data.samples import Samples
from trainer.engine.levels import show
from trainer.experiment import Experiment
from trainer.identity import Identity, deciding_keys

PACKAGES = ("foldwise", "torch", "numpy", "scikit-learn")
SOURCE = Path(__file__).resolve().parent.parent
ENGINE = (
    "cv.py",
    "experiment.py",
    "nested.py",
    "metrics.py",
    "config/grid.py",
    "engine/*.py",
    "data/batches.py",
    "data/prepared.py",
    "data/seeds.py",
    "data/streamed.py",
    "folds/inner.py",
    "losses/contract.py",
    "losses/class_weights.py",
)
UNKNOWN = b"unknown: "


def identity_of(experiment: Experiment) -> tuple[Identity, list[str]]:
    """Return the identity of an experiment in this process (see ``trainer.identity``) and what to say about it."""
    config, samples = experiment.config, experiment.samples
    keys = deciding_keys(asdict(config))
    length = {"max_epochs": keys.pop("max_epochs")}
    if depends_on_length(config):
        keys["max_epochs"] = length["max_epochs"]
    keys["amp.dtype in force"] = show(experiment.level.dtype if experiment.level.computes_in_half else None)
    data_sha256, unknown = sha256_of((samples.inputs, samples.weights_N, *_times(samples)))
    content = {
        "data (sha256)": data_sha256,
        "folds (fingerprint)": experiment.plan.fingerprint,
        "weights to start from (sha256)": None if experiment.init is None else experiment.init.sha256,
    }
    identity = {
        "config": keys,
        "content": content,
        "software": {**versions(), **_code(config)},
        "hardware": {"device": _device(experiment.device), "threads": _threads(experiment.device)},
        "length": length,
    }
    notes = [
        f"{name} has no content_sha256(): changes of its data are not noticed when the run is gone on with"
        for name in unknown
    ]
    return json.loads(json.dumps(identity)), notes


def _times(samples: Samples) -> tuple[Any, ...]:
    return () if samples.times_N is None else (samples.times_N,)


def depends_on_length(config: RunConfig) -> bool:
    """Return whether the learning rate of a step, or the picked epoch, depends on ``max_epochs``."""
    words = [value for value in config.scheduler.values() if isinstance(value, str)]
    return is_nested(config) or "total_steps" in words or config.fit.warmup_ratio > 0


def versions() -> dict[str, str]:
    """Return the versions of what computes the numbers."""
    return {"python": ".".join(platform.python_version_tuple()[:2]), **{name: version(name) for name in PACKAGES}}


def sha256_of(value: Any) -> tuple[str, list[str]]:
    """Return the sha256 of nested records, containers, arrays and plain values, and the types it knows nothing of.

    An object of another type counts by its ``content_sha256()``, or without that by its type alone.
    """
    digest, unknown = hashlib.sha256(), set[str]()
    for part in _parts(value):
        digest.update(part)
        if part.startswith(UNKNOWN):
            unknown.add(part.decode()[len(UNKNOWN) :])
    return digest.hexdigest(), sorted(unknown)


def _parts(value: Any) -> Iterator[bytes]:
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu().contiguous().numpy()
    if hasattr(value, "content_sha256"):
        yield str(value.content_sha256()).encode()
    elif is_dataclass(value):
        yield from _parts({item.name: getattr(value, item.name) for item in fields(value)})
    elif isinstance(value, np.ndarray) and value.dtype != object:
        yield f"{value.dtype} {value.shape}".encode()
        yield np.ascontiguousarray(value).tobytes()
    elif isinstance(value, np.ndarray):
        yield from _parts([value.shape, value.ravel().tolist()])
    elif isinstance(value, Mapping):
        yield from _parts([list(value.keys()), list(value.values())])
    elif isinstance(value, (tuple, list)) and all(item is None or isinstance(item, str) for item in value):
        yield json.dumps(value).encode()
    elif isinstance(value, (tuple, list)):
        yield f"list {len(value)}".encode()
        for item in value:
            yield from _parts(item)
    elif isinstance(value, (set, frozenset)):
        yield from _parts(sorted(sha256_of(item)[0] for item in value))
    elif isinstance(value, (str, int, float, bool, bytes, PurePath, np.generic, type(None))):
        yield f"{type(value).__name__} {value!r}".encode()
    else:
        yield UNKNOWN + type(value).__qualname__.encode()


def _code(config: RunConfig) -> dict[str, str]:
    """Return the sha256 (cut) of the source files that compute: the engine, what the configuration names, plugins."""
    engine = sorted(path for pattern in ENGINE for path in SOURCE.glob(pattern))
    found = {"code of the engine": _files_sha256(path for path in engine if not path.name.startswith("preflight"))}
    for name in ("data", "data.preprocess", "model", "loss"):
        section = config.data.get("preprocess", {}) if name == "data.preprocess" else getattr(config, name)
        target = resolve_target(name, section["_target_"], config.plugins)
        if target.__module__.startswith("trainer."):
            found[f"code of {section['_target_']}"] = _files_sha256([Path(inspect.getfile(target))])
    for plugin in config.plugins:
        file = Path(inspect.getfile(import_module(plugin)))
        found[f"code of {plugin}"] = _files_sha256(
            sorted(file.parent.rglob("*.py")) if file.stem == "__init__" else [file]
        )
    return found


def _files_sha256(paths: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _device(device: torch.device) -> str:
    return f"cuda {torch.cuda.get_device_name(device)}" if device.type == "cuda" else device.type


def _threads(device: torch.device) -> int | None:
    return torch.get_num_threads() if device.type == "cpu" else None
