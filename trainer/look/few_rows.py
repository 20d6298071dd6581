"""The rows of each class, and the options of a split where these are fewer than the folds."""

from typing import Any

from numpy.typing import NDArray

from trainer.errors import FoldwiseError
from trainer.folds.rare import apply_rare_policy
from trainer.look.answer import Refusal
from trainer.tasks import Task

N_SPLITS = 5  # of the configuration
LEAST_SPLITS = 3  # fewer than this are set only where no class has more rows


def balance(task: Task, target: NDArray[Any], classes: tuple[str, ...]) -> dict[str, int]:
    """Return the rows of each class, the most frequent first; nothing of numbers."""
    counts = task.class_counts(target, len(classes)).tolist()
    return dict(sorted(zip(classes, counts, strict=True), key=lambda item: -item[1])) if counts else {}


def few_rows_options(
    strategy: str, target: NDArray[Any], groups_N: NDArray[Any] | None, classes: tuple[str, ...], task: Task
) -> tuple[list[str], tuple[Refusal, ...]]:
    """Return what is set where the split would be refused, and the refusal.

    Args:
        strategy: of the split.
        target: (N,) class index.
        groups_N: rows that stay together, or None.
        classes: label text per class.
        task: of the target.
    """
    if not task.one_class_each:
        return [], ()
    try:
        apply_rare_policy(strategy, target, groups_N, classes=classes, n_splits=N_SPLITS, rare="refuse")
    except FoldwiseError as refusal:
        counts_C = task.class_counts(target, len(classes))
        fewest, most = int(counts_C.min()), int(counts_C.max())
        if fewest >= LEAST_SPLITS or 1 < fewest <= most < N_SPLITS:
            option = f"cv.n_splits={fewest}"
        else:
            option = "cv.rare=merge" if most >= N_SPLITS else "cv=kfold"
        return [option], (Refusal(str(refusal), option),)
    return [], ()
