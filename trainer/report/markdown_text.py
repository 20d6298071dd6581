"""Markdown made from plain values and from text that comes from outside."""

import html
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from trainer.report.formatting import duration
from trainer.wording.printable import printable

# characters that Markdown reads as markup; an underscore inside a word is none
_MARKUP = r"[\\`*\[\]!]|(?<![^\W_])_|_(?![^\W_])"


def mapping_section(title: str, values: Mapping[str, Any]) -> str:
    """Return a heading and the values as a table, then one table per nested mapping or list of records.

    A name that ends in its unit (``peak_bytes``, ``step_seconds``) gets a readable one; None is left out.
    """
    if not values:
        return ""
    plain = [_row(key, value) for key, value in values.items() if value is not None and not _is_nested(value)]
    parts = [f"## {title}", *([table(["", ""], plain)] if plain else [])]
    for key, value in values.items():
        if _is_nested(value):
            parts += [f"### {_words(key).capitalize()}", _nested_table(value)]
    return "\n\n".join(parts)


def plain_facts(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return names and values as ``mapping_section`` has them, unescaped, what is nested left out."""
    there = [(key, value) for key, value in values.items() if value is not None and not _is_nested(value)]
    return [(readable_name(key), readable_value(key, value)) for key, value in there]


def nested_facts(values: Mapping[str, Any]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return the mappings in ``values``, unescaped: what each is called, and its names and values."""
    nested = [(key, value) for key, value in values.items() if isinstance(value, Mapping) and value]
    return [(readable_name(key).capitalize(), plain_facts(value)) for key, value in nested]


def _is_nested(value: Any) -> bool:
    if isinstance(value, Mapping):
        return bool(value)
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(item, Mapping) for item in value)


def _nested_table(value: Any) -> str:
    if isinstance(value, Mapping):
        if not all(isinstance(item, Mapping) for item in value.values()):
            return table(["", ""], [_row(key, item) for key, item in value.items() if item is not None])
        value = [{"": key, **item} for key, item in value.items()]
    heading = list(dict.fromkeys(key for record in value for key in record))
    rows = [[_value(key, record.get(key, "")) for key in heading] for record in value]
    return table([_words(key) for key in heading], rows)


def _row(key: str, value: Any) -> list[str]:
    return [_words(key), _value(key, value)]


def _words(key: Any) -> str:
    return cell(readable_name(key))


def readable_name(key: Any) -> str:
    """Return the name of a fact as people read it: ``peak memory`` of ``peak_bytes``."""
    if key == "bill":
        return "cost estimate"
    name = re.sub(r"bytes$", "memory", re.sub(r"seconds$", "time", str(key)))
    return name.replace("_", " ")


def _value(key: str, value: Any) -> str:
    return cell(readable_value(key, value))


def readable_value(key: str, value: Any) -> str:
    """Return the value of a fact as people read it, with the unit that its name ends in."""
    if value is None or isinstance(value, bool):
        return "–" if value is None else "yes" if value else "no"
    if isinstance(value, int | float) and key.endswith("bytes"):
        return _bytes(value)
    if isinstance(value, int | float) and key.endswith("seconds"):
        return duration(value) if value >= 1 else f"{1000 * value:.3g} ms"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.4g}" if not math.isfinite(value) or abs(value) < 1e4 else f"{value:,.0f}"
    if isinstance(value, list | tuple):
        return ", ".join(readable_value(key, item) for item in value) or "–"
    return str(value)


def _bytes(count: float) -> str:
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} B" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:,.2f} GiB"


def cell(text: str) -> str:
    """Return text from outside so that it shows as it is, in Markdown and in HTML, on one line."""
    one_line = printable(re.sub(r"\s+", " ", text).strip())
    escaped = re.sub(_MARKUP, r"\\\g<0>", html.escape(one_line, quote=False))
    return escaped.replace("|", "&#124;")


def table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of cells that are Markdown already; all but the first column aligned right."""
    first = ["| " + " | ".join(heading) + " |", "|---|" + "---:|" * (len(heading) - 1)]
    return "\n".join(first + ["| " + " | ".join(row) + " |" for row in rows])
