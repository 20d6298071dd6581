"""Split files of this and of other tools, told apart by name: read as given folds, written from a plan.

``*folds*.json``     folds.json of a run
``*splits*.json``    nnU-Net's splits_final.json: ``[{"train": [ids], "val": [ids]}, ...]``
``*datalist*.json``  MONAI's datalist: ``{"training": [{"image": ..., "fold": k}, ...]}``; no fold = always trained on
``*.csv``, ``*.tsv`` an id and a ``fold`` column (-1 = never held out); ``fold_0``, ``fold_1``, ... for repeats
``*.arff``           OpenML's splits of a task: type (TRAIN, TEST), row number, repeat, fold
``fold_*.txt``       the ids of each fold, one per line; also the folder with these files
``*.npz``            arrays ``train_0``, ``test_0``, ``train_1``, ...: the row numbers scikit-learn's splitters yield
"""

import csv
import io
import json
import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainer.errors import ConfigError, DataError, FoldwiseError
from trainer.folds.io.matching import RowFinder, cell_text
from trainer.folds.io.split_json import datalist_text, nnunet_text, plan_text, read_json
from trainer.folds.io.split_lists import is_lists, list_files, read_lists, write_lists
from trainer.folds.io.split_npz import npz_bytes, read_npz
from trainer.folds.io.split_openml import openml_text, read_openml
from trainer.folds.plan import FoldPlan
from trainer.folds.strategies.predefined import Predefined, from_cells
from trainer.store.own_files import given_text, is_given, require_own_name, write_given
from trainer.system.spreadsheets import defused_id
from trainer.wording.translations import N_, _

KINDS = {".csv": "table", ".tsv": "table", ".npz": "npz", ".arff": "openml"}
INDEX_NAMES = ("", "index", "unnamed: 0")  # of the row numbers that pandas writes
NAMES = (
    "folds.json, splits_final.json (nnU-Net), datalist.json (MONAI), *.csv, *.tsv, *.npz, *.arff (OpenML) or fold_*.txt"
)


def read_split(path: Path | str, ids_N: NDArray[np.str_]) -> Predefined:
    """Read folds made elsewhere, for ``make_folds("predefined", ..., predefined=...)``.

    Args:
        path: of the file.
        ids_N: the data's row names; the file's rows are found by them, in whatever order.

    Returns:
        (repeats, N) fold numbers, -1 = never held out; or pairs of row numbers where a fold does not train on all
        rows it does not hold out.

    Raises:
        ConfigError: the name says no known format.
        DataError: the file cannot be read or is of other data; names the row or id.
    """
    file = Path(path)
    require_own_name(file)
    kind = _kind(file)
    finder = RowFinder(ids_N, str(file))
    if kind == "lists":
        return read_lists(file, finder)
    if not is_given(file):
        raise DataError(_("{file}: no such file of folds").format(file=file))
    if kind == "npz":
        return read_npz(file, finder)
    read = {"table": _read_table, "openml": read_openml}.get(kind, read_json)
    return read(file, given_text(file), finder)


def given_folds(
    path: Path | str | None, ids_N: NDArray[np.str_], split_N: NDArray[np.str_] | None, source: str
) -> Predefined | None:
    """Return the folds of a file or of a column of the data; None where neither is given.

    Args:
        path: of the file, or None.
        ids_N: the data's row names.
        split_N: the column, or None.
        source: of the column, named in messages, such as ``data.csv: column 'fold'``.

    Raises:
        ConfigError: both are given, or the file's name says no known format.
        DataError: they cannot be read or are of other data.
    """
    if path is not None and split_N is not None:
        raise ConfigError("data.split and cv.path both give the folds: leave one of them out")
    if path is not None:
        return read_split(path, ids_N)
    return None if split_N is None else from_cells(split_N.tolist(), source)


