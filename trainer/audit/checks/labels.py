"""The same input with different labels, and inputs that are very common."""

import numpy as np
from numpy.typing import NDArray

from trainer.audit.duplicate_rows import common, labels_per_code, look_alikes
from trainer.audit.findings import Finding, count, examples
from trainer.data.samples import DataSpec, Images, Inputs
from trainer.errors import shown


def check_conflicts(
    codes_N: NDArray[np.int64], target: NDArray[np.int64], spec: DataSpec, inputs: Inputs | None = None
) -> list[Finding]:
    """Report inputs that have more than one label, and what that costs at least.

    Args:
        codes_N: (N,) ``input_codes``.
        target: (N,) class index, or (N, L).
        spec: the label texts.
        inputs: the rows; of images the files are named.
    """
    if not spec.task.has_classes:
        return []  # numbers of equal inputs differ by chance
    labels_N = spec.task.codes(target)
    labels_per_input = labels_per_code(codes_N, labels_N)
    rows = np.flatnonzero(labels_per_input[codes_N] > 1)
    if not len(rows):
        return []
    same = rows[codes_N[rows] == codes_N[rows[0]]]
    other = same[(labels_N[same] != labels_N[same[0]]).argmax()]
    n_inputs = int((labels_per_input > 1).sum())
    best = 1.0 - _least_errors(codes_N[rows], labels_N[rows]) / len(codes_N)
    said = (
        f"{count(n_inputs, 'input has', 'inputs have')} different labels in {count(len(rows), 'row')}, such as row "
        f"{_row(target, spec, same[0], inputs)} and row {_row(target, spec, other, inputs)}: "
        f"no model can be right in more than {_percent_below(best)} of all rows."
    )
    return [Finding("label_conflicts", "warning", said, examples(rows), len(rows))]


def check_near_conflicts(
    images: Images, exact_N: NDArray[np.int64], near_N: NDArray[np.int64], target: NDArray[np.int64], spec: DataSpec
) -> list[Finding]:
    """Report pictures that are nearly the same and have different labels, without those that are the same file.

    Args:
        images: the rows.
        exact_N: their ``copy_codes`` without near copies.
        near_N: their ``copy_codes`` with near copies.
        target: (N,) class index, or (N, L).
        spec: the label texts.
    """
    if not spec.task.has_classes:
        return []
    labels_N = spec.task.codes(target)
    rows = np.flatnonzero(_n_labels(near_N, labels_N) > _n_labels(exact_N, labels_N))
    if not len(rows):
        return []
    first = rows[0]
    other = int(((near_N == near_N[first]) & (labels_N != labels_N[first])).argmax())
    said = (
        f"{count(len(rows), 'row')} in {count(len(np.unique(near_N[rows])), 'set')} of near copies have different "
        f"labels, such as row {_row(target, spec, first, images)} and row {_row(target, spec, other, images)}: "
        "which one is right?"
    )
    return [Finding("near_label_conflicts", "warning", said, examples(rows), len(rows))]


def check_frequent(codes_N: NDArray[np.int64], target: NDArray[np.int64], spec: DataSpec) -> list[Finding]:
    """Report inputs with at least 1 % of the rows. Nothing is wrong with them by itself: they stay.

    Args:
        codes_N: (N,) ``input_codes``.
        target: (N,) class index, or (N, L).
        spec: the label texts.
    """
    common_N = common(codes_N)
    rows = np.flatnonzero(common_N)
    if not len(rows):
        return []
    counts = np.bincount(codes_N[common_N])
    most = np.flatnonzero(codes_N == counts.argmax())
    n_inputs = int((counts > 0).sum())
    others = f"; {count(n_inputs - 1, 'other input is', 'other inputs are')} as common" if n_inputs > 1 else ""
    alike = look_alikes(codes_N, target)[most[0]]
    meaning = (
        "Its labels differ, so these are different cases that look the same: keep them. They are not counted as copies."
        if alike
        else "Was one case written many times, or are there many such cases?"
    )
    said = (
        f"One input occurs {len(most):,} times ({100 * len(most) / len(codes_N):.1f} % of the rows: "
        f"{_shares(most, target, spec)}){others}. {meaning}"
    )
    return [Finding("frequent_input", "note", said, examples(most), len(rows))]


def _n_labels(codes_N: NDArray[np.int64], labels_N: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return (N,) how many different labels the rows with the row's code have."""
    return labels_per_code(codes_N, labels_N)[codes_N]


def _least_errors(codes_M: NDArray[np.int64], labels_M: NDArray[np.int64]) -> int:
    """Count the rows outside of the commonest label of their input."""
    pairs, counts_P = np.unique(np.stack([codes_M, labels_M], axis=1), axis=0, return_counts=True)
    most = np.zeros(int(codes_M.max()) + 1, dtype=np.int64)
    np.maximum.at(most, pairs[:, 0], counts_P)
    return len(codes_M) - int(most.sum())


def _percent_below(share: float) -> str:
    return f"{int(share * 10_000) / 100:.2f} %"


def _row(target: NDArray[np.int64], spec: DataSpec, row: int, inputs: Inputs | None) -> str:
    """Write the row's number from 1 and its label, of an image its file too."""
    file = f"{shown(inputs.names[row], 80)}: " if isinstance(inputs, Images) else ""
    return f"{row + 1} ({file}{spec.task.label_text(target[row], spec.classes)})"


def _shares(rows: NDArray[np.int64], target: NDArray[np.int64], spec: DataSpec) -> str:
    """Write how often each of the commonest labels occurs: ``3,328 of '0', 1 of '1'``."""
    labels, first, counts = np.unique(spec.task.codes(target)[rows], return_index=True, return_counts=True)
    order = np.argsort(-counts, kind="stable")[:3]
    texts = [spec.task.label_text(target[rows[place]], spec.classes) for place in first[order]]
    said = [f"{n:,} of '{text}'" for n, text in zip(counts[order], texts, strict=True)]
    return ", ".join(said) + (", ..." if len(labels) > 3 else "")
