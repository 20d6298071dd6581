"""Finished runs with predictions that a test chose, written through the run directory's own functions."""

import hashlib
from pathlib import Path

import numpy as np
from scipy.special import expit, softmax

from trainer.folds.plan import FoldPlan
from trainer.metrics.scores import score
from trainer.results import FoldResult
from trainer.store.fold_files import fold_directory, save_fold
from trainer.store.run_files import rows_table, write_run
from trainer.system.files import sealed
from trainer.tasks import MULTICLASS, Task


def make_plan(n_rows: int, n_splits: int = 4, repeats: int = 1, seed: int = 0) -> FoldPlan:
    draws = [np.random.default_rng([seed, repeat]).permutation(n_rows) % n_splits for repeat in range(repeats)]
    return FoldPlan("kfold", n_splits, repeats, seed, np.stack(draws), f"{seed}" * 64)


def write_predictions(
    run: Path,
    logits_RNC,
    target,
    *,
    task: Task = MULTICLASS,
    plan: FoldPlan | None = None,
    classes=None,
    metrics=None,
    ids=None,
    groups=None,
    proba_RNC=None,
    n_epochs: int = 0,
    config=None,
) -> Path:
    """Write a run whose folds predicted what the logits (R, N, C) or (N, C) say."""
    logits_RNC = np.asarray(logits_RNC, dtype=np.float64)
    logits_RNC = logits_RNC[None] if logits_RNC.ndim == 2 else logits_RNC
    n_rows = logits_RNC.shape[1]
    plan = plan or make_plan(n_rows, repeats=len(logits_RNC))
    if proba_RNC is None:
        proba_RNC = logits_RNC
        if task.has_classes:
            proba_RNC = expit(logits_RNC) if task.several_labels else softmax(logits_RNC, axis=-1)
    proba_RNC = np.asarray(proba_RNC)
    proba_RNC = (proba_RNC[None] if proba_RNC.ndim == 2 else proba_RNC).astype(
        np.float32 if task.has_classes else float
    )
    classes = classes or [f"c{i}" for i in range(logits_RNC.shape[2])] * task.has_classes
    metrics = list(metrics or task.default_metrics)
    ids = np.array([f"row{i}" for i in range(n_rows)]) if ids is None else ids
    identity = {
        "config": config or {"optimizer.lr": 0.01},
        "content": {"data (sha256)": "d" * 64, "folds (fingerprint)": plan.fingerprint},
        "software": {"torch": "2.14.1"},
        "hardware": {"device": "cpu", "threads": 1},
        "length": {"max_epochs": n_epochs},
    }
    rows = rows_table(ids, target, groups)
    facts = {
        "identity": identity,
        "command": [f"run={run.name}"],
        "task": task.name,
        "classes": list(classes),
        "metrics": metrics,
        "select": "last",
        "amp": {},
        "about": {},
        "profile": {},
        "warnings": [],
        "sha256": {"rows.parquet": hashlib.sha256(rows).hexdigest()},
    }
    run.mkdir(parents=True)
    write_run(run, {"manifest.json": sealed(facts), "rows.parquet": rows, "folds.json": plan.to_json().encode()})
    for number in range(plan.n_folds):
        repeat, fold = divmod(number, plan.n_splits)
        train, held_out = plan.rows(repeat, fold)
        proba = proba_RNC[repeat, held_out]
        result = FoldResult(
            repeat=repeat,
            fold=fold,
            rows=held_out,
            logits=logits_RNC[repeat, held_out].astype(np.float32),
            proba=proba,
            loss=np.zeros(len(held_out), dtype=np.float32),
            metrics=score(metrics, task, target[held_out], proba),
            epochs=(),
            best_epoch=0,
            n_train=len(train),
            seconds=1.0,
        )
        save_fold(
            fold_directory(run, number),
            result,
            amp={"skipped_steps": 0, "loss_scale": 1.0},
            identity=identity,
            files={},
        )
    return run


def noisy_logits(target, n_classes: int, strength: float, seed: int):
    """Logits (N, C) that know the class as well as ``strength`` says; 0 = noise."""
    noise = np.random.default_rng(seed).normal(size=(len(target), n_classes))
    return noise + strength * np.eye(n_classes)[target]
