import numpy as np

from trainer.metrics.pooled import pool_out_of_fold
from trainer.metrics.scores import score
from trainer.metrics.summary import optimism, summarise
from trainer.results import CVResult, EpochRecord, FoldResult
from trainer.tasks import MULTICLASS, MULTILABEL


def make_fold(names, task, target, proba, *, rows, fold=0, repeat=0, monitored=False, n_epochs=3):
    rng = np.random.default_rng(fold + 10 * repeat)
    metrics = score(names, task, target[rows], proba[rows])
    epochs = tuple(
        EpochRecord(
            epoch=e,
            step=10 * e,
            train_loss=2.0 / e + fold / 10,
            lr=0.1,
            seconds=0.5,
            skipped_steps=fold,
            loss_scale=65536.0,
            monitor={n: v + rng.normal() * 0.01 for n, v in metrics.items()} if monitored else {},
        )
        for e in range(1, n_epochs + 1)
    )
    return FoldResult(
        repeat=repeat,
        fold=fold,
        rows=rows,
        logits=np.log(np.clip(proba[rows], 1e-6, 1)).astype(np.float32),
        proba=proba[rows],
        loss=rng.random(len(rows)).astype(np.float32),
        metrics=metrics,
        epochs=epochs,
        best_epoch=n_epochs,
        n_train=len(target) - len(rows),
        seconds=1.5,
    )


def make_result(task=MULTICLASS, classes=("a", "b", "c"), *, repeats=1, monitored=False, n=90, seed=0):
    """A whole cross validation of 3 folds with plausible numbers: result, out-of-fold rows, folds."""
    rng = np.random.default_rng(seed)
    c = len(classes)
    if task == MULTILABEL:
        target = (rng.random((n, c)) < 0.4).astype(np.int64)
        proba = np.clip(rng.random((n, c)) * 0.7 + target * 0.3, 0, 1).astype(np.float32)
    else:
        target = np.arange(n) % c
        raw = rng.random((n, c)) + np.eye(c)[target] * 0.5
        proba = (raw / raw.sum(axis=1, keepdims=True)).astype(np.float32)
    names = task.default_metrics
    folds = []
    for repeat in range(repeats):
        fold_N = rng.permutation(n) % 3
        for fold in range(3):
            rows = np.flatnonzero(fold_N == fold)
            folds.append(
                make_fold(names, task, target, proba, rows=rows, fold=fold, repeat=repeat, monitored=monitored)
            )
    oof = pool_out_of_fold(folds, np.array([f"row{i}" for i in range(n)]), target, repeats)
    result = CVResult(
        n_splits=3,
        repeats=repeats,
        task=task,
        classes=tuple(classes),
        fingerprint="f" * 64,
        primary=names[0],
        metrics=summarise(folds, oof, names=names, task=task, n_resamples=50),
        optimism=optimism(folds, names) if monitored else {},
        seconds=4.5,
        amp={"opt_level": "O1", "dtype": "bfloat16", "in force": {"autocast": "yes"}},
        profile={"params": 25557032, "peak_bytes": 3 * 2**20, "modules": [{"name": "net.0", "flops": 10}]},
    )
    return result, oof, folds
