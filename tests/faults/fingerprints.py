"""What a run found, as sha256 by file, and what it must not leave behind."""

import hashlib
import json
import shutil
from pathlib import Path

CLOCK = {"seconds", "epoch_seconds", "profile", "baselines"}  # keys of cv.json, metrics.jsonl that depend on it


def fingerprint(run: Path) -> dict[str, str]:
    """Return the sha256 of everything a finished run found, by file; clock times left out.

    Weights, out-of-fold predictions and preprocessing byte for byte; cv.json and metrics.jsonl without the seconds.
    """
    files = sorted(run.glob("fold_*/model.*")) + sorted(run.glob("fold_*/oof.parquet"))
    files += sorted(run.glob("fold_*/preprocess.json"))
    assert files, f"{run} has no finished fold"
    found = {str(path.relative_to(run)): _sha256(path.read_bytes()) for path in files}
    for path in sorted(run.glob("fold_*/metrics.jsonl")):
        lines = [_without_clock(json.loads(line)) for line in path.read_text().splitlines()]
        found[str(path.relative_to(run))] = _sha256(json.dumps(lines).encode())
    if (run / "cv.json").exists():
        found["oof.parquet"] = _sha256((run / "oof.parquet").read_bytes())
        found["cv.json"] = _sha256(json.dumps(_without_clock(json.loads((run / "cv.json").read_text()))).encode())
    return found


def differing(run: Path, expected: dict[str, str]) -> list[str]:
    """Return the names of what is not the same as in another run's fingerprint."""
    found = fingerprint(run)
    return sorted(name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name))


def leftovers(run: Path, finished: bool = True) -> list[str]:
    """Return what must not be left behind: half-written files and locks; in a finished run checkpoints too."""
    found = [*run.rglob("*.tmp.*"), *run.rglob("LOCK*"), *(run.glob("fold_*/step-*") if finished else ())]
    return sorted(str(path.relative_to(run)) for path in found)


def saved_step(fold: Path) -> int:
    """Return the step of the newest checkpoint of a fold, by its files; 0 where there is none."""
    return max((int(path.stem.removeprefix("step-")) for path in fold.glob("step-*.json")), default=0)


def require_same(run: Path, expected: dict[str, str]) -> None:
    """Expect that a run found what another one found, and has left nothing behind; then delete it."""
    wrong = differing(run, expected) + leftovers(run)
    assert not wrong, f"{run.name}: {', '.join(wrong)}"
    shutil.rmtree(run)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _without_clock(value):
    if isinstance(value, dict):
        return {key: _without_clock(item) for key, item in value.items() if key not in CLOCK}
    return [_without_clock(item) for item in value] if isinstance(value, list) else value
