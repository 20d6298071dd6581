"""Classes and labels too rare to be in every fold: named with their counts, and treated as ``cv.rare`` says."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from trainer.config.cv import RARE_POLICIES
from trainer.errors import ConfigError, DataError, did_you_mean, shown
from trainer.tasks import of_target
from trainer.wording.lists import first_few
from trainer.wording.translations import _

STRATIFYING = ("stratified", "stratified_group", "holdout")  # by one label per row
STRATIFYING_LABELS = ("multilabel", "holdout")  # by all labels of a row
MOST_CLASSES = 10  # that may be rare one and all: above it labels are looked at


@dataclass(frozen=True)
class RareOutcome:
    """What is split after rare classes were dealt with.

    Attributes:
        labels: (N,) or (N, L) what is kept in proportion; the data's own labels are never changed.
        kept_N: rows that are never held out.
        notes: what was done.
    """

    labels: NDArray[np.int64]
    kept_N: NDArray[np.bool_]
    notes: tuple[str, ...] = ()


def apply_rare_policy(
    strategy: str,
    target: NDArray[np.int64],
    groups_N: NDArray[np.str_] | None,
    *,
    classes: tuple[str, ...],
    n_splits: int,
    rare: str,
) -> RareOutcome:
    """Deal with classes that have fewer rows than there are folds (``holdout``: fewer than 2).

    Args:
        strategy: of the split.
        target: (N,) class index, or (N, L): iterative stratification deals out what there is of a rare label, so under
            ``refuse`` it is not refused; the notes on the split name it.
        groups_N: rows that stay together, or None.
        classes: label text per class, for messages.
        n_splits: folds.
        rare: ``merge`` stratifies the rare classes as one; ``keep_in_train`` never holds their rows out (nor their
            groups'); ``allow`` splits anyway; ``refuse``.

    Raises:
        ConfigError: ``rare`` is unknown or has no effect here.
        DataError: rare classes under ``refuse``, or nothing is left to split.
    """
    everything = RareOutcome(target, np.zeros(len(target), dtype=bool))
    task = of_target(target)
    if rare not in RARE_POLICIES:
        raise ConfigError(f"cv.rare: unknown '{rare}'{did_you_mean(rare, RARE_POLICIES)}")
    if strategy not in (STRATIFYING_LABELS if task.several_labels else STRATIFYING):
        if rare != "refuse":
            raise ConfigError(f"cv.rare={rare} has no effect with cv={strategy} on these labels: leave it out")
        return everything
    needed = 2 if strategy == "holdout" else n_splits
    counts_C = task.class_counts(target, len(classes))
    rare_C = counts_C < needed
    if not rare_C.any() or (task.several_labels and rare == "refuse"):
        return everything
    if rare == "refuse":
        _refuse_other_than_classes(classes, counts_C)
        raise DataError(_refusal(classes, counts_C, needed, strategy))
    rare_C &= counts_C > 0
    if not rare_C.any():
        return everything
    listed = _listed(classes, counts_C, rare_C)
    if rare == "allow":
        if task.one_class_each and rare_C[counts_C > 0].all():
            raise DataError(f"every class has fewer rows than {needed} folds: {listed}; use fewer folds or cv=kfold")
        return replace(everything, notes=(f"rare {task.nouns} split anyway (cv.rare=allow): {listed}",))
    if rare == "merge":
        merged_C = _merged(counts_C, rare_C, needed)
        names = _listed(classes, counts_C, merged_C)
        note = f"stratified as one {task.noun} (cv.rare=merge): {names}"
        return replace(everything, labels=_as_one(target, merged_C), notes=(note,))
    return _kept_in_train(target, groups_N, rare_C, listed)


def _refuse_other_than_classes(classes: tuple[str, ...], counts_C: NDArray[np.int64]) -> None:
    """Refuse labels that most rows have for themselves: another column was meant, such as the one that has the text."""
    alone = np.flatnonzero(counts_C == 1)
    if len(counts_C) > MOST_CLASSES and 2 * len(alone) > counts_C.sum():
        raise DataError(
            f"{len(alone)} of {len(counts_C)} labels occur once, such as '{shown(classes[alone[0]], 40)}': "
            "classes repeat, texts, names and ids do not\n"
            "set data.label to the column with the classes; if these are classes, "
            "use cv.rare=merge, keep_in_train or allow, or cv=kfold"
        )


def _refusal(classes: tuple[str, ...], counts_C: NDArray[np.int64], needed: int, strategy: str) -> str:
    holdout, few = strategy == "holdout", [c for c, n in enumerate(counts_C) if n < needed]
    of_folds, of_sides = _("class '{name}': {n} rows < {k} folds"), _("class '{name}': {n} rows < 2, one for each side")
    of_one = _("class '{name}': 1 row < {k} folds"), _("class '{name}': 1 row < 2, one for each side")
    lines = [
        (of_one if counts_C[c] == 1 else (of_folds, of_sides))[holdout].format(name=classes[c], n=counts_C[c], k=needed)
        for c in few[:3]
    ]
    more = [_("... and {n} more classes").format(n=len(few) - 3)] if len(few) > 3 else []
    fewer = "" if holdout or counts_C.min() < 2 else f"cv.n_splits={counts_C.min()}"
    other = {"stratified_group": "cv=group"}.get(strategy, "cv=kfold")
    advice = (
        _("use {fewer} or less, cv.rare=merge, keep_in_train or allow, or {other}")
        if fewer
        else _("use cv.rare=merge, keep_in_train or allow, or {other}")
    )
    return "\n".join([*lines, *more, advice.format(fewer=fewer, other=other)])


def _merged(counts_C: NDArray[np.int64], rare_C: NDArray[np.bool_], needed: int) -> NDArray[np.bool_]:
    """Return which classes are made one: the rare ones, and the next smallest while they are too few together."""
    together = rare_C.copy()
    for c in np.argsort(counts_C, kind="stable"):
        if counts_C[together].sum() >= needed:
            break
        together[c] = counts_C[c] > 0
    return together


def _as_one(target: NDArray[np.int64], merged_C: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return (N,) with the merged classes as the first of them, or (N, L) with the merged labels in its place."""
    first, labels = int(merged_C.argmax()), target.copy()
    if of_target(target).several_labels:
        labels[:, first] = target[:, merged_C].any(axis=1)
        return np.delete(labels, np.flatnonzero(merged_C)[1:], axis=1)
    labels[merged_C[target]] = first
    return labels


def _kept_in_train(
    target: NDArray[np.int64], groups_N: NDArray[np.str_] | None, rare_C: NDArray[np.bool_], listed: str
) -> RareOutcome:
    kept_N: NDArray[np.bool_] = of_target(target).indicators(target, len(rare_C))[:, rare_C].sum(axis=1) > 0
    if groups_N is not None:
        kept_N = np.isin(groups_N, groups_N[kept_N])
    if kept_N.all():
        raise DataError("cv.rare=keep_in_train leaves no row to hold out: use cv.rare=merge or cv=kfold")
    n_kept = int(kept_N.sum())
    what = f"{_rows(n_kept)}{'' if groups_N is None else ', with the rest of their groups,'}"
    note = f"{what} {'is' if n_kept == 1 else 'are'} never held out (cv.rare=keep_in_train): {listed}"
    return RareOutcome(target, kept_N, (note,))


def _rows(n: int) -> str:
    return "1 row" if n == 1 else f"{n} rows"


def _listed(classes: tuple[str, ...], counts_C: NDArray[np.int64], chosen_C: NDArray[np.bool_]) -> str:
    names = [f"'{classes[c]}' ({_rows(counts_C[c])})" for c in np.flatnonzero(chosen_C)]
    return first_few(names)
