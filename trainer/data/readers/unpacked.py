"""Tables in compressed files and archives: unpacked into a temporary folder, where nothing in them can do harm.

A compressed file is one file (``x.csv.gz``), an archive holds several, of which one is the table. Zip files are checked
by ``trainer.data.readers.archives``; tar files and compressed ones are streams, and end where they have given more than
their packed size lets one expect.
"""

import errno
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from os import PathLike
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Any, cast

from trainer.data.readers.archive_tables import choose_table
from trainer.data.readers.archives import IS_LINK, IS_TWICE, LARGEST_RATIO, LEADS_OUT, SMALL, UNSAFE_NAME, Archive
from trainer.data.readers.content import packed_content
from trainer.errors import DataError, FoldwiseError, StorageError, shown
from trainer.system import arrow_files

if TYPE_CHECKING:
    import tarfile

COMPRESSED = {".gz": "gzip", ".bz2": "bzip2", ".xz": "xz", ".zst": "zstandard"}
TARS = {".tar": "", ".tgz": ".gz", ".tbz2": ".bz2", ".txz": ".xz", ".tzst": ".zst"}  # and how each is compressed
LARGEST_TABLE = 2**40  # bytes, unpacked, of a member of a zip file; its ratio and the disk end it earlier
CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Unpacked:
    """A table that was unpacked.

    Attributes:
        file: where it lies, for as long as it is read.
        folder: that it is in, in an archive; "" at its top.
        table: what is left to look for in it; the option ``table`` may have named the file itself.
        notes: on what else is in the archive.
    """

    file: Path
    folder: str
    table: str | None
    notes: tuple[str, ...] = ()


def is_packed(path: Path) -> bool:
    """Return whether a file is compressed or an archive, by its ending."""
    return path.suffix.lower() in COMPRESSED or is_archive(path)


def is_archive(path: Path) -> bool:
    """Return whether a file may hold several files, by its ending."""
    return path.suffix.lower() in {*TARS, ".zip"} or Path(path.stem).suffix.lower() == ".tar"


def table_name(path: str | PathLike[str]) -> str:
    """Return what a table is called: the name of its file without endings.

    Example:
        >>> table_name("data/x.csv.gz"), table_name("x.tar.xz"), table_name("x.csv")
        ('x', 'x', 'x')
    """
    file = Path(path)
    return Path(file.stem).stem if is_packed(file) else file.stem


@contextmanager
def unpacked(path: Path, table: str | None, *, any_ending: bool, zip_encoding: str | None) -> Iterator[Unpacked]:
    """Unpack a table into a temporary folder; errors that come up meanwhile name its place in the archive.

    Args:
        path: of the compressed file or archive.
        table: the file in the archive, or what a reader is to look for in the table.
        any_ending: whether the table need not end like one, as where its format is named.
        zip_encoding: of the names in a zip file that do not say theirs; None = guess.

    Raises:
        DataError: it is damaged, not safe to read, or holds no table, or several of which none is named.
        StorageError: it does not fit on the disk.
    """
    with tempfile.TemporaryDirectory(prefix="foldwise-") as folder:
        try:
            yield _unpack(path, Path(folder), table, any_ending, zip_encoding)
        except FoldwiseError as problem:
            raise type(problem)(_as_in(path, folder, str(problem))) from problem
        except OSError as problem:
            raise _disk_problem(path, problem) from problem


def _as_in(path: Path, folder: str, message: str) -> str:
    """Return a message that names what was unpacked in place of the temporary folder."""
    inner = folder if is_archive(path) else str(Path(folder, path.stem))
    return message.replace(inner, str(path))


def _disk_problem(path: Path, problem: OSError) -> FoldwiseError:
    if problem.errno != errno.ENOSPC:
        return DataError(f"{path}: cannot be unpacked ({shown(str(problem))})")
    return StorageError(
        f"{path}: no space to unpack it in {tempfile.gettempdir()}: set TMPDIR to a larger place, or unpack it yourself"
    )


def _unpack(path: Path, into: Path, table: str | None, any_ending: bool, zip_encoding: str | None) -> Unpacked:
    most_bytes = max(SMALL, LARGEST_RATIO * path.stat().st_size)
    if not is_archive(path):
        return Unpacked(_decompress(path, into / path.stem, most_bytes), "", table)
    names = _zip_names(path, zip_encoding) if _is_zip(path) else _tar_names(path, most_bytes)
    chosen = choose_table(names, table, path, any_ending=any_ending)
    wanted = (chosen.name, *chosen.beside)
    if _is_zip(path):
        _unzip(path, wanted, into, zip_encoding)
    else:
        _untar(path, wanted, into, most_bytes)
    file = into / chosen.name
    if file.suffix.lower() in COMPRESSED:  # x.csv.gz in an archive: no more in all than one of the two may give
        file = _decompress(file, file.with_name(file.stem), most_bytes)
    return Unpacked(file, chosen.name.rpartition("/")[0], chosen.table, chosen.notes)


