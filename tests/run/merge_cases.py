"""Runs written through the run directory's own functions, without training anything."""

import copy
import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np

from trainer.folds.plan import FoldPlan
from trainer.metrics.scores import score
from trainer.results import EpochRecord, FoldResult
from trainer.store.fold_files import fold_directory, save_fold, target_hash
from trainer.store.run_files import rows_table, write_run
from trainer.system.files import sealed
from trainer.tasks import MULTICLASS

N_ROWS, N_SPLITS, CLASSES = 30, 5, ("a", "b", "c")
METRICS = ("accuracy", "log_loss")
IDS = np.array([f"row{i}" for i in range(N_ROWS)])
TARGET = np.arange(N_ROWS) % 3
IDENTITY = {
    "config": {"optimizer.lr": 0.01, "model._target_": "trainer.models.mlp.MLP", "batch_size": 8},
    "content": {"data (sha256)": "d" * 64, "folds (fingerprint)": "f" * 64, "weights to start from (sha256)": None},
    "software": {"torch": "2.14.1", "code of the engine": "abc"},
    "hardware": {"device": "cpu", "threads": 1},
    "length": {"max_epochs": 3},
}


def changed(section: str, key: str, value: object, identity: dict = IDENTITY) -> dict:
    """An identity with one value changed."""
    other = copy.deepcopy(identity)
    other[section][key] = value
    return other


def make_plan(repeats: int = 1) -> FoldPlan:
    fold_of_row = np.stack([np.random.default_rng(repeat).permutation(N_ROWS) % N_SPLITS for repeat in range(repeats)])
    return FoldPlan("kfold", N_SPLITS, repeats, 0, fold_of_row, "f" * 64)


def fold_result(plan: FoldPlan, number: int, *, seed: int = 0, n_epochs: int = 3, metrics=METRICS) -> FoldResult:
    """Predictions that are a function of (seed, fold), so that two copies of a fold agree."""
    repeat, fold = divmod(number, plan.n_splits)
    train, rows = plan.rows(repeat, fold)
    rng = np.random.default_rng([seed, number])
    logits = rng.normal(size=(len(rows), 3)).astype(np.float32)
    proba = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return FoldResult(
        repeat=repeat,
        fold=fold,
        rows=rows,
        logits=logits,
        proba=proba,
        loss=rng.random(len(rows)).astype(np.float32),
        metrics=score(metrics, MULTICLASS, TARGET[rows], proba),
        epochs=tuple(EpochRecord(e, 4 * e, 1.0 / e, 0.01, 0.5) for e in range(1, n_epochs + 1)),
        best_epoch=n_epochs,
        n_train=len(train),
        seconds=1.5,
    )


def write_fold(run: Path, result: FoldResult, plan: FoldPlan, identity: dict = IDENTITY) -> None:
    number = result.repeat * plan.n_splits + result.fold
    files = {"preprocess.json": b"{}", "model.safetensors": hashlib.sha256(result.proba.tobytes()).digest() * 8}
    amp = {"skipped_steps": 0, "loss_scale": 1.0}
    labels = target_hash(TARGET[result.rows])
    save_fold(fold_directory(run, number), result, amp=amp, identity=identity, files=files, scored_on=labels)


def make_run(
    run: Path,
    folds=range(N_SPLITS),
    *,
    plan: FoldPlan | None = None,
    identity: dict = IDENTITY,
    target=TARGET,
    groups=None,
    **facts: object,
) -> Path:
    """A run directory with some of its folds finished."""
    plan = plan or make_plan()
    manifest = {
        "identity": identity,
        "command": ["data=wine", f"run={run.name}", "cv.fold=0"],
        "task": "multiclass",
        "classes": CLASSES,
        "metrics": METRICS,
        "select": "last",
        "amp": {"opt_level": "O0"},
        "about": {"command": "python train.py data=wine"},
        "profile": {},
        "warnings": [],
    }
    run.mkdir(parents=True)
    rows = rows_table(IDS, target, groups)
    known = {"sha256": {"rows.parquet": hashlib.sha256(rows).hexdigest()}}
    files = {"manifest.json": sealed({**manifest, **known, **facts}), "rows.parquet": rows}
    write_run(run, {**files, "folds.json": plan.to_json().encode()})
    for number in folds:
        write_fold(run, fold_result(plan, number), plan, identity)
    return run


def rewrite_fold(run: Path, number: int, plan: FoldPlan | None = None, identity: dict = IDENTITY, **values) -> None:
    """Write a fold again: with other predictions (seed), epochs (n_epochs) or fields."""
    plan = plan or make_plan()
    made = {key: values.pop(key) for key in ("seed", "n_epochs", "metrics") if key in values}
    shutil.rmtree(fold_directory(run, number), ignore_errors=True)
    write_fold(run, replace(fold_result(plan, number, **made), **values), plan, identity)


def manifest(run: Path) -> dict:
    return {k: v for k, v in json.loads((run / "manifest.json").read_text()).items() if k != "seal"}


def sha(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def contents(run: Path) -> dict[str, str]:
    """Every file below a directory with its sha256."""
    return {str(path.relative_to(run)): sha(path) for path in sorted(run.rglob("*")) if path.is_file()}