def require_replaceable(path: Path | str, ids_N: NDArray[np.str_]) -> None:
    """Refuse to write over a file that holds anything but folds of these rows.

    Raises:
        ConfigError: the name says no known format, or what stands there would be lost.
    """
    file = Path(path)
    kind = _kind(file)
    is_there = bool(list_files(file)) if kind == "lists" else file.exists()
    if not is_there or (file.is_file() and file.stat().st_size == 0):
        return
    try:
        read_split(file, ids_N)
        more = _holds_more(file, kind)
    except (FoldwiseError, OSError):
        more = True
    if more:
        raise ConfigError(
            f"{file}: is there and is not only folds of this data: move it away, or write to another name"
        )


def write_split(path: Path | str, plan: FoldPlan, ids_N: NDArray[np.str_]) -> None:
    """Write a plan in the format its name says, whole or not at all.

    Raises:
        ConfigError: the name says no known format, or the format cannot say what the plan says.
        StorageError: it cannot be written.
    """
    file = Path(path)
    kind = _kind(file)
    if kind in ("table", "datalist", "lists") and plan.train_rows:
        raise ConfigError(f"{file}: this format cannot say which rows a fold leaves out: use folds.json or .npz")
    if kind in ("datalist", "lists") and plan.repeats > 1:
        what = "a datalist holds" if kind == "datalist" else "lists of ids hold"
        raise ConfigError(f"{file}: {what} one split, the plan {plan.repeats} repeats: use folds.json")
    unused = _rows_in_no_fold(plan) if kind == "nnunet" else 0
    if unused:
        raise ConfigError(f"{file}: this format cannot say that {unused} rows are in no fold: use folds.json or .npz")
    ids = ids_N.tolist()
    if kind == "lists":
        write_lists(file, plan, ids)
        return
    if kind == "npz":
        content = npz_bytes(plan, ids_N)
    elif kind == "table":
        content = _table_text(plan, ids, _delimiter(file)).encode()
    elif kind == "openml":
        content = openml_text(plan).encode()
    else:
        text = {"plan": plan_text, "nnunet": nnunet_text, "datalist": datalist_text}[kind](plan, ids)
        content = text.encode()
    write_given(file, content, N_("fold file"))


def _rows_in_no_fold(plan: FoldPlan) -> int:
    unused_N = np.ones(plan.fold_of_row.shape[1], dtype=bool)
    for number in range(plan.n_folds):
        for rows in plan.rows(*divmod(number, plan.n_splits)):
            unused_N[rows] = False
    return int(unused_N.sum())


def _kind(file: Path) -> str:
    name = file.name.lower()
    if file.suffix.lower() in KINDS:
        return KINDS[file.suffix.lower()]
    if is_lists(file):
        return "lists"
    if name.endswith(".json"):
        for word, kind in (("splits", "nnunet"), ("datalist", "datalist"), ("folds", "plan")):
            if word in name:
                return kind
    raise ConfigError(f"{file}: its name says no format of folds: have {NAMES}")


def _holds_more(file: Path, kind: str) -> bool:
    """Say whether a file that can be read as folds holds something else too, such as features."""
    if kind == "table":
        with file.open(encoding="utf-8-sig", newline="") as lines:
            header = next(csv.reader(lines, delimiter=_delimiter(file)))
        return len(header) - len(_fold_columns(header)) > 1
    if kind == "datalist":
        content = json.loads(file.read_text(encoding="utf-8-sig"))
        entries = content.get("training", []) if isinstance(content, dict) else []
        return set(content) != {"training"} or any(set(entry) - {"image", "fold"} for entry in entries)
    if kind == "npz":
        with np.load(file, allow_pickle=False) as arrays:
            return not all(re.fullmatch(r"ids|(train|test)_\d+", name) for name in arrays.files)
    return kind == "plan" and "ids" not in json.loads(file.read_text(encoding="utf-8-sig"))  # it is that of a run


