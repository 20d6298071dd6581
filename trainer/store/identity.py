"""What decides the numbers of a run, as plain values: equal identities train to equal bits.

An identity has these parts: ``config`` (every key that can alter the numbers, by its dotted name), ``content``
(sha256 of data, folds and starting weights), ``software`` (versions and source files), ``hardware`` (device,
threads) and ``length`` (``max_epochs``, where no step depends on it). It is kept in manifest.json, in every
checkpoint and in every finished fold.
"""

import json
from collections.abc import Mapping
from typing import Any

from trainer.config.keys import flatten
from trainer.errors import CheckpointError

FREE_KEYS = (  # cannot alter the numbers; files (data.path, init.path, pseudo.path, ...) are known by their content
    "run",
    "resume",
    "force_resume",
    "cv.fold",
    "cv.parallel",
    "cv.stack",
    "cv.path",
    "data.path",
    "data.exclude",
    "data.images",
    "data.in_memory",
    "data.preprocess.memory",
    "init.path",
    "pseudo.path",
    "pseudo.teacher",
    "device",
    "num_workers",
    "audit",
    "baseline",
    "preflight",
    "paths",
    "profile",
    "report",
    "runtime.threads",  # counts as hardware
    "runtime.progress",
    "runtime.loader_timeout_seconds",
    "runtime.stall_timeout_seconds",
    "tracker",
    "budget",
    "executor",
    "search",
    "checkpoint",
)

LONGEST = 40  # characters of a value shown whole
PROCESSES = "processes"  # that train a fold together; their number may change: what they find differs by rounding

Identity = Mapping[str, Mapping[str, Any]]


def deciding_keys(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys of a configuration that can alter the numbers, by dotted name."""
    return {key: value for key, value in flatten(config).items() if not _free(key)}


def differences(before: Identity, now: Identity, *, hardware: bool) -> dict[str, tuple[Any, Any]]:
    """Return what differs, by name: (before, now). More epochs than before are no difference, fewer are one.

    Args:
        before: as recorded.
        now: of this process.
        hardware: whether device and threads count; a fold that is continued needs them, another fold does not.
    """
    parts = ("config", "content", "software", "hardware") if hardware else ("config", "content", "software")
    found: dict[str, tuple[Any, Any]] = {}
    for part in parts:
        there, here = before.get(part, {}), now.get(part, {})
        for key in sorted((there.keys() | here.keys()) - {PROCESSES}):
            one, other = there.get(key, "absent"), here.get(key, "absent")
            if one != other:
                found[key] = (one, other)
    trained, wanted = (part.get("length", {}).get("max_epochs", 0) for part in (before, now))
    if wanted < trained:
        found["max_epochs"] = (trained, wanted)
    return found


def require_same_conditions(before: Identity, now: Identity, *, what: str, force: bool) -> None:
    """Refuse to resume what was begun under other conditions, device and threads among them.

    Args:
        before: as recorded.
        now: of this process.
        what: began there, for the message: ``runs/a1/fold_0 was stopped``.
        force: go on all the same.

    Raises:
        CheckpointError: something differs.
    """
    found = differences(before, now, hardware=True)
    if found and not force:
        lines = [f"{what} under other conditions:", *describe_differences(found, most=2)]
        advice = "go on under the same, or with force_resume=true (the result is then no longer reproducible)"
        raise CheckpointError("\n".join([*lines, advice]))


def other_processes(before: Identity, now: Identity) -> str:
    """Say that a fold goes on with another number of processes than it was begun with, where it does."""
    there, here = (part.get("hardware", {}).get(PROCESSES, 1) for part in (before, now))
    if there == here:
        return ""
    return f"goes on with {here} process{'es' * (here > 1)}, begun with {there}: the numbers are equal but for rounding"


def describe_differences(found: Mapping[str, tuple[Any, Any]], most: int = 3) -> list[str]:
    """Return one line per difference, the last one a count where there are more than ``most``."""
    lines = [f"{key}: {' there, '.join(short_texts(before, now))} here" for key, (before, now) in found.items()]
    return lines if len(lines) <= most else [*lines[:most], f"... and {len(lines) - most} more"]


def short_texts(*values: object) -> list[str]:
    """Return the values as text, long ones cut so that they still look different."""
    texts = [json.dumps(value, ensure_ascii=False) if value is None else str(value) for value in values]
    if max(map(len, texts)) <= LONGEST:
        return texts
    same = next((i for i, pair in enumerate(zip(*texts, strict=False)) if len(set(pair)) > 1), 0)
    start = max(0, same - 8) if same > 8 else 0
    return [f"{'...' if start else ''}{text[start : start + 12]}..." for text in texts]


def _free(key: str) -> bool:
    return any(key == free or key.startswith(f"{free}.") for free in FREE_KEYS)
