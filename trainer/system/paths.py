"""Which options are paths: what is typed there may begin with ``~``, as in a shell."""

import errno
import os
import re
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

USER_OF_ADDRESS = re.compile(r"(?<=://)[^/@\s]+(?=@)")  # or a password
ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")  # of the web or of a cloud; Path makes one / of //


class IsPath:
    """Marks the type of an option that names a file or a directory: ``Annotated[str, PATH]``."""


PATH = IsPath()
PathText = Annotated[str, PATH]


def import_path() -> str:
    """Return what PYTHONPATH has to be for another process to import the Foldwise of this one, also of a checkout."""
    return os.pathsep.join([str(Path(__file__).resolve().parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])])


def is_path(hint: Any) -> bool:
    """Return whether values of a type are paths: ``Path``, text marked as such, or either among others."""
    if get_origin(hint) is Annotated:
        return PATH in get_args(hint) or is_path(get_args(hint)[0])
    return hint is Path or any(is_path(part) for part in get_args(hint))


def path_problem(path: str) -> str | None:
    """Return why no file can have this path, or None."""
    if ADDRESS.match(path):
        return "is an address: give a path on this machine (download it first)"
    try:
        os.stat(path)  # noqa: PTH116 Path is not asked: it would drop the // of an address
    except ValueError:
        return "holds a NUL character"
    except OSError as error:
        return "is too long for a path" if error.errno == errno.ENAMETOOLONG else None
    return None


def at_home(value: Any) -> Any:
    """Return a path, or a list of them, with ``~`` and ``~user`` at its beginning written out."""
    if isinstance(value, list | tuple):
        return type(value)(map(at_home, value))
    if isinstance(value, str | Path):
        return type(value)(os.path.expanduser(value))  # noqa: PTH111 Path would turn "" to "." and raise on "~nobody"
    return value
