"""``data.class_order``: the classes from the lowest to the highest, where neither numbers nor the alphabet say it."""

from collections import Counter
from collections.abc import Sequence

from trainer.data.columns.options import ClassName
from trainer.data.columns.spellings import places_of
from trainer.errors import ConfigError, did_you_mean, shown


def in_order(
    classes: Sequence[str], wanted: Sequence[object], positive: ClassName = None
) -> tuple[tuple[str, ...], str]:
    """Return the classes in the order asked for, and of two why the last is the positive one.

    Args:
        classes: the labels, as they are written.
        wanted: all of them, the lowest first, however they are spelt.
        positive: as set beside it; it is the last of the order.

    Raises:
        ConfigError: a class is missing, is named twice, or is none of the labels; or ``positive`` is set too.

    Example:
        >>> in_order(["high", "low", "medium"], ["low", "medium", "high"])
        (('low', 'medium', 'high'), '')
    """
    if positive is not None:
        raise ConfigError("data.class_order and data.positive both say which class is last: give one of the two")
    named = [_named(str(name), classes) for name in wanted]
    twice = [name for name, times in Counter(named).items() if times > 1]
    if twice:
        raise ConfigError(f"data.class_order names {_listed(twice)} more than once: name each class once")
    missing = [label for label in classes if label not in named]
    if missing:
        raise ConfigError(f"data.class_order lacks {_listed(missing)}: name every class, the lowest first")
    return tuple(named), "data.class_order" if len(named) == 2 else ""


def refuse_order(wanted: Sequence[object], but: str) -> None:
    """Refuse an order of classes where there are none to be ordered.

    Args:
        wanted: as set; empty = not at all.
        but: why there is no order.

    Raises:
        ConfigError: it is set.
    """
    if wanted:
        raise ConfigError(f"data.class_order: only classes of which a row has one are in an order, {but}: leave it out")


def _named(wanted: str, classes: Sequence[str]) -> str:
    alike = places_of(wanted, classes)
    if len(alike) == 1:
        return classes[alike[0]]
    said = ": it may be either" if alike else did_you_mean(wanted, classes)
    raise ConfigError(
        f"data.class_order: '{shown(wanted)}' is no class of the labels{said}\nthe classes: {_listed(classes)}"
    )


def _listed(classes: Sequence[str]) -> str:
    return ", ".join(f"'{shown(label, 40)}'" for label in classes[:10]) + (", ..." if len(classes) > 10 else "")
