"""The identity of a run: everything that decides its numbers, in plain values."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields, is_dataclass
from functools import partial
from pathlib import PurePath
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from trainer.config.executor import n_processes
from trainer.config.grid import is_nested
from trainer.config.sampler import NONE
from trainer.config.schema import RunConfig
from trainer.data.coded_words import CodedWords
from trainer.data.samples import Samples
from trainer.data.sources.in_memory import Given
from trainer.engine.precision.opt_levels import show
from trainer.errors import DataError
from trainer.folds.plan import json_parts
from trainer.models.pretrained import TRANSFORMER, pretrained_files
from trainer.run.experiment import Experiment
from trainer.run.fold_data import prepared_inputs
from trainer.run.prepare import prepare
from trainer.run.source_hash import code, files_sha256, versions
from trainer.store.identity import PROCESSES, Identity, deciding_keys
from trainer.system.fast_import import import_compiler_when_needed
from trainer.system.mapped_arrays import give_way

UNKNOWN = b"unknown: "
PSEUDO = "pseudo-labels (sha256)"
CHUNK_CELLS = 1 << 18  # turned into bytes at a time


def identity_of(config: RunConfig, experiment: Experiment) -> tuple[Identity, list[str]]:
    """Return the identity of an experiment in this process (``trainer.store.identity``) and what to say about it."""
    recipe, samples = experiment.recipe, experiment.samples
    keys = deciding_keys(asdict(config))
    length = {"max_epochs": keys.pop("max_epochs")}
    if depends_on_length(config):
        keys["max_epochs"] = length["max_epochs"]
    if experiment.pseudo is None:
        keys = {key: value for key, value in keys.items() if not key.startswith("pseudo.")}
    if config.sampler.name == NONE:
        keys = {key: value for key, value in keys.items() if not key.startswith("sampler.")}
    if config.executor.sync_batchnorm and n_processes(config.executor) > 1:
        keys["executor.sync_batchnorm"] = True
    keys["amp.dtype in force"] = show(recipe.level.dtype if recipe.level.computes_in_half else None)
    rows = partial(sha256_of, deciding_rows(samples))
    data_sha256, unknown = experiment.once(f"data (sha256) {id(samples)}", rows)
    give_way()
    content = {
        "data (sha256)": data_sha256,
        "folds (fingerprint)": experiment.plan.fingerprint,
        "weights to start from (sha256)": None if recipe.start is None else recipe.start.file.sha256,
        **_pretrained(experiment, keys),
        **({} if experiment.pseudo is None else {PSEUDO: sha256_of(experiment.pseudo.deciding())[0]}),
    }
    identity = {
        "config": keys,
        "content": content,
        "software": experiment.once(f"software {_named(recipe.sections)}", partial(_software, experiment)),
        "hardware": {"device": _device(recipe.device), "threads": _threads(recipe.device), **_processes(config)},
        "length": length,
    }
    notes = [
        f"{name} has no content_sha256(): changes of its data are not noticed when the run is resumed"
        for name in unknown
    ]
    return json.loads(json.dumps(identity)), notes


def _named(sections: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return the classes that sections name."""
    preprocess = sections["data"].get("preprocess") or {}
    return [str(section.get("_target_")) for section in (*sections.values(), preprocess)]


def _software(experiment: Experiment) -> dict[str, str]:
    recipe = experiment.recipe
    return {
        **versions(recipe.sections, recipe.plugins),
        **code(recipe.sections, recipe.plugins, _found_by_name(experiment)),
    }


def prepare_again(config: RunConfig, identity: Identity, run: str, given: Given | None = None) -> Experiment:
    """Prepare, in a process that has nothing yet, the run that another one has begun.

    Args:
        config: of the run.
        identity: of the run.
        run: its name, for the message.
        given: rows that were in memory when it was begun.

    Raises:
        DataError: it is another one by now.
    """
    if not config.runtime.compile:
        import_compiler_when_needed()
    experiment = prepare(config, given)
    if identity_of(config, experiment)[0] != identity:
        raise DataError(f"{run}: the data or the code has changed since the run was started: start it again")
    return experiment


