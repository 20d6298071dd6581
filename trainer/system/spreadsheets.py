r"""Cells of CSV files that a spreadsheet would take for a formula, and what keeps it from that.

A spreadsheet computes a cell that begins with ``=``, ``+``, ``-`` or ``@`` (or their full-width forms), also one that
a stranger wrote: ``=HYPERLINK("http://...")``, ``=cmd|' /C calc'!A1``. An apostrophe in front makes it text.

An id is more than text: a file is joined to another by it. ``-12``, ``+44 20 7946``, ``@user`` and ``=x`` compute
nothing that could do harm, for that takes a call ``(``, another program ``|`` or another sheet ``!`` or ``[``: they are
written as they are.
"""

import re
from typing import Any

STARTS = "=+\\-@\t\r＝＋－＠"
HARMFUL = rf"(?s)\A(?:[\t\r]|[{STARTS}].*[(（|!\[\t\r\n])"  # of ids; also as pyarrow's RE2 reads it
_TEXT, _ID = re.compile(f"[{STARTS}]"), re.compile(HARMFUL)


def defused(text: str) -> str:
    """Return a text cell that no spreadsheet takes for a formula; a number stays a number."""
    return f"'{text}" if _TEXT.match(text) and not _is_number(text) else text


def defused_id(text: str) -> str:
    """Return an id as it is, unless a spreadsheet that took it for a formula could do harm."""
    return f"'{text}" if _ID.match(text) else text


def may_be_formulas(cells: Any) -> bool:
    """Return whether a text column of Arrow has a cell that begins as a formula does: most have none, told quickly."""
    import pyarrow.compute as pc

    first: Any = pc.unique(pc.utf8_slice_codeunits(cells, 0, 1))
    return any(letter and _TEXT.match(letter) for letter in first.to_pylist())


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
