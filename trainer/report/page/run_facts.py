"""What a report is told of its run beyond the numbers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from trainer.evidence.slices import Slice


@dataclass(frozen=True)
class RowContent:
    """What a row holds, for people.

    Attributes:
        text: a text, cells of a table, the name of an image.
        picture: an image of it as ``data:`` address; empty where there is none.
    """

    text: str
    picture: str = ""


@dataclass(frozen=True)
class PageFacts:
    """What stands on the page beside the numbers.

    Attributes:
        name: of the run.
        language: ``en`` or ``zh``.
        config: config.yaml as it is; empty of a blend.
        versions: of software, by name.
        split: how rows were split, as split.json has it; empty where it is not known.
        audit: findings as plain values; None where nothing was looked for.
        rows: tells what rows hold, by id; None where the data is not at hand.
        rows_why: why it is not, in words.
        slices: parts of the data, compared; None where they were not.
    """

    name: str = ""
    language: str = "en"
    config: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    split: Mapping[str, Any] = field(default_factory=dict)
    audit: Sequence[Mapping[str, Any]] | None = None
    rows: Callable[[Sequence[str]], list[RowContent]] | None = None
    rows_why: str = ""
    slices: Sequence[Slice] | None = None