def _found_by_name(experiment: Experiment) -> list[str]:
    """Return the modules that score, split the rows and change the steps; nobody imports them by their names."""
    metrics = [f"trainer.metrics.{name}" for name in experiment.recipe.settings.metrics]
    tricks = [section["_target_"].rpartition(".")[0] for section in experiment.recipe.tricks.values()]
    return [*metrics, *tricks, f"trainer.folds.strategies.{experiment.plan.strategy}"]


def _pretrained(experiment: Experiment, keys: dict[str, Any]) -> dict[str, str]:
    """Return the sha256 of a pretrained model and of a tokenizer; where they lie is then no part of ``keys``."""
    found, model = {}, experiment.recipe.sections["model"]
    preprocess, _ = prepared_inputs(experiment)
    if model["_target_"] == TRANSFORMER:
        files = pretrained_files(model["pretrained"], allow_network=model.get("allow_network", False))
        found["model.pretrained (sha256)"] = files_sha256(files)
    if hasattr(preprocess, "content_sha256"):
        found["data.preprocess (sha256)"] = preprocess.content_sha256()
    for name in found:
        section = name.removesuffix(".pretrained (sha256)").removesuffix(" (sha256)")
        keys.pop(f"{section}.pretrained", None)
        keys.pop(f"{section}.allow_network", None)
    return found


def deciding_rows(samples: Samples) -> tuple[Any, ...]:
    """Return what decides the numbers of the rows, besides target and groups, which are in the folds' fingerprint."""
    votes = () if samples.votes_NC is None else ("votes", samples.votes_NC)
    times = () if samples.times_N is None else (samples.times_N,)
    return (samples.inputs, samples.weights_N, *times, *votes)


def depends_on_length(config: RunConfig) -> bool:
    """Return whether the learning rate of a step, or the picked epoch, depends on ``max_epochs``."""
    words = [value for value in config.scheduler.values() if isinstance(value, str)]
    return is_nested(config.cv) or "total_steps" in words or config.fit.warmup_ratio > 0


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
        yield from _parts({item.name: getattr(value, item.name) for item in fields(value) if item.compare})
    elif isinstance(value, np.ndarray) and value.dtype != object:
        yield f"{value.dtype} {value.shape}".encode()
        yield from (part.tobytes() for part in _blocks(value))
    elif isinstance(value, np.ndarray):
        yield from _parts([value.shape, value.ravel().tolist()])
    elif isinstance(value, CodedWords):
        yield from _word_parts(value)
    elif isinstance(value, Mapping):
        yield from _parts([list(value.keys()), list(value.values())])
    elif isinstance(value, (tuple, list)) and all(item is None or isinstance(item, str) for item in value):
        yield from (part.encode() for part in json_parts(value))
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


def _blocks(array: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Yield the cells of an array, row after row, some rows at a time."""
    rows = array.reshape(1) if not array.ndim else array
    step = max(1, CHUNK_CELLS * len(rows) // max(rows.size, 1))
    return (np.ascontiguousarray(rows[start : start + step]) for start in range(0, len(rows), step))


def _word_parts(words: CodedWords) -> Iterator[bytes]:
    """Yield what an object array with the same words yields."""
    yield b"list 2"
    yield from _parts(words.shape)
    step = max(1, CHUNK_CELLS // max(words.shape[1], 1))
    for start in range(0, len(words) if words.shape[1] else 0, step):
        cells = json.dumps(words[start : start + step].ravel().tolist())[1:-1]
        yield f"{', ' if start else '['}{cells}".encode()
    yield b"]" if len(words) and words.shape[1] else b"[]"


def _processes(config: RunConfig) -> dict[str, int]:
    """Return how many processes train a fold together, where they are several."""
    size = n_processes(config.executor)
    return {PROCESSES: size} if size > 1 else {}


def _device(device: torch.device) -> str:
    return f"cuda {torch.cuda.get_device_name(device)}" if device.type == "cuda" else device.type


def _threads(device: torch.device) -> int | None:
    return torch.get_num_threads() if device.type == "cpu" else None
