"""Look at a table: its form, its columns, what may be the label, and how it would be trained on."""

import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trainer.audit.duplicate_rows import input_codes
from trainer.data.columns.options import ColumnOptions
from trainer.data.readers.contract import OpenTable
from trainer.data.readers.unpacked import is_packed
from trainer.data.samples import Samples
from trainer.errors import DataError, FoldwiseError
from trainer.look.answer import Candidate, ColumnLook, Look, Refusal
from trainer.look.candidates import LabelGuess, is_called, label_guesses
from trainer.look.column_kinds import look_at_columns
from trainer.look.few_rows import balance
from trainer.look.loading_plan import LoadingPlan
from trainer.look.opening import Opened, open_advised, repair_steps, repaired
from trainer.look.sampling import Sample, sampled
from trainer.look.table_plan import TablePlan, plan_table
from trainer.wording.lists import first_few

MOST_ROWS = 50_000  # looked at, unless asked for
MOST_CELLS = 5_000_000
MUCH_LIKELIER = 6  # points, by which a label that is refused is not given up for another
MIN_STEMS = 3
MOST_COMPARED = 5_000  # rows, for those that repeat another one
MOST_LABELS = 4  # tried, and shown
NEAR_CONSTANT = 0.99  # share of the rows that have the most frequent value
ROLES = ("group", "split", "id")  # that a format may know of, besides the label
DELIMITERS = {"\t": "TAB", " ": "space"}


def look_at_table(path: Path, name: str, n_rows: int | None = None) -> Look | FoldwiseError:
    """Look at a table file; where no reader takes it for one, return why.

    Args:
        path: of the file.
        name: as it was given, in commands.
        n_rows: rows to look at; None = some.
    """
    with sampled(path, n_rows) as sample, tempfile.TemporaryDirectory() as folder:
        opened = open_advised(sample.path, ColumnOptions())
        read = sample.path
        if opened.table is None:
            better = repaired(sample.path, opened, Path(folder))
            if better is None:
                return _refusal(opened, sample, path)
            read, opened = better
        look = _look(opened, name, sample, n_rows)
        return _renamed(look, {str(read): name, str(sample.path): name})


def look_at_frame(opened: OpenTable, name: str, n_rows: int | None = None) -> Look:
    """Look at a frame of a Python program; its commands are Python.

    Args:
        opened: its rows.
        name: of it, in messages.
        n_rows: rows to look at; None = some.
    """
    rows = _some_rows(opened.rows, n_rows)
    sample = "" if rows is opened.rows else f"{rows.num_rows:,} rows were looked at"
    found = _analysed(replace(opened, rows=rows), name, ColumnOptions(), whole=not sample)
    look = _answer(Look(name, "a frame", n_rows=opened.rows.num_rows, sample=sample), found, name)
    plan = found.plan
    return replace(look, train=plan.plan.train_call(), audit=plan.plan.audit_call()) if plan and look.train else look


def _refusal(opened: Opened, sample: Sample, path: Path) -> FoldwiseError:
    """Return why no reader takes a file, by its own name."""
    assert opened.refusal is not None
    if not sample.said:
        return opened.refusal
    said = sample.as_message(str(opened.refusal))
    return DataError(f"{said.replace(str(sample.path), str(path))}\n({sample.said})")


@dataclass(frozen=True)
class _Found:
    """What was found in the rows."""

    opened: OpenTable
    columns: Sequence[ColumnLook]
    guesses: Sequence[LabelGuess]
    plan: TablePlan | None
    other_refusals: tuple[Refusal, ...] = ()


