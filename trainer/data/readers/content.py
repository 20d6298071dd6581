"""What a file holds that could not be read: CSV text that ends in .parquet, a web page that ends in .csv.gz."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from trainer.data.readers.contract import Reader
from trainer.data.readers.find import read_head, readers
from trainer.data.readers.foreign import BINARY, DAMAGED_ZIP, EMPTY, JSON, PLAIN_TEXT, what_it_is
from trainer.errors import DataError

ZIP = b"PK\x03\x04"
OF_BYTES = ("arrow_ipc", "excel", "parquet", "sqlite", "stata_spss")  # formats; all others are of text
OWN = {JSON: {".json", ".jsonl"}, "XML": {".xml"}, "an Excel workbook": {".xlsx"}}  # whose reader's words say more
TABLES_OF_TEXT = ("delimited", "uci", "glue", "cnews")
DELIMITERS = {",": ("CSV", ".csv", ""), "\t": ("TSV", ".tsv", ""), ";": ("CSV", ".csv", " \"data.delimiter=';'\"")}


@contextmanager
def naming_content(path: Path, name: str) -> Iterator[None]:
    """Have an error of a reader say what the file is, where it is of another format than its reader's.

    Args:
        path: of the file that is read meanwhile.
        name: of the reader's format.
    """
    try:
        yield
    except DataError as problem:
        content = "" if "this is " in str(problem) or not path.is_file() else _other_content(path, name)
        if not content:
            raise
        raise DataError(f"{path}: this is {content}".replace("NOT", f"not {readers()[name].NAME}")) from problem


def packed_content(path: Path, kind: str) -> str:
    """Return what a file is that is no archive, and what to do with it; "" where nothing is known of it.

    Args:
        path: of the file.
        kind: what it should be: "gzip data".
    """
    content = (_as_format(path, read_head(path)) or _as_foreign(path)).partition(", or set data.format")[0]
    return "" if content.startswith((kind, EMPTY, BINARY, DAMAGED_ZIP)) else content.replace("NOT", f"not {kind}")


def _other_content(path: Path, name: str) -> str:
    """Return what a file is besides the format of its reader: "CSV text, NOT: rename ..."."""
    head = read_head(path)
    if readers()[name].recognizes(path, head) and not head.startswith(ZIP):
        return ""
    content = _as_format(path, head, but=name) or _as_foreign(path)
    endings = {*readers()[name].ENDINGS, *readers()[name].ALSO}
    own = [kind for kind, its_endings in OWN.items() if endings & its_endings]
    known = (BINARY, DAMAGED_ZIP) if name in OF_BYTES else (BINARY, EMPTY, "plain text")
    return "" if content.startswith((*own, *known)) else content


def _as_format(path: Path, head: bytes, but: str = "") -> str:
    """Return which format that can be read a file is of, except one; "" where it is of none for certain."""
    for name, reader in readers().items():
        if name not in (but, "excel") and ((reader.MAGIC and head.startswith(reader.MAGIC)) or _is(reader, path, head)):
            return _renamed(reader.NAME, (*reader.ENDINGS, *reader.ALSO)[0], name)
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith((b"[", b"{")):
        name, ending = ("json_array", ".json") if text.startswith(b"[") else ("json_lines", ".jsonl")
        return _renamed(JSON, ending, name)
    if but in TABLES_OF_TEXT or not (delimiter := _delimiter(text)):
        return ""
    kind, ending, option = DELIMITERS[delimiter]
    return _renamed(f"{kind} text", ending, f"delimited{option}")


def _is(reader: Reader, path: Path, head: bytes) -> bool:
    """Whether a reader that goes by what is in a file, and not by how its name ends, knows it for its own."""
    return bool(reader.ENDINGS) and reader.recognizes(path, head)


def _renamed(kind: str, ending: str, name: str) -> str:
    return f"{kind}, NOT: rename it to end in {ending}, or set data.format={name}"


def _delimiter(text: bytes) -> str:
    """Return what is as often in the second line as in the first; "" where nothing is, or these are no lines."""
    lines = [line for line in text.splitlines()[:10] if line.strip()][:2]
    if len(lines) < 2 or b"\0" in text or text.startswith(b"<"):
        return ""
    counts = {sign: [line.count(sign.encode()) for line in lines] for sign in DELIMITERS}
    alike = [sign for sign, (first, second) in counts.items() if first == second > 0]
    return alike[0] if alike else ""


def _as_foreign(path: Path) -> str:
    what, advice = what_it_is(path)
    if what == PLAIN_TEXT:
        what, advice = "plain text", "download or write it again, or rename it to end in .txt"
    return f"{what}, NOT: {advice}"