def _is_zip(path: Path) -> bool:
    return path.suffix.lower() == ".zip"


def _zip(path: Path, zip_encoding: str | None) -> Archive:
    return Archive(str(path), zip_encoding, largest_bytes=LARGEST_TABLE)


def _zip_names(path: Path, zip_encoding: str | None) -> list[str]:
    with _zip(path, zip_encoding) as archive:
        return list(archive.members)


def _unzip(path: Path, names: Sequence[str], into: Path, zip_encoding: str | None) -> None:
    with _zip(path, zip_encoding) as archive:
        for name in names:
            with archive.open(name) as stream:  # gives no more than was declared, which was looked at
                _copy(_Limited(stream, LARGEST_TABLE, path), into / name)


def _decompress(path: Path, target: Path, most_bytes: int) -> Path:
    with ExitStack() as stack:
        _copy(_Limited(packed_stream(path, path.suffix, stack), most_bytes, path), target)
    return target


def packed_stream(path: Path | IO[bytes], ending: str, stack: ExitStack) -> Any:
    """Open what a file, or a file that is open, holds; ``stack`` closes it."""
    import bz2
    import gzip
    import lzma

    import pyarrow as pa

    ending = TARS.get(ending.lower(), ending.lower())
    if ending == ".zst":
        file: Any = arrow_files.opened(path) if isinstance(path, Path) else path
        return stack.enter_context(pa.CompressedInputStream(file, "zstd"))
    openers: dict[str, Any] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open, "": open}
    return stack.enter_context(openers[ending](path, "rb"))


class _Limited:
    """A stream that is refused where it is damaged, or gives more than a number of bytes."""

    def __init__(self, stream: Any, most_bytes: int, path: Path) -> None:
        self.stream, self.left, self.path = stream, most_bytes, path

    def read(self, size: int = CHUNK_BYTES) -> bytes:
        """Return at most so many bytes."""
        import lzma

        damage = (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, NotImplementedError)
        try:
            found: bytes = self.stream.read(size)
        except damage as problem:
            raise _damaged(self.path, problem) from problem
        self.left -= len(found)
        if self.left < 0:
            raise DataError(
                f"{self.path}: unpacks to more than {LARGEST_RATIO} times its size: this looks like a zip bomb and is "
                "not read\nif the file is what you want, unpack it yourself"
            )
        return found


def _damaged(path: Path, problem: Exception) -> DataError:
    packing = COMPRESSED.get(TARS.get(path.suffix.lower(), path.suffix.lower()))
    archive = "a zip file" if _is_zip(path) else "a tar archive"
    if content := packed_content(path, f"{packing} data" if packing else archive):
        return DataError(f"{path}: this is {content}")
    kind = "archive" if is_archive(path) else f"{packing} data"
    return DataError(f"{path}: no {kind} that can be unpacked ({shown(str(problem))}): copy or pack it again")


def _copy(stream: _Limited, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("xb") as file:
        while chunk := stream.read():
            file.write(chunk)


@contextmanager
def _tar(path: Path, most_bytes: int) -> "Iterator[tarfile.TarFile]":
    """Open a tar file as a stream, and read it to its end: only there are its check sums."""
    import tarfile

    with ExitStack() as stack:
        stream = _Limited(packed_stream(path, path.suffix, stack), most_bytes, path)
        try:
            with tarfile.open(fileobj=cast(IO[bytes], stream), mode="r|") as archive:
                yield archive
        except tarfile.TarError as problem:
            raise _damaged(path, problem) from problem
        while stream.read():
            pass


def _tar_names(path: Path, most_bytes: int) -> list[str]:
    """Return the names of the files in a tar file, once nothing in it can do harm."""
    names: dict[str, None] = {}
    with _tar(path, most_bytes) as archive:
        for member in archive:
            name = _plain(member.name)
            if problem := _tar_problem(member, name in names):
                raise DataError(f"{path}: '{shown(name)}' in it {problem}")
            if not member.isdir():
                names[name] = None
    return list(names)


def _tar_problem(member: "tarfile.TarInfo", known: bool) -> str:
    if UNSAFE_NAME.search(member.name):
        return LEADS_OUT
    if member.isdir():
        return ""
    if not member.isfile():
        return IS_LINK
    return IS_TWICE if known else ""


def _plain(name: str) -> str:
    """Return a name without the ./ that tar writes before it."""
    return PurePosixPath(name).as_posix()


def _untar(path: Path, names: Sequence[str], into: Path, most_bytes: int) -> None:
    with _tar(path, most_bytes) as archive:
        for member in archive:
            if (name := _plain(member.name)) in names:
                _copy(_Limited(archive.extractfile(member), member.size, path), into / name)
