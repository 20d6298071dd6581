"""Find the plan that a table can be trained by: guess the roles, call the loader, take its advice, until it loads."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from trainer.audit.checks.unused_columns import group_columns, named_columns, split_columns
from trainer.data.columns.options import ColumnOptions
from trainer.data.columns.unread import GROUP_NAME, WHO
from trainer.data.readers.contract import OpenTable
from trainer.data.samples import DataSpec, Samples
from trainer.errors import FoldwiseError
from trainer.folds.io.split_files import given_folds
from trainer.folds.plan import make_folds
from trainer.look.answer import Candidate, ColumnLook, Refusal
from trainer.look.candidates import LabelGuess, is_called
from trainer.look.column_kinds import EAST_ASIAN, ID_NAME, is_text_name
from trainer.look.few_rows import N_SPLITS, few_rows_options
from trainer.look.loading_plan import LoadingPlan, as_options
from trainer.look.remedies import advice_in_notes, remedy_for
from trainer.tasks import Task

MOST_TRIES = 25
FEW_FEATURES = 3  # columns beside a text, below which the text is what there is to learn from
LONG_TEXT = 60  # characters
MOST_TEXTS = 3  # columns read together
PAIR = re.compile(r"(.*?)[_ ]?(1|a|first|one|左)", re.I)
PAIRS = (
    *(("premise", "hypothesis"), ("question", "answer"), ("question", "sentence"), ("question", "passage")),
    *(("query", "document"), ("query", "passage")),
)


@dataclass(frozen=True)
class TablePlan:
    """A plan, and what was found on the way.

    Attributes:
        plan: the last one that was tried.
        loaded: the rows as it reads them, or None where it does not.
        refusals: what was refused, and what was done about it.
        groups: columns that look like a group.
        splits: columns that look like a split.
        ids: columns that name the rows.
    """

    plan: LoadingPlan
    loaded: tuple[Samples, DataSpec] | None
    refusals: tuple[Refusal, ...] = ()
    groups: tuple[Candidate, ...] = ()
    splits: tuple[Candidate, ...] = ()
    ids: tuple[Candidate, ...] = ()


_Tried = tuple[LoadingPlan, tuple[Samples, DataSpec] | None]


@dataclass
class _Rows:
    """The rows looked at, and what is known of them."""

    opened: OpenTable
    name: str
    columns: Sequence[ColumnLook]
    whole: bool
    refusals: list[Refusal] = field(default_factory=list)


def plan_table(
    opened: OpenTable,
    name: str,
    columns: Sequence[ColumnLook],
    label: LabelGuess,
    form: ColumnOptions,
    *,
    whole: bool,
) -> TablePlan:
    """Return how a table would be trained on with a label.

    Args:
        opened: the rows looked at.
        name: of the file, in messages.
        columns: what its columns are.
        label: what may be the label.
        form: options on how the file is written.
        whole: whether all rows are looked at, so that classes may be counted.
    """
    rows = _Rows(opened, name, columns, whole)
    names = label.names[0] if len(label.names) == 1 else list(label.names)
    base = replace(form, label=names)
    plan = _with_inputs(LoadingPlan("csv_tabular", base), columns)
    plan, loaded = _settled(plan, rows)
    if loaded is None:
        return TablePlan(plan, None, tuple(rows.refusals))
    splits, groups = _split_and_groups(loaded[0], columns)
    with_ids, ids = _with_ids(plan, columns, taken={*splits, *groups})
    plan, loaded = _settled(_with_roles(with_ids, splits, groups), rows, (plan, loaded))
    if loaded is not None:
        plan, loaded = _settled(_with_folds(plan, loaded, rows), rows, (plan, loaded))
    found = (tuple(Candidate(column, why) for column, why in found.items()) for found in (groups, splits, ids))
    return TablePlan(plan, loaded, tuple(rows.refusals), *found)


def _with_inputs(plan: LoadingPlan, columns: Sequence[ColumnLook]) -> LoadingPlan:
    """Choose what is learnt from: image files, texts, or all columns."""
    labels = _labels(plan, columns)
    free = [column for column in columns if column.name not in labels]
    files = [column.name for column in free if column.kind == "image file"]
    if files:
        return replace(plan, source="image_csv", others={"file": files[0]})
    texts = [column for column in free if column.kind == "text"]
    if texts and _is_for_texts(texts, free):
        return replace(plan, source="csv_text", others=_text_columns(texts))
    dropped = [column.name for column in free if _is_no_feature(column)]
    return replace(plan, others={"drop": dropped} if dropped else {})


def _labels(plan: LoadingPlan, columns: Sequence[ColumnLook]) -> set[str]:
    label = plan.columns.label
    names = [label] if isinstance(label, str | int) else label
    return {column.name for column in columns for name in map(str, names) if is_called(column.name, name)}


def _is_no_feature(column: ColumnLook) -> bool:
    return column.kind in ("text", "list", "record") or any(
        "data.drop=" in note for note in column.notes if column.kind != "id"
    )


def _is_for_texts(texts: Sequence[ColumnLook], free: Sequence[ColumnLook]) -> bool:
    others = [column for column in free if column.kind in ("number", "category", "date") and not _is_role(column)]
    long = any(column.length >= LONG_TEXT or column.language in EAST_ASIAN for column in texts)
    return len(others) < FEW_FEATURES or any(is_text_name(column.name) for column in texts) or long


def _is_role(column: ColumnLook) -> bool:
    return GROUP_NAME.fullmatch(column.name) is not None


def _text_columns(texts: Sequence[ColumnLook]) -> dict[str, Any]:
    """Return the columns with the text, and with the second text of a pair."""
    by_name = {column.name.strip().lower(): column.name for column in texts}
    for first, second in PAIRS:
        if first in by_name and second in by_name:
            return {"text": by_name[first], "pair": by_name[second]}
    for name in by_name:
        if found := PAIR.fullmatch(name):
            second = {"1": "2", "a": "b", "first": "second", "one": "two"}.get(found[2], "")
            other = name[: found.start(2)] + second
            if second and other in by_name:
                return {"text": by_name[name], "pair": by_name[other]}
    named = [column.name for column in texts if is_text_name(column.name)][:MOST_TEXTS]
    if named:
        return {"text": named[0] if len(named) == 1 else named}
    return {"text": max(texts, key=lambda column: column.length).name}


def _settled(plan: LoadingPlan, rows: _Rows, before: _Tried | None = None) -> _Tried:
    """Call the loader until it reads the rows, taking the advice of each refusal.

    Args:
        plan: to begin with.
        rows: that are read.
        before: a plan that was settled, whose rows are not read again where only the folds are others.
    """
    if before is not None and plan.reads_as(before[0]):
        return plan, before[1]
    taken: list[Mapping[str, Any]] = []
    for _ in range(MOST_TRIES):
        try:
            samples, spec = plan.load(rows.opened, rows.name)
        except FoldwiseError as refusal:
            setting = remedy_for(refusal, rows.columns, rows.opened.rows, rows.name)
            if not setting or setting in taken:
                rows.refusals.append(Refusal(str(refusal)))
                return plan, None
            taken.append(setting)
            plan = plan.with_setting(setting)
            rows.refusals.append(Refusal(str(refusal), as_options(setting)))
            continue
        noted = advice_in_notes(spec, plan)
        if not noted:
            return replace(plan, loss=spec.task.first_loss or ""), (samples, spec)
        setting, note = noted
        rows.refusals.append(Refusal(note, as_options(setting), refused=False))
        plan = plan.with_setting(setting)
    return plan, None


def _split_and_groups(samples: Samples, columns: Sequence[ColumnLook]) -> tuple[dict[str, str], dict[str, str]]:
    """Return the columns that look like a split and like a group, and why, as the audit of a run finds them."""
    table = named_columns(samples)
    splits = {name: f"looks like a split ({_some(cells_N)})" for name, cells_N in split_columns(samples, table).items()}
    groups = {
        name: f"{len(np.unique(cells_N.astype(np.str_))):,} values, each in several rows"
        for name, cells_N in group_columns(samples, table).items()
    }
    surely = sorted(groups, key=lambda name: re.match(WHO, name, re.I) is None)
    return splits, {name: groups[name] for name in surely}


def _some(cells_N: Any) -> str:
    return ", ".join(sorted({str(cell) for cell in cells_N.tolist() if cell == cell and cell not in (None, "")})[:4])


def _with_ids(plan: LoadingPlan, columns: Sequence[ColumnLook], taken: set[str]) -> tuple[LoadingPlan, dict[str, str]]:
    """Give the rows the names that a column has for them, and leave out other such columns."""
    found = {column.name: "another value in every row" for column in columns if column.kind == "id"}
    taken = taken | _labels(plan, columns)
    found = {name: why for name, why in found.items() if name not in taken}
    named = [name for name in found if ID_NAME.fullmatch(name.strip())] or list(found)
    if named and plan.source != "image_csv":
        plan = plan.with_setting({"id": named[0]})
        others = [name for name in found if name != named[0]]
        if others and plan.source == "csv_tabular":
            plan = plan.with_setting({"drop": others})
    return plan, found


def _with_roles(plan: LoadingPlan, splits: Mapping[str, str], groups: Mapping[str, str]) -> LoadingPlan:
    split, group = next(iter(splits), None), next(iter(groups), None)
    others = [name for name in splits if name != split]
    plan = replace(plan, columns=replace(plan.columns, split=split, group=group))
    return plan.with_setting({"drop": others}) if others and plan.source == "csv_tabular" else plan


def _with_folds(plan: LoadingPlan, loaded: tuple[Samples, DataSpec], rows: _Rows) -> LoadingPlan:
    """Add the options of the split: a given one, else by groups, else as the task is stratified."""
    samples, spec = loaded
    if samples.split_N is not None:
        try:
            _make_given(samples, spec, rows.name, plan.columns.split)
            return replace(plan, cv=("cv=predefined",))
        except FoldwiseError as refusal:
            rows.refusals.append(Refusal(str(refusal), f"data.split={plan.columns.split} is left out"))
            column = str(plan.columns.split)
            plan = plan.without("split")
            plan = plan.with_setting({"drop": [column]}) if plan.source == "csv_tabular" else plan
    strategy, options = spec.task.stratified, list[str]()
    if samples.groups_N is not None:
        n_groups = len(np.unique(samples.groups_N))
        strategy = spec.task.grouped
        options = [f"cv={strategy}", *([f"cv.n_splits={n_groups}"] if n_groups < N_SPLITS else [])]
    elif strategy != Task.stratified:
        options = [f"cv={strategy}"]
    few, refusals = list[str](), tuple[Refusal, ...]()
    if rows.whole and len(options) < 2:
        few, refusals = few_rows_options(strategy, samples.target, samples.groups_N, spec.classes, spec.task)
    rows.refusals.extend(refusals)
    return replace(plan, cv=(*options, *few))


def _make_given(samples: Samples, spec: DataSpec, name: str, column: str | None) -> None:
    given = given_folds(None, samples.ids_N, samples.split_N, f"{name}: column '{column}'")
    make_folds(
        "predefined",
        samples.target,
        ids_N=samples.ids_N,
        groups_N=samples.groups_N,
        classes=spec.classes,
        n_splits=N_SPLITS,
        repeats=1,
        shuffle=False,
        random_state=0,
        predefined=given,
    )
