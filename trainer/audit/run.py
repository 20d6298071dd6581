"""All checks of one data set and one split."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.audit.checks.duplicates import check_exact, check_near
from trainer.audit.checks.features import check_id_columns, check_label_columns
from trainer.audit.checks.hidden_copies import check_hidden_copies
from trainer.audit.checks.labels import check_conflicts, check_frequent, check_near_conflicts
from trainer.audit.checks.one_hot import check_one_hot
from trainer.audit.checks.row_order import check_order
from trainer.audit.checks.sides import check_groups, check_overlap, check_time
from trainer.audit.checks.unused_columns import check_unused_columns
from trainer.audit.clusters import copy_codes
from trainer.audit.duplicate_rows import input_codes
from trainer.audit.findings import Finding, worst_first
from trainer.audit.split import Split, TrainRows
from trainer.data.samples import DataSpec, Images, Samples, TableColumns, Texts


def audit(
    samples: Samples,
    spec: DataSpec,
    fold_of_row: NDArray[np.int64] | None,
    *,
    times_N: NDArray[Any] | None = None,
    train_rows: TrainRows | None = None,
    fold_names: Sequence[str] | None = None,
    given: bool = False,
    near: float | None = 0.8,
) -> list[Finding]:
    """Look for what makes cross validation lie. Nothing is changed and no row is dropped.

    Args:
        samples: the rows.
        spec: what they mean.
        fold_of_row: (R, N) the fold that holds the row out in each repeat, -1 = never; None looks at the whole file.
        times_N: (N,) numbers or datetime64, NaN and NaT where unknown; None = the rows have no time.
        train_rows: returns the training rows of (repeat, fold); None = every row the fold does not hold out.
        fold_names: of the folds 0, 1, ...; None = their numbers.
        given: whether a column or a file says the folds.
        near: share of the character 3-grams that two texts have in common to be near copies (images have their own
            measure); None = not looked for.

    Returns:
        Leaks first, then warnings, then notes.
    """
    split = None if fold_of_row is None else Split(np.atleast_2d(fold_of_row), train_rows, fold_names, given)
    inputs, target = samples.inputs, samples.target
    codes_N = input_codes(inputs)
    exact_N = copy_codes(samples, codes_N, None)
    findings = [] if split is None else check_overlap(split)
    findings += check_exact(inputs, exact_N, spec.task, split)
    if near is not None and isinstance(inputs, Texts | Images):
        near_N = copy_codes(samples, codes_N, near)
        findings += check_near(inputs, exact_N, near_N, spec.task, split)
        if isinstance(inputs, Images):
            findings += check_near_conflicts(inputs, exact_N, near_N, target, spec)
    if samples.groups_N is not None:
        findings += check_groups(samples.groups_N, spec.task, split)
    if times_N is not None:
        findings += check_time(times_N, samples.groups_N is not None, split)
    findings += _of_columns(samples, spec, exact_N, split)
    findings += check_conflicts(codes_N, target, spec, inputs)
    findings += check_order(samples, split)
    findings += check_frequent(codes_N, target, spec)
    return worst_first(findings)


def _of_columns(samples: Samples, spec: DataSpec, exact_N: NDArray[np.int64], split: Split | None) -> list[Finding]:
    """Report what columns give away: the features of a table, and those that nothing reads."""
    inputs, target = samples.inputs, samples.target
    findings: list[Finding] = []
    if isinstance(inputs, TableColumns):
        findings += check_label_columns(inputs, target, spec)
        findings += check_one_hot(inputs, target, spec)
        findings += check_id_columns(inputs)
        findings += check_hidden_copies(samples, inputs, exact_N, spec.task, split)
        findings += check_unused_columns(samples, inputs)
    if samples.beside is not None:
        findings += check_unused_columns(samples, samples.beside, are_features=False)
    return findings
