"""Sentences that the code keeps in English, for the tests of their templates."""

import ast
from collections.abc import Iterator, Sequence
from string import Formatter

from tests.places import REPOSITORY


def literal(template: str) -> str:
    return "".join(text for text, *_ in Formatter().parse(template))


def fields_of(template: str) -> list[str]:
    return [name for _, name, _, _ in Formatter().parse(template) if name]


def sentences(*writers: str) -> Iterator[list[str]]:
    """Yield the fixed parts of the sentences of the modules of ``trainer`` that these patterns find."""
    for path in [found for name in writers for found in (REPOSITORY / "trainer").glob(name)]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            parts = node.values if isinstance(node, ast.JoinedStr) else [node]
            fixed = [part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str)]
            if fixed:
                yield fixed


def fits(fixed: Sequence[str], text: str) -> bool:
    """Whether a text has these parts in their order."""
    place = 0
    for part in fixed:
        found = text.find(part, place)
        if found < 0:
            return False
        place = found + len(part)
    return True