def _read_table(file: Path, text: str, finder: RowFinder) -> Predefined:
    try:
        lines = [line for line in csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(file)) if line]
    except csv.Error as error:
        raise DataError(f"{file}: cannot be read as a table: {error}") from error
    header, cells = (lines[0], lines[1:]) if lines else ([], [])
    short = next((i for i, line in enumerate(cells) if len(line) != len(header)), None)
    if short is not None:
        raise DataError(f"{file}: row {short + 1} has {len(cells[short])} cells, the header {len(header)}")
    folds = _fold_columns(header)
    if not folds:
        raise DataError(f"{file}: no column 'fold' (or fold_0, fold_1, ...): has {', '.join(header)[:80]}")
    row_of = _rows_of_table(file, header, cells, folds, finder)
    named = {f"{file}: column '{header[column]}'": [line[column] for line in cells] for column in folds}
    given = [from_cells(column, source) for source, column in named.items()]
    if len(given) == 1 and not isinstance(given[0], np.ndarray):
        return tuple((row_of[train], row_of[held_out]) for train, held_out in given[0])
    numbers = [_fold_numbers(one, source, len(cells)) for one, source in zip(given, named, strict=True)]
    return np.stack(numbers)[:, np.argsort(row_of)]


def _fold_numbers(given: Predefined, source: str, n_rows: int) -> NDArray[np.int64]:
    """Return the fold of each row, also of a column of words: 0 = held out, -1 = only trained on."""
    if isinstance(given, np.ndarray):
        return given
    train, held_out = given[0]
    if len(given) > 1 or len(train) + len(held_out) < n_rows:
        raise DataError(
            f"{source}: {n_rows - len(train) - len(held_out)} rows are neither train nor held out: columns of repeats "
            "cannot leave rows out, give train_0, test_0, train_1, ... in an .npz"
        )
    numbers_N = np.full(n_rows, -1, dtype=np.int64)
    numbers_N[held_out] = 0
    return numbers_N


def _fold_columns(header: list[str]) -> list[int]:
    names = [name.strip().lower() for name in header]
    for pattern, most in ((r"k?folds?", 1), (r"k?fold_\d+", len(names)), (r"split", 1)):
        found = [column for column, name in enumerate(names) if re.fullmatch(pattern, name)]
        if found:
            return found[:most]
    return []


def _rows_of_table(
    file: Path, header: list[str], cells: list[list[str]], folds: list[int], finder: RowFinder
) -> NDArray[np.int64]:
    others = [column for column in range(len(header)) if column not in folds]
    by_name = [column for column in others if header[column].strip().lower() == "id"]
    if not by_name and finder.numbered:  # a feature may hold the numbers 0..N-1 too: only an index is taken for ids
        others = [column for column in others if header[column].strip().lower() in INDEX_NAMES]
    for column in by_name or others:
        ids = [finder.plain(line[column]) for line in cells]
        if by_name or finder.are_ids(ids):
            return finder.rows(ids, f"column '{header[column]}'", everything=True)
    if len(cells) == len(finder) and finder.numbered:
        return np.arange(len(finder))
    raise DataError(
        f"{file}: no column holds the ids of the {len(finder)} rows, such as '{cell_text(finder.first)}': "
        "name the column of the row ids 'id'"
    )


def _table_text(plan: FoldPlan, ids: list[str], delimiter: str) -> str:
    names = ["fold"] if plan.repeats == 1 else [f"fold_{repeat}" for repeat in range(plan.repeats)]
    buffer = io.StringIO(newline="")
    has_return = any("\r" in one for one in ids)  # which QUOTE_MINIMAL of Python 3.11 leaves bare
    writer = csv.writer(
        buffer,
        delimiter=delimiter,
        lineterminator="\n",
        quoting=csv.QUOTE_NONNUMERIC if has_return else csv.QUOTE_MINIMAL,
    )
    writer.writerow(["id", *names])
    writer.writerows([defused_id(one), *folds] for one, folds in zip(ids, plan.fold_of_row.T.tolist(), strict=True))
    return buffer.getvalue()


def _delimiter(file: Path) -> str:
    return "\t" if file.suffix.lower() == ".tsv" else ","
