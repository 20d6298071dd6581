"""Text from outside as it may be printed: nothing in it moves the cursor, and no stream refuses a letter."""

import re
import sys
from typing import TextIO

LONGEST_LINE = 400  # of a message; what was typed or read may be any length
# what a terminal obeys (all controls but tab and line end), what reorders a line (bidi), what no file can hold
_OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2028\u2029\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    r"""Return a text with control characters written out: ``\x1b``, ``\u202e``."""
    return text if text.isprintable() else _OBEYED.sub(_written_out, text)


def _written_out(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()


def one_line(text: str) -> str:
    r"""Return a text on one line, printable: tabs and line ends are written out too."""
    return printable(text).replace("\n", "\\n").replace("\t", "\\t")


def printable_message(text: str) -> str:
    """Return a message as it is printed: printable, and lines of any length cut in the middle."""
    return "\n".join(map(_cut, printable(text).split("\n")))


def _cut(line: str) -> str:
    if len(line) <= LONGEST_LINE:
        return line
    return f"{line[: LONGEST_LINE * 2 // 3]} ... {line[-LONGEST_LINE // 3 :]}"


def let_print_anything() -> None:
    """Let standard output and error write out what their encoding lacks (ASCII, latin-1) instead of raising."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None and _strict(stream):
            reconfigure(errors="backslashreplace")


def _strict(stream: TextIO) -> bool:
    return stream.errors == "strict"
