"""Rows that people have labelled in an annotation tool, as a table: one label, or one list of labels, per row."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from trainer.data.columns.options import ColumnOptions
from trainer.data.readers.agreement import Labels, agreement_note
from trainer.data.readers.contract import OpenTable
from trainer.errors import DataError, did_you_mean, shown
from trainer.wording.lists import first_few

NOT_ANNOTATED = "not annotated"
NO_MAJORITY = "without a majority"
VOTES = "votes"  # the column with how many annotators gave each label, for those who ask for it


@dataclass(frozen=True)
class Item:
    """What was annotated.

    Attributes:
        name: its id in the tool.
        place: in the file, for messages.
        cells: what it is: texts by column.
        votes: the labels that each annotator gave it.
        why_not: why it has no votes.
    """

    name: str
    place: str
    cells: Mapping[str, str]
    votes: Mapping[str, Labels] = field(default_factory=dict)
    why_not: str = NOT_ANNOTATED


@dataclass(frozen=True)
class LabelList:
    """The labels of a project.

    Attributes:
        labels: all of them.
        where: they are listed, for messages.
    """

    labels: Collection[str]
    where: str


def annotated_table(
    path: Path,
    items: Sequence[Item],
    columns: ColumnOptions,
    *,
    label: str = "label",
    listed: LabelList | None = None,
    notes: Sequence[str] = (),
    split: str | None = None,
) -> OpenTable:
    """Return a row for each item that has a label; tell how many have none, and how far annotators agree.

    Of several annotators the majority decides: for one label each, the label that most gave; for several, each label
    that more than half gave. Rows without a majority are left out; where the votes are asked for, they have the label
    that is given more often in the whole export.

    Args:
        path: of the export, for messages.
        items: in their order.
        columns: what the person has set: the label column is called so where that is ``label`` too.
        label: what the tool calls what was chosen.
        listed: the labels that there are, where the export or a file beside it says so.
        notes: to begin with.
        split: the column of the cells with the part that each row is in, if any.

    Raises:
        DataError: nothing is annotated, or there is a label that is not listed; names its place.
    """
    _require_listed(path, items, listed)
    several = any(len(labels) > 1 for item in items for labels in item.votes.values())
    chosen = [_majority(item.votes, several) if item.votes else None for item in items]
    tied = [place for place, item in enumerate(items) if item.votes and not chosen[place]]
    if columns.votes == VOTES and not several:
        counts = Counter(labels for item in items for labels in item.votes.values())
        for place in tied:
            chosen[place] = _most_given(items[place].votes, counts)
    kept = [(item, labels) for item, labels in zip(items, chosen, strict=True) if labels]
    reasons = Counter(
        NO_MAJORITY if item.votes else item.why_not for item, labels in zip(items, chosen, strict=True) if not labels
    )
    said = ", ".join(f"{n} {reason}" for reason, n in reasons.items())
    if not kept:
        raise DataError(f"{path}: no row with a label: {said}: annotate first, or export with the annotations")
    shared = [item.votes for item in items if len(item.votes) > 1]
    notes = [*notes, *([f"{len(items) - len(kept)} of {len(items)} rows left out: {said}"] if reasons else [])]
    notes += [agreement_note(shared, "rows")] if shared else []
    if not several and any(len(set(votes.values())) > 1 for votes in shared):
        notes.append(_votes_note(len(tied), asked=columns.votes == VOTES))
    name = label if columns.labels == (label,) else "label"
    table = _table([item for item, _ in kept], [labels for _, labels in kept], name, several)
    if columns.votes == VOTES:
        table = _with_votes(table, [item.votes for item, _ in kept])
    known = {"label": name, "id": "id", **({"split": split} if split else {})}
    return OpenTable(table, notes=tuple(notes), known=known)


def one_vote(labels: Collection[str]) -> dict[str, Labels]:
    """Return the labels of somebody unnamed; of no label, nobody's."""
    return {"": tuple(sorted(labels))} if labels else {}


