"""From the bytes of a text file to UTF-8, refusing what is not text and suggesting the encoding that fits."""

import codecs
from pathlib import Path

import numpy as np

from trainer.data.readers.encodings import can_read, likely_encodings
from trainer.errors import ConfigError, DataError
from trainer.wording.lists import first_few
from trainer.wording.translations import _

MAGIC = {
    b"\x1f\x8b": ("gzip data", "rename it to end in .gz"),
    b"PK\x03\x04": ("a zip archive (an .xlsx file is one too)", "rename it to end in .zip, or .xlsx"),
    b"PAR1": ("a Parquet file", "rename it to end in .parquet"),
    b"BZh": ("bzip2 data", "rename it to end in .bz2"),
    b"\xfd7zXZ\x00": ("xz data", "rename it to end in .xz"),
    b"\x28\xb5\x2f\xfd": ("zstandard data", "rename it to end in .zst"),
    b"\xd0\xcf\x11\xe0": ("an old Excel workbook", "export the sheet as CSV"),
    b"%PDF": ("a PDF document", "export the table as CSV"),
}
MARKS = {  # the longer marks first: UTF-32's begins with UTF-16's
    b"\xff\xfe\x00\x00": "utf-32",
    b"\x00\x00\xfe\xff": "utf-32",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}


WIDER = {  # encodings that hold others: a few more characters, the same bytes for the rest
    "gb2312": ("gb18030",),
    "gbk": ("gb18030",),
    "big5": ("cp950", "big5hkscs"),
    "cp950": ("big5hkscs",),
    "shift_jis": ("cp932",),
    "euc_kr": ("cp949",),
}


def decode_text(file: Path, encoding: str, header: bool = True) -> bytes:
    """Read a text file as UTF-8 bytes without a byte order mark.

    Args:
        file: to read.
        encoding: a Python codec name.
        header: whether the first row holds column names (rows in messages are counted after it).

    Raises:
        DataError: empty, compressed or binary data, a web page, or bytes that are not ``encoding``.
        ConfigError: there is no such encoding.
    """
    codec = _codec(encoding)
    try:
        raw = file.read_bytes()
    except OSError as problem:
        raise DataError(f"{file}: cannot be read ({problem.strerror})") from problem
    if not raw or raw.isspace():
        raise DataError(f"{file}: the file is empty ({len(raw)} bytes)")
    for magic, (content, advice) in MAGIC.items():
        if raw.startswith(magic):
            raise DataError(f"{file}: this is {content}, not a text table: {advice}")
    if not codec.startswith(("utf-16", "utf-32")):
        _refuse_wide_text(raw, file)
    elif b"\0" not in raw and can_read(raw, "utf-8"):  # every second byte of such text would be a letter of its own
        raise DataError(f"{file}: this is UTF-8 text, not {encoding}: set data.encoding=utf-8")
    payload = _to_utf8(raw, codec, file, encoding, header)
    _refuse_web_page(payload, file)
    nul = payload.find(b"\0")
    if nul >= 0:
        said = _("{file}: NUL byte in {where}: the file is damaged or not text")
        raise DataError(said.format(file=file, where=_place(payload, nul, header)))
    return payload


def looks_like_text(head: bytes) -> bool:
    """Whether a file that begins so may be UTF-8 text without a byte order mark, a blank line or another format."""
    try:
        _refuse_wide_text(head, Path())
        _refuse_web_page(head, Path())
    except DataError:
        return False
    begins_oddly = head.startswith((*MAGIC, codecs.BOM_UTF8, b"\r", b"\n"))
    return bool(head) and not head.isspace() and not begins_oddly


def line_at(payload: bytes, place: int) -> int:
    r"""Return the line (from 1) of the byte at ``place``; lines end in \n, \r\n or \r."""
    before = payload[:place]
    return before.count(b"\n") + before.count(b"\r") - before.count(b"\r\n") + 1


def _place(payload: bytes, place: int, header: bool) -> str:
    """Name the row and the line of a byte; a line break inside double quotes does not end a row."""
    lines = payload[:place].replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    quotes = np.cumsum([line.count(b'"') for line in lines])
    n_rows = sum(bool(line) and n % 2 == 0 for line, n in zip(lines[:-1], quotes[:-1], strict=True))
    row = n_rows if header else n_rows + 1
    said = _("row {row} (line {line}, byte {byte})") if row else _("the header (line {line}, byte {byte})")
    return said.format(row=row, line=len(lines), byte=place)


