"""A place that fsspec reaches: files are read, sent in parts and read back, and every failure is one kind of error."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import BinaryIO

from trainer.errors import ConfigError, FoldwiseError, StorageError, did_you_mean, first_line_of
from trainer.system.paths import USER_OF_ADDRESS
from trainer.system.scrubbed import scrubbed

PART_BYTES = 8 << 20  # in memory at a time
COMMON = ("s3", "gs", "az", "file", "memory", "sftp")


def address_problem(url: str) -> str | None:
    """Return why an address cannot be used, in one or two lines, or None; nothing is connected to."""
    import fsspec
    from fsspec.registry import known_implementations

    if USER_OF_ADDRESS.search(url):
        return (
            f"{USER_OF_ADDRESS.sub('***', url)}: holds a user or password\n"
            "credentials come from the environment or the store's own files (AWS_ACCESS_KEY_ID, ~/.aws/credentials)"
        )
    protocol, separator, rest = url.partition("://")
    if separator and protocol not in fsspec.available_protocols():
        return f"{url}: give an address such as s3://bucket/runs{did_you_mean(protocol, COMMON)}"
    if not separator or not rest.strip("/"):
        folder = f" (of a folder: file://{url})" if url.startswith("/") else ""
        return f"{url}: give an address such as s3://bucket/runs{folder}"
    needs = known_implementations.get(protocol, {}).get("class", "fsspec").partition(".")[0]
    if find_spec(needs) is None:
        extra = "'foldwise[s3]'" if protocol == "s3" else needs
        return f"{url}: needs {needs}, which is not installed: pip install {extra}"
    return None


class Store:
    """Files below an address.

    Args:
        url: s3://bucket/prefix, file:///folder, memory://name, ...
        progress: called when a part of a file was sent or read back.

    Raises:
        ConfigError: it is no address, holds a password, or needs a package that is not installed.
    """

    def __init__(self, url: str, progress: Callable[[], None] = lambda: None) -> None:
        import fsspec

        problem = address_problem(url)
        if problem is not None:
            raise ConfigError(problem)
        self.url, self.progress = url.rstrip("/"), progress
        options = {"auto_mkdir": True} if url.startswith(("file:", "local:")) else {}
        try:
            with self._answering():
                self.files, self.root = fsspec.core.url_to_fs(self.url, **options)
        except ImportError as error:
            raise ConfigError(f"{url}: needs a package that is not installed: {first_line_of(error)}") from error

    def read(self, name: str) -> bytes | None:
        """Return a file; None where there is none.

        Raises:
            StorageError: the store does not answer, or refuses.
        """
        with self._answering():
            try:
                data: bytes = self.files.cat_file(f"{self.root}/{name}")
            except FileNotFoundError:
                return None
            return data

    def write(self, name: str, data: bytes) -> None:
        """Write a small file and read it back.

        Raises:
            StorageError: it does not hold what was written.
        """
        with self._answering():
            self.files.pipe_file(f"{self.root}/{name}", data)
        if self.read(name) != data:
            raise StorageError(f"{self.url}/{name}: what is read back is not what was written")

    def send(self, name: str, file: BinaryIO, sha256: str) -> None:
        """Write a file of any size from its beginning, and read it back.

        Raises:
            StorageError: it does not hold what was sent.
        """
        place, found = f"{self.root}/{name}", hashlib.sha256()
        file.seek(0)
        with self._answering():
            with self.files.open(place, "wb") as there:
                for part in self._parts(file):
                    there.write(part)
            with self.files.open(place, "rb") as there:
                for part in self._parts(there):
                    found.update(part)
        if found.hexdigest() != sha256:
            raise StorageError(f"{self.url}/{name}: what is read back is not what was sent")

    def sizes(self, folder: str) -> dict[str, int]:
        """Return the files that stand directly in a folder, with their sizes in bytes."""
        return {name: size for name, kind, size in self._list(folder) if kind == "file"}

    def folders(self) -> list[str]:
        """Return the names of the folders that stand directly below the address."""
        return [name for name, kind, _ in self._list("") if kind == "directory"]

    def delete(self, name: str) -> None:
        """Delete a file that no index names any more."""
        with self._answering():
            self.files.rm_file(f"{self.root}/{name}")

    def _parts(self, file: BinaryIO) -> Iterator[bytes]:
        while part := file.read(PART_BYTES):
            yield part
            self.progress()

    def _list(self, folder: str) -> list[tuple[str, str, int]]:
        with self._answering():
            self.files.invalidate_cache()
            try:
                found = self.files.ls(f"{self.root}/{folder}".rstrip("/"), detail=True)
            except FileNotFoundError:
                return []
            return [(e["name"].rstrip("/").rpartition("/")[2], e["type"], int(e["size"] or 0)) for e in found]

    @contextmanager
    def _answering(self) -> Iterator[None]:
        try:
            yield
        except (FoldwiseError, ImportError):
            raise
        except Exception as error:  # each store has kinds of its own
            kind = "no permission" if isinstance(error, PermissionError) else type(error).__name__
            raise StorageError(
                f"{self.url}: {kind}: {scrubbed(first_line_of(error))}\n"
                "nothing of the run here is lost: try again later"
            ) from error


def sha256_of(file: BinaryIO) -> str:
    """Return the sha256 of a file from its beginning."""
    file.seek(0)
    found = hashlib.sha256()
    while part := file.read(PART_BYTES):
        found.update(part)
    return found.hexdigest()
