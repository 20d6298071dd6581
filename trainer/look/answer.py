"""What ``foldwise look`` answers, as data."""

from dataclasses import asdict, dataclass, field, replace
from typing import Any


@dataclass(frozen=True)
class ColumnLook:
    """A column.

    Attributes:
        name: of it.
        kind: number, category, text, id, date, constant, empty, list or image file.
        read_as: what a table of features takes it for: ``number``, ``category``, or ``refused``.
        examples: three of its values.
        missing: share of the cells without a value.
        n_values: different values among the rows looked at.
        role: what the command to train takes it for: label, id, group, split, text, file, feature or dropped.
        notes: how it is written, or why it is refused.
        language: of a text, by its script; else empty.
        length: median number of characters of a text; else 0.
    """

    name: str
    kind: str
    read_as: str
    examples: tuple[str, ...]
    missing: float
    n_values: int
    role: str = ""
    notes: tuple[str, ...] = ()
    language: str = ""
    length: int = 0


@dataclass(frozen=True)
class Candidate:
    """A column, or a pattern of columns, that may have a role.

    Attributes:
        name: the column or the pattern, such as ``label:*``.
        why: what speaks for it.
    """

    name: str
    why: str


@dataclass(frozen=True)
class Refusal:
    """What training would refuse or ask about, in the words of the loader.

    Attributes:
        why: what it says.
        remedy: what the commands do about it, or empty where a person has to.
        refused: whether it refuses, and does not only note it.
    """

    why: str
    remedy: str = ""
    refused: bool = True


@dataclass(frozen=True)
class Look:
    """What was found.

    Attributes:
        name: the path as it was given, or what the frame is called.
        what: what it is, in words.
        form: how it is written: encoding, delimiter, header, ... by their names.
        n_rows: rows, or images; None where there are none.
        estimated: whether ``n_rows`` is an estimate.
        sample: which part was looked at, or empty where it was all.
        columns: of a table.
        candidates: for label, group, split and id, the likeliest first.
        task: binary, multiclass, multilabel or regression; empty where no label was found.
        balance: rows looked at of each class, most frequent first.
        facts: further things that were found, one line each.
        refusals: what training refuses.
        notes: what the loaders say of the file.
        files: tables, runs or others that lie in a folder.
        repair: commands that make a readable file, to be typed first.
        train: the command to train; empty where there is none.
        audit: the command to look for leaks; likewise.
        advice: what to do where there is no command.
    """

    name: str
    what: str
    form: dict[str, str] = field(default_factory=dict)
    n_rows: int | None = None
    estimated: bool = False
    sample: str = ""
    columns: tuple[ColumnLook, ...] = ()
    candidates: dict[str, tuple[Candidate, ...]] = field(default_factory=dict)
    task: str = ""
    balance: dict[str, int] = field(default_factory=dict)
    facts: tuple[str, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    notes: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    repair: tuple[str, ...] = ()
    train: str = ""
    audit: str = ""
    advice: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as JSON has it."""
        return asdict(self)

    def with_facts(self, *facts: str) -> "Look":
        """Return the same with more facts."""
        return replace(self, facts=(*self.facts, *facts))
