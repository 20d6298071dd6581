"""What was found, as a page of a terminal: at most forty lines."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from rich.cells import cell_len, set_cell_size

from trainer.audit.findings import count
from trainer.errors import shown
from trainer.look.answer import ColumnLook, Look
from trainer.look.languages import SAID
from trainer.tasks import TASKS
from trainer.wording.lists import first_few
from trainer.wording.printable import printable

MOST_LINES = 40
LEAST_COLUMNS = 5
NAME_WIDTH, KIND_WIDTH, ROLE_WIDTH = 28, 14, 7
EXAMPLE = 24  # cells of each
MOST_NOTES = 3
MOST_CLASSES = 8
RUN_OF_COLUMNS = 4  # of one kind, called f1, f2, ..., that are shown as one line


@dataclass(frozen=True)
class PrintedLook(Look):
    """What was found; as text it is the page."""

    @classmethod
    def of(cls, look: Look) -> "PrintedLook":
        """Return the same, to be printed."""
        return cls(**vars(look))

    def __str__(self) -> str:
        return as_page(self)


def as_page(look: Look, width: int = 100) -> str:
    """Return the page.

    Args:
        look: what was found.
        width: of the terminal, in cells; commands are not broken.
    """
    head, foot = _head(look), _foot(look)
    room = max(MOST_LINES - len(head) - len(foot) - 2, LEAST_COLUMNS)
    table = _columns(look.columns, room, width) if look.columns else []
    return "\n".join(map(printable, [*head, *([""] if table else []), *table, *foot]))


def _head(look: Look) -> list[str]:
    lines = [f"{look.name}: {look.what}"]
    if look.form:
        lines.append(", ".join(f"{name} {_quoted(name, value)}" for name, value in look.form.items()))
    if look.n_rows is not None:
        rows = f"{'~' if look.estimated else ''}{look.n_rows:,} {'rows' if look.columns else 'images'}"
        columns = f", {count(len(look.columns), 'column')}" if look.columns else ""
        lines.append(f"{rows}{columns}{f' ({look.sample})' if look.sample else ''}")
    return lines


def _quoted(name: str, value: str) -> str:
    return f"'{value}'" if name == "delimiter" and len(value) == 1 else value


def _columns(columns: Sequence[ColumnLook], room: int, width: int) -> list[str]:
    groups = _runs(columns)
    named = max(cell_len(_name(group)) for group in groups)
    name_width = min(max(named, 6), NAME_WIDTH)
    lines = [_row("column", "kind", "missing", "role", "values", name_width, width)]
    shown_groups = groups if len(groups) < room else _most_telling(groups, room - 2)
    for group in shown_groups:
        column = group[0]
        missing = max(one.missing for one in group)
        lines.append(
            _row(_name(group), _kind(column), _share(missing), column.role, _examples(column), name_width, width)
        )
    left = len(columns) - sum(map(len, shown_groups))
    return [*lines, f"... and {left:,} more columns (--json has all)"] if left else lines


def _runs(columns: Sequence[ColumnLook]) -> list[list[ColumnLook]]:
    """Return the columns, those of one kind that are counted (f1, f2, ...) together."""
    runs = []
    for _, members in groupby(columns, key=lambda one: (re.sub(r"\d+", "#", one.name), one.kind, one.role)):
        group = list(members)
        runs += [group] if len(group) >= RUN_OF_COLUMNS else [[one] for one in group]
    return runs


def _most_telling(groups: list[list[ColumnLook]], most: int) -> list[list[ColumnLook]]:
    """Return the columns with a role of their own, then the first ones, in the order of the file."""
    order = sorted(range(len(groups)), key=lambda place: (groups[place][0].role in ("", "feature"), place))
    return [groups[place] for place in sorted(order[:most])]


def _name(group: Sequence[ColumnLook]) -> str:
    first = shown(group[0].name, NAME_WIDTH)
    return first if len(group) == 1 else f"{first} ... {shown(group[-1].name, 10)} ({len(group)})"


def _kind(column: ColumnLook) -> str:
    if column.read_as == "refused":
        return f"{column.kind} !"
    if column.kind == "text":
        return f"text {column.language} ~{column.length}"
    return f"category {column.n_values}" if column.kind == "category" else column.kind


def _share(share: float) -> str:
    return "-" if share == 0 else "<1 %" if share < 0.01 else f"{share:.0%}".replace("%", " %")


def _examples(column: ColumnLook) -> str:
    return " | ".join(_cut(example, EXAMPLE) for example in column.examples)


def _row(name: str, kind: str, missing: str, role: str, examples: str, name_width: int, width: int) -> str:
    cells = [
        set_cell_size(_cut(name, name_width), name_width),
        set_cell_size(_cut(kind, KIND_WIDTH), KIND_WIDTH),
        missing.rjust(7),
        set_cell_size(role, ROLE_WIDTH),
        examples,
    ]
    return _cut("  ".join(cells).rstrip(), width)


def _cut(text: str, width: int) -> str:
    return text if cell_len(text) <= width else set_cell_size(text, width - 3).rstrip(" .|") + "..."


def _foot(look: Look) -> list[str]:
    lines = [
        *_labels(look),
        *_languages(look.columns),
        *(f"note: {shown(fact, 160)}" for fact in look.facts),
        *(f"note: {shown(note, 160)}" for note in [*look.notes, *_column_notes(look)][:MOST_NOTES]),
        *_refusals(look),
    ]
    if look.files:
        lines += [f"  {name}" for name in look.files[:20]]
    for title, commands in (
        ("repair it first", look.repair),
        ("train", [look.train]),
        ("look for leaks", [look.audit]),
        ("what to do", [look.advice]),
    ):
        lines += [part for command in commands if command for part in ("", f"{title}:", f"  {command}")]
    return ["", *lines] if lines and look.columns and lines[0] else lines


def _labels(look: Look) -> list[str]:
    lines = []
    for role, candidates in look.candidates.items():
        first, *others = candidates
        more = f"; or {first_few([one.name for one in others], 3)}" if others else ""
        lines.append(f"{role}: {shown(first.name, 60)} ({shown(first.why, 60)}){more}")
    if look.task:
        lines.append(f"task: {look.task}{_balance(look)}")
    return lines


def _balance(look: Look) -> str:
    total = sum(look.balance.values())
    if not total:
        return ""
    parts = [f"{shown(name, 30)} {count:,} ({count / total:.0%})" for name, count in look.balance.items()]
    task = TASKS[look.task]
    if task.several_labels:
        parts = [f"{shown(name, 30)} {count:,}" for name, count in look.balance.items()]
    return f", {len(parts)} {task.nouns}: {first_few(parts, MOST_CLASSES)}"


def _languages(columns: Sequence[ColumnLook]) -> list[str]:
    texts = [column for column in columns if column.kind == "text"]
    said = [f"{shown(one.name, 30)}: {SAID[one.language]}, half of them over {one.length} characters" for one in texts]
    return [f"text: {first_few(said, 3, between='; ')}"] if said else []


def _column_notes(look: Look) -> list[str]:
    return [note for column in look.columns if column.read_as != "refused" for note in column.notes]


def _refusals(look: Look) -> list[str]:
    lines = []
    for refusal in look.refusals[:MOST_NOTES]:
        why = shown("; ".join(refusal.why.splitlines()), 240)
        lines.append(f"{'training refuses' if refusal.refused else 'asked'}: {why}")
        if refusal.remedy:
            lines.append(f"  the command has: {shown(refusal.remedy, 120)}")
    more = len(look.refusals) - MOST_NOTES
    return [*lines, f"  ... and {more} more (--json has all)"] if more > 0 else lines
