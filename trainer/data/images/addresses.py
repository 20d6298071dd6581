"""Names of images that are addresses in a cloud: found among the files on this machine by the end of their path."""

import posixpath
from collections import defaultdict
from collections.abc import Callable, Sequence

from trainer.errors import DataError, shown
from trainer.system.paths import ADDRESS


def local_names(names: Sequence[str], root: str, files: Callable[[], Sequence[str]]) -> list[str]:
    """Return names of files below a folder; an address is that of the file with which it shares most of its end.

    Args:
        names: as a table has them.
        root: of the files, for messages.
        files: returns all files below it; asked only where there is an address.

    Raises:
        DataError: two files may be meant.
    """
    if not any(map(ADDRESS.match, names)):
        return list(names)
    by_name = defaultdict(list)
    for file in files():
        by_name[posixpath.basename(file)].append(file)
    return [_local(name, by_name, root) if ADDRESS.match(name) else name for name in names]


def _local(address: str, by_name: dict[str, list[str]], root: str) -> str:
    parts = address.split("/")[::-1]
    found = by_name.get(parts[0], [])
    shared = [posixpath.commonprefix([parts, file.split("/")[::-1]]) for file in found]
    longest = max(map(len, shared), default=0)
    best = [file for file, end in zip(found, shared, strict=True) if len(end) == longest]
    if len(best) > 1:
        raise DataError(
            f"'{shown(address, 80)}' may be {best[0]} or {best[1]} in {root}: put the files into the folders that the "
            "address has, or set data.images to the folder that is meant"
        )
    return best[0] if best else parts[0]
