"""Rows for the audit's tests."""

from collections.abc import Sequence

import numpy as np

from trainer.data.samples import DataSpec, Samples, TableColumns, Texts
from trainer.tasks import BINARY

SPEC = DataSpec("case", BINARY, ("no", "yes"))


def texts(values: Sequence[str], target: Sequence[int] | None = None, **more) -> Samples:
    return _samples(Texts(tuple(values)), len(values), target, **more)


def table(numeric=None, categorical=None, target=None, **more) -> Samples:
    n_rows = len(numeric if numeric is not None else categorical)
    numeric_NF = np.empty((n_rows, 0)) if numeric is None else np.asarray(numeric, dtype=np.float64)
    categorical_NK = np.empty((n_rows, 0), dtype=object) if categorical is None else np.array(categorical, dtype=object)
    columns = TableColumns(
        numeric_NF,
        categorical_NK,
        tuple(f"n{place}" for place in range(numeric_NF.shape[1])),
        tuple(f"c{place}" for place in range(categorical_NK.shape[1])),
    )
    return _samples(columns, n_rows, target, **more)


def _samples(inputs, n_rows, target, ids=None, groups=None) -> Samples:
    return Samples(
        np.arange(n_rows).astype(np.str_) if ids is None else np.array(ids),
        inputs,
        np.arange(n_rows) % 2 if target is None else np.asarray(target, dtype=np.int64),
        groups_N=None if groups is None else np.array(groups).astype(np.str_),
    )


def folds(*values: int) -> np.ndarray:
    return np.array([values], dtype=np.int64)


def of_kind(findings, kind: str):
    found = [finding for finding in findings if finding.kind == kind]
    assert len(found) <= 1
    return found[0] if found else None
