"""How far annotators of the same rows agree."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

Labels = tuple[str, ...]
Votes = Mapping[str, Labels]  # what each annotator said of one row


def agreement_note(rows: Sequence[Votes], what: str) -> str:
    """Tell how many rows have the same labels from all annotators, and kappa: agreement beyond chance.

    Args:
        rows: with at least two votes each.
        what: they are, such as ``texts``.

    Example:
        >>> same, other = {"ann": ("x",), "bob": ("x",)}, {"ann": ("x",), "bob": ("y",)}
        >>> agreement_note([same, same, same, other], "texts")
        "4 texts have several annotators, who agree on 3 (75.0 %): Cohen's kappa 0.000"
    """
    equal = sum(len(set(votes.values())) == 1 for votes in rows)
    said = f"{len(rows)} {what} have several annotators, who agree on {equal} ({100 * equal / len(rows):.1f} %)"
    annotators = sorted({name for votes in rows for name in votes})
    if len({labels for votes in rows for labels in votes.values()}) < 2:
        return f"{said}: kappa is undefined where all say the same"
    if len(annotators) == 2:
        return f"{said}: Cohen's kappa {cohen_kappa(rows, annotators):.3f}"
    return f"{said}: Fleiss' kappa {fleiss_kappa(rows):.3f} of {len(annotators)} annotators"


def cohen_kappa(rows: Sequence[Votes], annotators: Sequence[str]) -> float:
    """Return Cohen's kappa of two annotators of the same rows."""
    from sklearn.metrics import cohen_kappa_score

    code = {labels: number for number, labels in enumerate(sorted({labels for row in rows for labels in row.values()}))}
    first, second = ([code[votes[name]] for votes in rows] for name in annotators)
    return float(cohen_kappa_score(first, second))


def fleiss_kappa(rows: Sequence[Votes]) -> float:
    """Return Fleiss' kappa (Fleiss 1971); each row counts the same, however many annotators it has.

    Example:
        >>> rows = [{"a": ("x",), "b": ("x",), "c": ("x",)}, {"a": ("y",), "b": ("y",), "c": ("x",)}]
        >>> round(fleiss_kappa(rows), 3)
        0.25
    """
    counts = [Counter(votes.values()) for votes in rows]
    categories = sorted({labels for count in counts for labels in count})
    votes_NC = np.array([[count[labels] for labels in categories] for count in counts], dtype=np.float64)
    n_votes_N = votes_NC.sum(axis=1)
    equal_pairs_N = ((votes_NC**2).sum(axis=1) - n_votes_N) / (n_votes_N * (n_votes_N - 1))
    by_chance = float(((votes_NC.sum(axis=0) / votes_NC.sum()) ** 2).sum())
    return float((equal_pairs_N.mean() - by_chance) / (1 - by_chance))
