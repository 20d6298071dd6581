"""From the bytes of a text file to UTF-8, refusing what is not text and suggesting the encoding that fits."""

import codecs
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from trainer.config.errors import ConfigError, DataError

MAGIC = {
    b"\x1f\x8b": ("gzip data", "unpack it first (gunzip)"),
    b"PK\x03\x04": ("a zip archive (an .xlsx file is one too)", "unpack it, or export the sheet as CSV"),
    b"PAR1": ("a Parquet file", "rename it to end in .parquet"),
    b"BZh": ("bzip2 data", "unpack it first (bunzip2)"),
    b"\xfd7zXZ\x00": ("xz data", "unpack it first (unxz)"),
    b"\x28\xb5\x2f\xfd": ("zstandard data", "unpack it first (unzstd)"),
    b"\xd0\xcf\x11\xe0": ("an old Excel workbook", "export the sheet as CSV"),
    b"%PDF": ("a PDF document", "export the table as CSV"),
}
MARKS = {  # the longer marks first: UTF-32's begins with UTF-16's
    b"\xff\xfe\x00\x00": "utf-32",
    b"\x00\x00\xfe\xff": "utf-32",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
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
    if not raw.strip():
        raise DataError(f"{file}: the file is empty ({len(raw)} bytes)")
    for magic, (content, advice) in MAGIC.items():
        if raw.startswith(magic):
            raise DataError(f"{file}: this is {content}, not a text table: {advice}")
    if not codec.startswith(("utf-16", "utf-32")):
        _refuse_wide_text(raw, file)
    payload = _to_utf8(raw, codec, file, encoding, header)
    _refuse_web_page(payload, file)
    nul = payload.find(b"\0")
    if nul >= 0:
        raise DataError(f"{file}: NUL byte in {_place(payload, nul, header)}: the file is damaged or not text")
    return payload


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
    return f"{f'row {row}' if row else 'the header'} (line {len(lines)}, byte {place})"


def shown(text: str, limit: int = 80) -> str:
    """Shorten foreign text for one line of a message."""
    flat = " ".join(text.split())
    flat = "".join(char if char.isprintable() else "?" for char in flat)
    return flat if len(flat) <= limit else flat[: limit - 3] + "..."


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
    better = "utf-8" if _is_utf8(raw) else likely_encoding(raw)
    if better and codecs.lookup(better).name != codec:
        return DataError(f"{file}: {where} is not {encoding}: set data.encoding={better}")
    if better is None and codec == "utf-8":
        return DataError(
            f"{file}: {where} is not {encoding}: set data.encoding to the encoding the file was saved in\n"
            "(Chinese: gb18030 or big5; Western European: cp1252; Cyrillic: cp1251; Japanese: shift_jis)"
        )
    lines = _undecodable_lines(raw, codec)
    listed = ", ".join(map(str, lines[:5])) + (", ..." if len(lines) > 5 else "")
    return DataError(
        f"{file}: {where} cannot be decoded as {encoding}\n"
        f"damaged lines: {len(lines)} ({listed}): repair or delete them, or save the file as UTF-8"
    )


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def _undecodable_lines(raw: bytes, codec: str) -> list[int]:
    bad = []
    for number, line in enumerate(raw.splitlines(), start=1):
        try:
            line.decode(codec)
        except UnicodeDecodeError:
            bad.append(number)
    return bad


def likely_encoding(raw: bytes) -> str | None:
    """Guess the encoding of text that is not UTF-8 from which characters it would hold, or None.

    A candidate fits where at least 70 % of the characters beyond ASCII are everyday ones of its language.
    """
    sample = b"\n".join(line for line in raw.splitlines() if not line.isascii())[:200_000]
    for encoding, everyday in (("gb18030", _everyday_gb()), ("big5", _everyday_big5())):
        if _share_of(everyday, sample.decode(encoding, "replace")) >= 0.7:
            return encoding
    beyond_ascii = sum(byte > 0x7F for byte in sample)
    if beyond_ascii <= 0.25 * len(sample):  # accents and curly quotes are sprinkled over ASCII letters
        western = frozenset("‘’“”–—…€£©®°·«»§™¿¡\u00a0" + "".join(map(chr, range(0xC0, 0x100))))
        if _share_of(western, sample.decode("cp1252", "replace")) >= 0.7:
            return "cp1252"
    return None


def _everyday_gb() -> frozenset[str]:
    """Level 1 of GB 2312 (the 3,755 common characters), its punctuation and full-width letters."""
    return _decoded("gb2312", [*range(0xB0, 0xD8), 0xA1, 0xA3], range(0xA1, 0xFF))


def _everyday_big5() -> frozenset[str]:
    """Level 1 of Big5 and its punctuation."""
    return _decoded("big5", [*range(0xA4, 0xC7), 0xA1], [*range(0x40, 0x7F), *range(0xA1, 0xFF)])


def _decoded(encoding: str, leads: Iterable[int], trails: Iterable[int]) -> frozenset[str]:
    trail_bytes = list(trails)
    pairs = (bytes([lead, trail]).decode(encoding, "ignore") for lead in leads for trail in trail_bytes)
    return frozenset(pair for pair in pairs if len(pair) == 1 and not pair.isascii())


def _share_of(everyday: frozenset[str], text: str) -> float:
    beyond_ascii = [char for char in text if not char.isascii()]
    return sum(char in everyday for char in beyond_ascii) / max(len(beyond_ascii), 1)
