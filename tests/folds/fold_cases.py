"""Rows shared by the fold tests."""

import numpy as np

from trainer.folds.plan import make_folds


def plan(target, strategy="stratified", **changes):
    target = np.asarray(target)
    values = {
        "ids_N": np.arange(len(target)).astype(np.str_),
        "groups_N": None,
        "classes": tuple("abcdefghijklmnop"[: target.shape[1] if target.ndim == 2 else int(target.max()) + 1]),
        "n_splits": 5,
        "repeats": 1,
        "shuffle": True,
        "random_state": 42,
    }
    return make_folds(strategy, target, **{**values, **changes})


def labels(n_rows=200, n_labels=6, seed=0):
    """Labels (N, L) from rare (3 %) to common (60 %), some correlated, some rows with none."""
    random = np.random.default_rng(seed)
    rates_L = np.linspace(0.03, 0.6, n_labels)
    base_N1 = random.random((n_rows, 1))
    return ((0.5 * base_N1 + 0.5 * random.random((n_rows, n_labels))) < rates_L * 0.8).astype(np.int64)
