"""Whether pseudo-labels leak, proven from what a run says of itself: manifest.json and folds.json, no model is read."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from trainer.audit.findings import Finding, count, worst_first
from trainer.folds.each_seed import of_one_seed, rows_of_any_seed
from trainer.folds.plan import FoldPlan
from trainer.store.own_files import ALL

KIND = "pseudo_labels"  # of the findings


def pseudo_findings(facts: Mapping[str, Any] | None, plan: FoldPlan) -> list[Finding]:
    """Say of each fold whether a model that labelled for it has seen rows that the fold holds out.

    A teacher may have been trained on pseudo-labels itself: for every model that labelled, those are looked at that
    labelled for it, and so on to the first teacher.

    Args:
        facts: ``pseudo`` of manifest.json; None = the run has no pseudo-labels.
        plan: of the run, which is its teachers' too.

    Returns:
        A leak for each fold that has one, or one note that there is none.
    """
    if facts is None:
        return []
    split, leaks = of_one_seed(plan), list[Finding]()
    names = [name for name in facts["folds"] if name != ALL]
    for name in names:
        held_out = rows_of_any_seed(split, int(name))[1]
        seen = {model: n for model, n in _seen(facts, name, held_out, split) if n}
        if seen:
            model, n_seen = max(seen.items(), key=lambda pair: pair[1])
            known = f"{n_seen} of its {len(held_out)} held-out rows"
            said = f"{model} has labelled rows for fold {name}, and was trained on {known}"
            leaks.append(Finding(KIND, "leak", f"{said}.", n_rows=n_seen, folds=(name,), fix="pseudo.mode=per_fold"))
    if facts["leaks"] and not leaks:
        said = "a teacher of the pseudo-labels picked its epochs on held-out rows (cv.select=fold)."
        leaks.append(Finding(KIND, "leak", said, folds=tuple(names)))
    if leaks:
        return worst_first(leaks)
    rounds = count(sum(1 for _ in _rounds(facts)), "round")
    folds = count(len(names), "fold")
    said = f"No model that labelled rows for any of {folds} was trained on rows that it holds out ({rounds})."
    return [Finding(KIND, "note", said, folds=tuple(names))]


def _rounds(facts: Mapping[str, Any] | None) -> Iterator[Mapping[str, Any]]:
    while facts is not None:
        yield facts
        facts = facts["before"]


def _seen(facts: Mapping[str, Any], name: str, held_out: Any, split: FoldPlan) -> Iterator[tuple[str, int]]:
    """Yield each model behind the labels of a fold, and how many of the held-out rows it was trained on."""
    for number in facts["folds"][name]["labelled by"]:
        train = rows_of_any_seed(split, int(number))[0]
        yield f"fold {number} of {facts['teacher']}", int(np.isin(held_out, train).sum())
        if facts["before"] is not None:
            yield from _seen(facts["before"], number, held_out, split)
