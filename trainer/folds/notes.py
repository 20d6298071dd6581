"""What a person should know about a split that was made, one line each."""

from collections.abc import Iterator, Sequence
from itertools import chain
from types import ModuleType

import numpy as np

from trainer.errors import DataError
from trainer.folds.own import OwnStrategy
from trainer.folds.request import Pair, SplitRequest
from trainer.tasks import of_target
from trainer.wording.lists import first_few


def split_notes(
    strategy: str,
    module: ModuleType | OwnStrategy,
    rounds: Sequence[Sequence[Pair]],
    request: SplitRequest,
    classes: tuple[str, ...],
) -> Iterator[str]:
    """Yield what is not plain from the settings: how many folds, equal repeats, what is never held out or trained on.

    Args:
        strategy: its name.
        module: its file.
        rounds: (training, held-out) rows of each fold, per repeat.
        request: what was asked, with the data's own labels.
        classes: label text per class.
    """
    if not module.N_SPLITS:
        repeats = f" x {len(rounds)} repeats" if len(rounds) > 1 else ""
        named = {"leave_one_group_out": "one fold per group", "holdout": "one fold only", "predefined": "given folds"}
        what = named.get(strategy, "folds as the splitter makes them")
        yield f"{what}: {len(rounds[0])}{repeats} (cv.n_splits is not used)"
    equal = len(rounds) - len({frozenset(held_out.tobytes() for _, held_out in pairs) for pairs in rounds})
    if equal and strategy != "predefined":
        yield f"cv.repeats={len(rounds)}: {equal} of the repeats hold out the same rows as one before"
    n_rows = len(request.target)
    if strategy in ("time", "predefined") or "." in strategy:
        held_out_N = np.zeros(n_rows, dtype=bool)
        trained_N = np.zeros(n_rows, dtype=bool)
        for train, held_out in chain(*rounds):
            held_out_N[held_out] = True
            trained_N[train] = True
        if not held_out_N.all():
            yield f"{n_rows - held_out_N.sum()} of {n_rows} rows are never held out: no out-of-fold prediction for them"
        unused = int((~held_out_N & ~trained_N).sum())
        if unused:
            yield f"{unused} of {n_rows} rows are used in no fold"
    task = of_target(request.target)
    if strategy != "stratified_group" and task.has_classes and not task.several_labels:
        yield from _untrained(strategy, rounds, request, classes)
    if strategy == "stratified_group":
        yield from _scarce(request, classes)
    if task.several_labels or strategy in ("kfold", "group"):
        yield from _too_rare(request, classes, len(rounds[0]))


def _too_rare(request: SplitRequest, classes: tuple[str, ...], n_folds: int) -> Iterator[str]:
    """Name the classes or labels of which not every fold can hold out a row."""
    task, needed = of_target(request.target), max(2, n_folds)
    if not task.has_classes:
        return
    counts = zip(classes, task.class_counts(request.target, len(classes)).tolist(), strict=True)
    rare = [f"'{name}' ({n} row{'s' * (n != 1)})" for name, n in counts if n < needed]
    if rare:
        where = f"{needed} folds" if n_folds > 1 else "both sides"
        named = f"{task.noun} {first_few(rare)}"
        yield f"too rare for {where}: {named}; metrics that need one are undefined where none is held out"


def _scarce(request: SplitRequest, classes: tuple[str, ...]) -> Iterator[str]:
    for c, name in enumerate(classes):
        n_groups = len(np.unique(np.asarray(request.groups_N)[request.target == c]))
        if 0 < n_groups < request.n_splits:
            yield f"class '{name}' is in {n_groups} groups: not every one of {request.n_splits} folds can hold it out"


def _untrained(
    strategy: str, rounds: Sequence[Sequence[Pair]], request: SplitRequest, classes: tuple[str, ...]
) -> Iterator[str]:
    """Tell which classes a fold holds out and never trains on; refuse given folds that do so with most of their rows.

    Raises:
        DataError: naming the fold and its classes.
    """
    folds: dict[int, list[int]] = {}
    for number, (train, held_out) in enumerate(chain(*rounds)):
        trained_C, held_C = (np.bincount(request.target[rows], minlength=len(classes)) for rows in (train, held_out))
        unknown = np.flatnonzero((held_C > 0) & (trained_C == 0))
        folds |= {number: unknown.tolist()} if len(unknown) else {}
        if strategy == "predefined" and len(train) and 2 * held_C[unknown].sum() > len(held_out):
            raise DataError(
                f"fold {number}: {held_C[unknown].sum()} of {len(held_out)} rows held out are of classes that no row "
                f"trained on has ({_named(unknown.tolist(), classes)}): nothing can be learnt of them\n"
                "are they rows without a label (data.missing_labels), or one label in two writings?"
            )
    if folds:
        first = min(folds)
        more = f", and so in {len(folds) - 1} more folds" if len(folds) > 1 else ""
        yield f"fold {first} holds out classes that it never trains on ({_named(folds[first], classes)}){more}"


def _named(numbers: Sequence[int], classes: tuple[str, ...]) -> str:
    return first_few([f"'{classes[number]}'" for number in numbers], rest=", ...")