def _look(opened: Opened, name: str, sample: Sample, n_rows: int | None) -> Look:
    table = opened.table
    assert table is not None
    rows = _some_rows(table.rows, n_rows)
    estimated = sample.share < 1
    n_all = sample.n_rows or round(table.rows.num_rows / sample.share)
    said = sample.said or ("" if rows is table.rows else f"{rows.num_rows:,} rows were looked at")
    found = _analysed(replace(table, rows=rows), name, opened.columns, whole=not said)
    found = replace(found, other_refusals=(*opened.taken, *found.other_refusals))
    steps, target = repair_steps(opened, name)
    look = Look(
        name,
        _format(Path(name) if sample.said else sample.path, table),
        form=_form(opened, table),
        n_rows=n_all,
        estimated=estimated,
        sample=said,
        repair=steps,
        notes=table.notes,
    )
    return _answer(look, found, target)


def _some_rows(rows: pa.Table, n_rows: int | None) -> pa.Table:
    """Return rows of the beginning, the middle and the end, in their order, where there are more than wanted."""
    most = n_rows or min(MOST_ROWS, max(MOST_CELLS // max(rows.num_columns, 1), 100))
    if rows.num_rows <= most:
        return rows
    first, further = most - 2 * (most // 5), most // 5
    middle = max((rows.num_rows - further) // 2, first)
    pieces = [rows.slice(0, first), rows.slice(middle, further), rows.slice(rows.num_rows - further)]
    return pa.concat_tables(pieces) if further else pieces[0]


def _format(path: Path, table: OpenTable) -> str:
    """Return what the format is called; of a table that is packed, that it is so."""
    if not is_packed(path):
        return table.kind
    ending = "".join(path.suffixes[-2:] if Path(path.stem).suffix.lower() == ".tar" else path.suffixes[-1:])
    return f"{table.kind} in a {ending.lower()} file"


def _form(opened: Opened, table: OpenTable) -> dict[str, str]:
    """Return how the file is written, as far as its format has such things."""
    columns, form = opened.columns, {}
    if table.delimiter:
        form["encoding"] = opened.damaged or columns.encoding
        form["delimiter"] = DELIMITERS.get(table.delimiter, table.delimiter)
        form["header"] = "the first line" if table.has_header else "none"
    if columns.quote != ColumnOptions.quote:
        form["quote"] = columns.quote
    if columns.table is not None:
        form["table"] = columns.table
    return form


def _analysed(opened: OpenTable, name: str, form: ColumnOptions, *, whole: bool) -> _Found:
    columns = look_at_columns(opened, name)
    guesses = label_guesses(opened.rows, columns)
    known = opened.known.get("label")
    if known is not None:
        names = (known,) if isinstance(known, str) else tuple(map(str, known))
        taken = {*names, *(str(opened.known[role]) for role in ROLES if role in opened.known)}
        others = [one for one in guesses if not taken & set(one.names)]
        guesses = [LabelGuess(names, "the format says so", 100), *others]
    plan, failed = None, tuple[Refusal, ...]()
    for guess in guesses[:MOST_LABELS]:
        if guess.score < guesses[0].score - MUCH_LIKELIER:
            break
        tried = plan_table(opened, name, columns, guess, form, whole=whole)
        if tried.loaded is not None:
            order = [guess, *(other for other in guesses if other is not guess)]
            return _Found(opened, columns, order, tried, failed)
        plan = plan or tried
        failed = (*failed, *tried.refusals[-1:])
    return _Found(opened, columns, guesses, plan)


def _answer(look: Look, found: _Found, target: str) -> Look:
    plan = found.plan
    labels = tuple(guess.as_candidate() for guess in found.guesses[:MOST_LABELS])
    if plan is None:
        one = f"there is only the column '{found.columns[0].name}': put the labels into a column of their own beside it"
        several = "no column looks like a label: name it by data.label=COLUMN"
        advice = one if len(found.columns) == 1 else several
        return replace(look, columns=tuple(found.columns), refusals=found.other_refusals, advice=advice)
    known = {
        role: (Candidate(str(name), "the format says so"),)
        for role, name in found.opened.known.items()
        if role in ROLES and name in found.opened.rows.column_names
    }
    candidates = {"label": labels, "group": plan.groups, "split": plan.splits, "id": plan.ids, **known}
    look = replace(
        look,
        columns=tuple(_with_role(column, plan.plan, found.opened) for column in found.columns),
        candidates={role: names for role, names in candidates.items() if names},
        refusals=(*found.other_refusals, *plan.refusals),
    )
    if plan.loaded is None:
        return replace(look, advice="mend what is refused, or name another label by data.label=COLUMN")
    samples, spec = plan.loaded
    return replace(
        look,
        task=spec.task.name,
        balance=balance(spec.task, samples.target, spec.classes),
        facts=_facts(samples, found, plan.plan),
        train=plan.plan.train_command(target),
        audit=plan.plan.audit_command(target),
    )


def _with_role(column: ColumnLook, plan: LoadingPlan, opened: OpenTable) -> ColumnLook:
    options = opened.complete(plan.columns)
    for role, names in {
        "label": options.label,
        "id": options.id,
        "group": options.group,
        "split": options.split,
        "dropped": plan.others.get("drop"),
        "text": plan.others.get("text"),
        "pair": plan.others.get("pair"),
        "file": plan.others.get("file"),
    }.items():
        for name in [names] if isinstance(names, str | int) else names or ():
            if is_called(column.name, str(name)):
                return replace(column, role=role)
    return replace(column, role="feature" if plan.source == "csv_tabular" else "")


def _facts(samples: Samples, found: _Found, plan: LoadingPlan) -> tuple[str, ...]:
    facts = []
    if plan.source != "image_csv":
        some = samples.only(np.arange(len(samples)) < MOST_COMPARED)
        n_repeats = len(some) - len(np.unique(input_codes(some.inputs)))
        if n_repeats:
            first = "the first " if len(some) < len(samples) else ""
            facts.append(f"{n_repeats:,} of {first}{len(some):,} rows repeat the input of an earlier one")
    near = [f"{column.name} ({share:.1%})" for column, share in _near_constant(found)]
    if near:
        facts.append(f"nearly the same in every row: {first_few(near, rest=', ...')}")
    facts += _stems(found)
    dates = [column.name for column in found.columns if column.kind == "date"]
    if dates:
        facts.append(
            f"dates: {', '.join(dates[:3])}; to predict later rows from earlier ones: data.time={dates[0]} cv=time"
        )
    return tuple(facts)


def _stems(found: _Found) -> list[str]:
    """Say that ids which are counted within a beginning, such as S01_1 and S01_2, may hold a group."""
    facts = []
    for column in found.columns:
        if column.kind == "id" and column.read_as == "category":
            cells = found.opened.rows[column.name].to_pylist()
            stems = {re.sub(r"[_. -]\d+$", "", str(cell)) for cell in cells}
            if MIN_STEMS <= len(stems) <= len(cells) / 2 and any(re.search(r"\d$", stem) for stem in stems):
                stem = min(stems)
                facts.append(
                    f"ids in '{column.name}' have {len(stems)} beginnings such as '{stem}': if rows of one belong "
                    "together, write it into a column and set data.group"
                )
    return facts


def _near_constant(found: _Found) -> list[tuple[ColumnLook, float]]:
    near = []
    for column in found.columns:
        if column.kind in ("number", "category") and column.read_as != "refused":
            counts = pc.value_counts(found.opened.rows[column.name]).field("counts")
            share = pc.max(counts).as_py() / max(found.opened.rows.num_rows, 1)
            if share >= NEAR_CONSTANT:
                near.append((column, share))
    return near


def _renamed(look: Look, places: dict[str, str]) -> Look:
    """Return the look with the file's own name where a copy was read."""

    def plain(text: str) -> str:
        for place, name in places.items():
            text = text.replace(place, name)
        return text

    return replace(
        look,
        refusals=tuple(replace(one, why=plain(one.why), remedy=plain(one.remedy)) for one in look.refusals),
        notes=tuple(map(plain, look.notes)),
        columns=tuple(replace(one, notes=tuple(map(plain, one.notes))) for one in look.columns),
    )
