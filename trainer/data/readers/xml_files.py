"""XML files of annotation tools."""

from pathlib import Path
from xml.etree import ElementTree
from xml.parsers.expat import ExpatError, ParserCreate

from trainer.errors import DataError


def read_xml(file: Path) -> ElementTree.Element:
    """Return the outermost element.

    Raises:
        DataError: it cannot be read, or declares entities, which no annotation tool writes.
    """
    try:
        payload = file.read_bytes()
        _refuse_document_type(payload, file)
        return ElementTree.fromstring(payload)
    except (OSError, ExpatError, ElementTree.ParseError) as problem:
        raise DataError(f"{file}: not readable as XML ({problem}): export it again") from problem


def _refuse_document_type(payload: bytes, file: Path) -> None:
    """Refuse where entities are declared, which grow without end or name other files; whatever the encoding is."""

    def refuse(*declared: object) -> None:
        raise DataError(f"{file}: declares a document type, as web pages do and no export does: export it again")

    parser = ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    parser.Parse(payload, True)