def _codec(encoding: str) -> str:
    try:
        name = codecs.lookup(encoding).name
        if codecs.decode(b"", encoding) == "":
            return name
    except (LookupError, ValueError):
        pass
    raise ConfigError(
        f"data.encoding={encoding}: no such text encoding; usual ones: utf-8, gb18030, big5, cp1252, utf-16"
    )


def _refuse_wide_text(raw: bytes, file: Path) -> None:
    for mark, name in MARKS.items():
        if raw.startswith(mark):
            raise DataError(f"{file}: {name.upper()} text (by its byte order mark): set data.encoding={name}")
    head = raw[:4000]
    for name, zeros in (("utf-16-le", head[1::2]), ("utf-16-be", head[0::2])):
        if len(head) >= 4 and zeros.count(0) > 0.7 * len(zeros) and head.count(0) < 0.6 * len(head):
            raise DataError(f"{file}: looks like UTF-16 text: set data.encoding={name}")


def _refuse_web_page(payload: bytes, file: Path) -> None:
    start = payload[:200].lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html")):
        raise DataError(f"{file}: this is a web page (HTML), not a table: the download went wrong")
    if start.startswith(b"version https://git-lfs"):
        raise DataError(f"{file}: this is a pointer of Git LFS, the file itself is not here: get it by git lfs pull")
    if start.startswith(b"<?xml"):
        raise DataError(f"{file}: this is XML, not a table: export it as CSV")


def _to_utf8(raw: bytes, codec: str, file: Path, encoding: str, header: bool) -> bytes:
    try:
        text = raw.decode(codec)
    except UnicodeDecodeError as problem:
        where = f"{_place(raw, problem.start, header)}: 0x{raw[problem.start]:02x}"
        raise _undecodable(raw, codec, file, encoding, where) from problem
    payload = raw if codec == "utf-8" else text.encode()
    return payload.removeprefix(codecs.BOM_UTF8)


def _undecodable(raw: bytes, codec: str, file: Path, encoding: str, where: str) -> DataError:
    said = {"file": file, "where": where, "encoding": encoding}
    better = _better_encodings(raw, codec)
    if better[1:]:
        message = _(
            "{file}: {where} is not {encoding}: set data.encoding={best} (or {others}, if the text is then wrong)"
        )
        return DataError(message.format(**said, best=better[0], others=_(" or ").join(better[1:])))
    if better:
        message = _("{file}: {where} is not {encoding}: set data.encoding={best}")
        return DataError(message.format(**said, best=better[0]))
    if codec == "utf-8":
        message = _(
            "{file}: {where} is not {encoding}: set data.encoding to the encoding the file was saved in\n"
            "(Chinese: gb18030 or big5; Western European: cp1252; Cyrillic: cp1251; Japanese: shift_jis)"
        )
        return DataError(message.format(**said))
    lines = _undecodable_lines(raw, codec)
    listed = first_few(lines, rest=", ...")
    message = _(
        "{file}: {where} cannot be decoded as {encoding}\n"
        "damaged lines: {n} ({listed}): repair or delete them, or save the file as UTF-8"
    )
    return DataError(message.format(**said, n=len(lines), listed=listed))


def _better_encodings(raw: bytes, codec: str) -> tuple[str, ...]:
    """Return the encodings the file may be in, the likeliest first; none where it is damaged text of this one."""
    if can_read(raw, "utf-8"):
        return ("utf-8",)
    for wider in WIDER.get(codec, ()):
        if can_read(raw, wider):
            return (wider,)
    likely = likely_encodings(raw)
    names = [codecs.lookup(name).name for name in likely]
    return () if codec in names[:1] else tuple(name for name in likely if codecs.lookup(name).name != codec)


def _undecodable_lines(raw: bytes, codec: str) -> list[int]:
    bad = []
    for number, line in enumerate(raw.splitlines(), start=1):
        try:
            line.decode(codec)
        except UnicodeDecodeError:
            bad.append(number)
    return bad
