"""Part of a large text file as a file of its own: its beginning, and lines of its middle and end."""

import lzma
import re
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from trainer.data.readers.contract import HEAD_BYTES
from trainer.data.readers.unpacked import is_archive, is_packed, packed_stream
from trainer.look.column_files import few_rows

WHOLE_BYTES = 1 << 22  # a smaller file is read whole
FIRST_BYTES = 1 << 20
FURTHER_BYTES = 1 << 17  # of each further piece
MOST_BYTES = 1 << 28
PLACES = (1 / 3, 2 / 3, 1.0)  # of the further pieces
MOST_ENDS = 1000  # ends of lines at which a quote may be open
ROW = re.compile(r"row (\d+)(?: \(line \d+\))?")
LEAST_ROWS_LINE = 80  # bytes; of a row where no line is known


@dataclass(frozen=True)
class Sample:
    """What is read in place of a file.

    Attributes:
        path: to read.
        said: which part of the file it is, or empty where it is all of it.
        share: of the lines of the file, about.
        n_rows: of the file, where its format says so.
        n_first: lines of its beginning, whose numbers are those of the file; None = all are.
    """

    path: Path
    said: str = ""
    share: float = 1.0
    n_rows: int | None = None
    n_first: int | None = None

    def as_message(self, text: str) -> str:
        """Return what a reader of the sample says, without the numbers of rows that are others in the file."""
        if self.n_first is None:
            return text
        most = self.n_first

        def place(found: re.Match[str]) -> str:
            return found[0] if int(found[1]) <= most else "a row of its middle or end"

        return ROW.sub(place, text)


@contextmanager
def sampled(path: Path, n_rows: int | None = None) -> Iterator[Sample]:
    """Yield a large text file's sample under the file's own name, any other file itself.

    Args:
        path: of the file.
        n_rows: about so many rows of its beginning; None = those of the first MB.
    """
    with tempfile.TemporaryDirectory() as directory:
        copy = Path(directory, path.name)
        n_all = few_rows(path, copy, n_rows) if path.is_file() else None
        if n_all is not None:
            yield Sample(copy, "rows of its beginning, middle and end were looked at", n_rows=n_all)
            return
    if path.is_file() and is_packed(path) and not is_archive(path):
        pieces, share = _unpacked_pieces(path, n_rows)
    else:
        pieces, share = _pieces(path, n_rows) if path.is_file() else [], 0.0
    if not pieces:
        yield Sample(path)
        return
    with tempfile.TemporaryDirectory() as directory:
        copy = Path(directory, path.stem if share else path.name)
        copy.write_bytes(b"".join(pieces))
        share = share or _share_of_lines(pieces, path.stat().st_size)
        further = f" and {len(pieces) - 1} pieces of its middle and end" if len(pieces) > 1 else ""
        said = f"the first {_megabytes(len(pieces[0]))}{further} were looked at"
        yield Sample(copy, said, share, n_first=pieces[0].count(b"\n"))


def _share_of_lines(pieces: list[bytes], size: int) -> float:
    """Return which share of a file's lines the pieces hold: those after the first one stand for the rest of it."""
    first, further = pieces[0], b"".join(pieces[1:]) or pieces[0]
    n_lines = [piece.count(b"\n") or 1 for piece in (first, further)]
    n_all = n_lines[0] + (size - len(first)) * n_lines[1] / len(further)
    return (n_lines[0] + (n_lines[1] if pieces[1:] else 0)) / n_all


def _megabytes(n_bytes: int) -> str:
    return f"{n_bytes / (1 << 20):.1f} MB"


def _unpacked_pieces(path: Path, n_rows: int | None) -> tuple[list[bytes], float]:
    """Return the first lines of a large compressed file, and which share of it they are."""
    size = path.stat().st_size
    with ExitStack() as stack, suppress(OSError, EOFError, ValueError, lzma.LZMAError, zlib.error):
        raw = stack.enter_context(path.open("rb"))
        if size <= WHOLE_BYTES // 4:
            return [], 0.0
        stream = packed_stream(raw, path.suffix, stack)
        first = stream.read(FIRST_BYTES if n_rows is None else min(n_rows * LEAST_ROWS_LINE, MOST_BYTES))
        end = _end(first)
        return ([first[:end]], raw.tell() / size) if end and b"\0" not in first else ([], 0.0)
    return [], 0.0


def _pieces(path: Path, n_rows: int | None) -> list[bytes]:
    """Return whole lines of a large text file; none of a small one, or of one that is no text."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
        is_wide = head.startswith((b"\xff\xfe", b"\xfe\xff"))
        if size <= WHOLE_BYTES or (b"\0" in head and not is_wide):
            return []
        wanted = FIRST_BYTES if n_rows is None else min(n_rows * _line_bytes(head), MOST_BYTES)
        if wanted >= size:
            return []
        file.seek(0)
        first = file.read(wanted)
        end = _end(first)
        if is_wide or b"\n" not in first:  # a line end is two bytes, or there is none
            first = first[: len(first) // 2 * 2]
            end = first.rfind(b"\n\0" if head.startswith(b"\xff\xfe") else b"\0\n") + 2 if is_wide else 0
            return [first[: end // 2 * 2]] if end > 2 else []
        first = first[:end]
        if _spans_lines(first):
            return [first]
        return [first, *filter(None, (_lines_at(file, int(place * size), size) for place in PLACES))]


def _line_bytes(head: bytes) -> int:
    lines = head.split(b"\n")[1:-1]
    return sum(map(len, lines)) // len(lines) + 1 if lines else LEAST_ROWS_LINE


def _end(first: bytes) -> int:
    """Return where the last line ends at which no quote is open."""
    end = last = first.rfind(b"\n") + 1
    for _ in range(MOST_ENDS):
        if first.count(b'"', 0, end) % 2 == 0 or not end:
            break
        end = first.rfind(b"\n", 0, end - 1) + 1
    return end or last


def _spans_lines(first: bytes) -> bool:
    """Whether a quoted cell may span lines, so that no one knows from the middle of the file where rows begin."""
    return b'"' in first and any(line.count(b'"') % 2 for line in first.split(b"\n"))


def _lines_at(file: BinaryIO, place: int, size: int) -> bytes:
    """Return the whole lines of a piece that ends at ``place``."""
    begin = max(place - FURTHER_BYTES, FIRST_BYTES)
    file.seek(begin)
    piece = file.read(max(place - begin, 0))
    start = piece.find(b"\n") + 1
    end = len(piece) if place >= size else piece.rfind(b"\n") + 1
    return piece[start:end] if 0 < start < end else b""
