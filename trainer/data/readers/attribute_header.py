"""The header of ARFF and KEEL files: lines of ``@attribute name type`` before ``@data``."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from trainer.data.columns.number_forms import TRUTH
from trainer.errors import DataError, shown

QUOTED = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\""""
NAME = re.compile(rf"\s*({QUOTED}|[^\s{{,]+)\s*")
VALUE = re.compile(rf"\s*({QUOTED}|[^,]*?)\s*(?:,|$)")
COMMENT = re.compile(rf"((?:{QUOTED}|[^'\"%])*)%")
LINE = re.compile(r"([^\n]*)(?:\n|$)")
KEYWORD = re.compile(r"\s*@\s*(\w+)\s*(.*)")
ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|[0-7]{1,3}|.)", re.DOTALL)
ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "a": "\a", "v": "\v"}  # Java's StreamTokenizer
FLAGS = {"0", "1"}  # nominal values that are numbers as well
BEGINS = re.compile(rb"(?:\s*%[^\r\n]*[\r\n])*\s*@relation\b", re.IGNORECASE)


@dataclass(frozen=True)
class Attribute:
    """A column as the header declares it.

    Attributes:
        name: without quotes.
        kind: numeric, nominal, string, date or relational.
        values: of a nominal one, in the order declared.
        form: of a date, as Java writes it.
    """

    name: str
    kind: str
    values: tuple[str, ...] = ()
    form: str = ""


@dataclass(frozen=True)
class Header:
    """What stands before the rows.

    Attributes:
        relation: the name of the whole.
        attributes: the columns.
        others: what further keywords say, such as ``inputs`` of KEEL, in small letters.
        data: all lines after ``@data``.
        first_line: the number (from 1) of the first of them.
    """

    relation: str
    attributes: tuple[Attribute, ...]
    others: dict[str, str]
    data: str
    first_line: int


def is_code(attribute: Attribute) -> bool:
    """Return whether a nominal attribute is no number, whatever its values look like; 0/1 and true/false are."""
    values = {value.lower() for value in attribute.values}
    return attribute.kind == "nominal" and not (values <= FLAGS or values <= TRUTH.keys())


def begins_with_relation(head: bytes) -> bool:
    """Return whether a file begins with ``@relation``, after comments."""
    return BEGINS.match(head) is not None


def read_header(text: str, file: Path) -> Header:
    """Read the header.

    Raises:
        DataError: a line is none, or there is no ``@data``; names the line.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    relation = ""
    attributes: list[Attribute] = []
    others: dict[str, str] = {}
    for number, line in enumerate(LINE.finditer(text), start=1):
        content = without_comment(line[1])
        if not content.strip():
            continue
        keyword = KEYWORD.match(content)
        if not keyword:
            raise DataError(f"{file} line {number}: not @attribute or @data, but: {shown(content.strip())}")
        word, rest = keyword[1].lower(), keyword[2].strip()
        if word == "data":
            return Header(relation, tuple(attributes), others, text[line.end() :], number + 1)
        if word == "relation":
            relation = unquoted(rest)
        elif word == "attribute":
            attributes.append(_attribute(rest, f"{file} line {number}"))
        else:
            others[word] = rest
    raise DataError(f"{file}: no line @data: the file ends in its header, or is of another format")


def _attribute(text: str, where: str) -> Attribute:
    name = NAME.match(text)
    if not name:
        raise DataError(f"{where}: @attribute without a name")
    kind = text[name.end() :]
    word = kind.split("[", 1)[0].split(None, 1)[0].lower() if kind and kind[0] not in "{[" else ""
    if kind.startswith("{") and kind.rstrip().endswith("}"):
        return Attribute(unquoted(name[1]), "nominal", tuple(_values(kind.strip()[1:-1])))
    if word in ("numeric", "real", "integer"):  # KEEL adds the range: real [0.1, 7.9]
        return Attribute(unquoted(name[1]), "numeric")
    if word == "date":
        return Attribute(unquoted(name[1]), "date", form=unquoted(kind[4:].strip()) or "yyyy-MM-dd'T'HH:mm:ss")
    if word in ("string", "relational"):
        return Attribute(unquoted(name[1]), word)
    raise DataError(
        f"{where}: attribute '{shown(unquoted(name[1]))}' is of no known type ({shown(kind) or 'none is given'}): "
        "numeric, real, integer, string, date or {values, in, braces}"
    )


def _values(text: str) -> Iterator[str]:
    place = 0
    while place < len(text):
        found = VALUE.match(text, place)
        if found is None or found.end() == place:
            yield text[place:].strip()  # a quote that is not closed is a plain character
            return
        yield unquoted(found[1])
        place = found.end()


def without_comment(line: str) -> str:
    """Return a line without the comment that % begins: at its start, or after white space and outside of quotes."""
    if "%" not in line:
        return line
    if line.lstrip().startswith("%"):
        return ""
    place = 0
    while found := COMMENT.match(line, place):
        if found[0][-2:-1] in ("", " ", "\t", ","):
            return line[: found.end() - 1]
        place = found.end()
    return line


def unquoted(text: str) -> str:
    """Return a name or value without its quotes, what is escaped in it written out."""
    if len(text) < 2 or text[0] not in "'\"" or text[-1] != text[0]:
        return text
    return ESCAPE.sub(_written_out, text[1:-1]) if "\\" in text else text[1:-1]


def _written_out(escape: re.Match[str]) -> str:
    said = escape[1]
    if said[0] == "u" and len(said) == 5:
        return chr(int(said[1:], 16))
    return chr(int(said, 8)) if said[0] in "01234567" else ESCAPES.get(said, said)