def choose(path: Path, wanted: Sequence[str], names: Collection[str], what: str) -> str:
    """Return which of several things that were labelled is read: the one that ``data.label`` names, or the only one.

    Raises:
        DataError: there are several, or none.
    """
    if len(wanted) == 1 and wanted[0] in names:
        return wanted[0]
    if not names:
        raise DataError(f"{path}: no {what} in it: is it an export of a classification?")
    if len(names) > 1:
        listed = first_few(sorted(names), rest=", ...")
        raise DataError(f"{path}: several {what}s in it ({listed}): say which is the label, data.label={min(names)}")
    return next(iter(names))


def merged(items: Sequence[Item]) -> list[Item]:
    """Return one item for each name, with the votes of all of them."""
    by_name: dict[str, Item] = {}
    for item in items:
        known = by_name.setdefault(item.name, item)
        if known is not item:
            why_not = known.why_not if known.why_not != NOT_ANNOTATED else item.why_not
            by_name[item.name] = Item(known.name, known.place, known.cells, {**known.votes, **item.votes}, why_not)
    return list(by_name.values())


def _require_listed(path: Path, items: Sequence[Item], listed: LabelList | None) -> None:
    if listed is None:
        return
    used = [(label, item) for item in items for labels in item.votes.values() for label in labels]
    for label, item in used:
        if label not in listed.labels:
            n_times = sum(label == other for other, _ in used)
            raise DataError(
                f"{path} {item.place}: label '{shown(label, 60)}' ({n_times} times) is not in {listed.where}"
                f"{did_you_mean(label, sorted(listed.labels))}"
            )


def _majority(votes: Mapping[str, Labels], several: bool) -> Labels:
    if several:
        counts = Counter(label for labels in votes.values() for label in labels)
        least = min(abs(2 * n - len(votes)) for n in counts.values()) if counts else 0
        return tuple(sorted(label for label, n in counts.items() if 2 * n > len(votes))) if least else ()
    ranked = Counter(votes.values()).most_common(2)
    return ranked[0][0] if len(ranked) == 1 or ranked[0][1] > ranked[1][1] else ()


def _most_given(votes: Mapping[str, Labels], counts: Counter[Labels]) -> Labels:
    """Return the label that most gave; of several, the one that is given more often in all (then by the alphabet)."""
    of_row = Counter(votes.values())
    return min(of_row, key=lambda labels: (-of_row[labels], -counts[labels], labels))


def _votes_note(n_tied: int, asked: bool) -> str:
    if not asked:
        return f"data.votes={VOTES} trains on what each annotator said (soft labels), not on the majority alone"
    rows = "1 row without a majority has" if n_tied == 1 else f"{n_tied} rows without a majority have"
    return f"{rows} the class that is given more often in all: scores are against that"


def _with_votes(table: pa.Table, votes: Sequence[Mapping[str, Labels]]) -> pa.Table:
    """Return the table with a column of records: how many annotators gave each label."""
    names = sorted({label for one in votes for labels in one.values() for label in labels})
    counts = [Counter(label for labels in one.values() for label in labels) for one in votes]
    records = [{name: of_row[name] for name in names} for of_row in counts]
    if VOTES in table.column_names:
        table = table.rename_columns([f"data_{one}" if one == VOTES else one for one in table.column_names])
    return table.append_column(VOTES, pa.array(records, pa.struct([(name, pa.int64()) for name in names])))


def _table(items: Sequence[Item], labels: Sequence[Labels], label: str, several: bool) -> pa.Table:
    """Return the columns: what the items are, the label, the id. The only column of an item is its text."""
    names = list(dict.fromkeys(name for item in items for name in item.cells))
    called = {name: f"data_{name}" if name in (label, "id") else name for name in names}
    if len(names) == 1:
        called = {names[0]: "file" if names[0] == "file" else "text"}
    columns: dict[str, Any] = {
        called[name]: pa.array([item.cells.get(name) for item in items], pa.string()) for name in names
    }
    kind = pa.list_(pa.string()) if several else pa.string()
    columns[label] = pa.array([list(one) if several else one[0] for one in labels], kind)
    columns["id"] = pa.array([item.name for item in items], pa.string())
    return pa.table(columns)
