"""What stands in the place of a figure that does not exist."""

from dataclasses import dataclass


@dataclass(frozen=True)
class NotDefined:
    """A figure that is not there.

    Attributes:
        why: in words, such as ``one fold: nothing to tell spread from``.
    """

    why: str
