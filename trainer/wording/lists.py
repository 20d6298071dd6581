"""The first of many names, and that there are more of them."""

from collections.abc import Sequence


def first_few(names: Sequence[object], most: int = 5, *, between: str = ", ", rest: str = " and {n} more") -> str:
    """Return the first names, and ``rest`` where there are more of them.

    Args:
        names: all of them; texts or numbers.
        most: how many are named.
        between: stands between two.
        rest: after the last one named; ``{n}`` is how many are not.

    Example:
        >>> first_few(range(1, 10), 3), first_few(["a", "b"]), first_few("abcd", 3, rest=", ...")
        ('1, 2, 3 and 6 more', 'a, b', 'a, b, c, ...')
    """
    named = between.join(map(str, names[:most]))
    return named + rest.format(n=len(names) - most) if len(names) > most else named


def first_with_dots(names: Sequence[object], most: int = 3, between: str = ", ") -> str:
    """Return ``first_few`` as lists in tables and refusals have it: ``a, b, c, ... 6 more``."""
    return first_few(names, most, between=between, rest=f"{between}... {{n}} more")
