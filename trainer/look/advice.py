"""The settings that a loader's refusal advises: ``foldwise look`` takes the advice, and tells why it was given."""

import re
from collections.abc import Collection
from typing import Any

from trainer.errors import FoldwiseError

ITEM = r"'(?:\\.|[^'\\])*'|[\w.:/+-]+"
SETTING = re.compile(rf"\b(data|cv)\.([a-z_]+)=(\[(?:{ITEM})?(?:,(?:{ITEM}))*\]|{ITEM})")
PLACEHOLDERS = ("NAME", "COLUMN", "COL", "FILE", "SHEET", "KEY", "WORD", "TABLE")


def advised(refusal: FoldwiseError, allowed: Collection[str]) -> dict[str, Any]:
    r"""Return the first setting that a refusal advises, by its name; nothing where it advises none of those allowed.

    Args:
        refusal: of a loader.
        allowed: names of settings, such as ``encoding``.

    Example:
        >>> from trainer.errors import DataError
        >>> advised(DataError("a.csv: row 3 is not utf-8: set data.encoding=gb18030 (or big5)"), {"encoding"})
        {'encoding': 'gb18030'}
        >>> advised(DataError("a.csv: the header has ';': set \"data.delimiter=';'\""), {"delimiter"})
        {'delimiter': ';'}
    """
    for found in SETTING.finditer(str(refusal)):
        value = _value(found[3])
        named = value[0] if isinstance(value, list) and value else value
        if found[1] == "data" and found[2] in allowed and named not in PLACEHOLDERS:
            return {found[2]: value}
    return {}


def _value(written: str) -> str | list[str]:
    if written.startswith("["):
        return [_plain(item) for item in re.findall(ITEM, written[1:-1])]
    return _plain(written.rstrip(".:"))


def _plain(item: str) -> str:
    return re.sub(r"\\(.)", r"\1", item[1:-1]) if item.startswith("'") else item
