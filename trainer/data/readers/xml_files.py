"""XML files of annotation tools."""

from pathlib import Path
from xml.etree import ElementTree

from trainer.errors import DataError

UNSAFE = (b"<!doctype", b"<!entity")  # entities that grow without end, or name other files


def read_xml(file: Path) -> ElementTree.Element:
    """Return the outermost element.

    Raises:
        DataError: it cannot be read, or declares entities, which no annotation tool writes.
    """
    try:
        payload = file.read_bytes()
        if any(word in payload.lower() for word in UNSAFE):
            raise DataError(f"{file}: declares a document type, as web pages do and no export does: export it again")
        return ElementTree.fromstring(payload)
    except (OSError, ElementTree.ParseError) as problem:
        raise DataError(f"{file}: not readable as XML ({problem}): export it again") from problem
