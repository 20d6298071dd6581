"""Metrics for which the order of the classes counts: what is said of the order that they take."""

from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise

from trainer.data.columns.spellings import NUMBER
from trainer.errors import shown
from trainer.metrics.find import metric_named

MOST_SHOWN = 12


def order_notes(names: Sequence[str], classes: Sequence[str]) -> tuple[str, ...]:
    """Say in which order, and at which distances, classes are taken, unless they are numbers one after the other.

    Args:
        names: of the metrics.
        classes: label text per class index.

    Example:
        >>> order_notes(["kappa_quadratic"], ["high", "low", "medium"])
        ('kappa (quadratic) takes the classes in this order: high < low < medium (data.class_order sets it)',)
        >>> order_notes(["kappa_quadratic"], ["0", "1", "2"])
        ()
    """
    ordered = [metric_named(name).label for name in names if metric_named(name).ordered]
    if not ordered or len(classes) < 3:
        return ()
    said = " < ".join(shown(label, 40) for label in classes[:MOST_SHOWN]) + (
        " ..." if len(classes) > MOST_SHOWN else ""
    )
    many = "take" if len(ordered) > 1 else "takes"
    taken = f"{' and '.join(ordered)} {many} the classes in this order: {said}"
    if not all(NUMBER.fullmatch(label) for label in classes):
        return (f"{taken} (data.class_order sets it)",)
    values = [Decimal(label) for label in classes]
    steps = {after - before for before, after in pairwise(values)}
    even = len(steps) == 1 and min(steps) > 0
    return () if even else (f"{taken}, each one step from the next, whatever their values",)
