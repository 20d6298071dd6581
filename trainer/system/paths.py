"""Which options are paths: what is typed there may begin with ``~``, as in a shell."""

import os
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin


class IsPath:
    """Marks the type of an option that names a file or a directory: ``Annotated[str, PATH]``."""


PATH = IsPath()
PathText = Annotated[str, PATH]


def is_path(hint: Any) -> bool:
    """Return whether values of a type are paths: ``Path``, text marked as such, or either among others."""
    if get_origin(hint) is Annotated:
        return PATH in get_args(hint) or is_path(get_args(hint)[0])
    return hint is Path or any(is_path(part) for part in get_args(hint))


def at_home(value: Any) -> Any:
    """Return a path, or a list of them, with ``~`` and ``~user`` at its beginning written out."""
    if isinstance(value, list | tuple):
        return type(value)(map(at_home, value))
    if isinstance(value, str | Path):
        return type(value)(os.path.expanduser(value))  # noqa: PTH111 Path would turn "" to "." and raise on "~nobody"
    return value
