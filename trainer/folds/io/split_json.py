"""The split files that are JSON: folds.json, nnU-Net's splits_final.json and MONAI's datalist.

nnU-Net: documentation/manual_data_splits.md. MONAI: ``monai.auto3dseg.utils.datafold_read`` holds the entries of one
``fold`` out and trains on all others, entries without ``fold`` included.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.errors import DataError
from trainer.folds.io.matching import RowFinder, cell_text
from trainer.folds.plan import FoldPlan, plan_of
from trainer.folds.request import Pair
from trainer.folds.strategies.predefined import Predefined
from trainer.store.own_files import is_given, read_given
from trainer.system import arrow_files


def read_json(file: Path, text: str, finder: RowFinder) -> Predefined:
    """Read a split by what the JSON holds, whatever the file is called.

    Raises:
        DataError: it holds none of the three, or is of other data.
    """
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{file}: is not JSON: {error}") from error
    if isinstance(content, list):
        return _from_nnunet(file, content, finder)
    if isinstance(content, dict) and isinstance(content.get("training"), list):
        return _from_datalist(file, content["training"], finder)
    if isinstance(content, dict) and "fold_of_row" in content:
        return _from_plan(file, content, finder)
    raise DataError(
        f"{file}: is no folds.json ('fold_of_row'), splits_final.json (a list of 'train' and 'val') "
        "or MONAI datalist ('training')"
    )


def plan_text(plan: FoldPlan, ids: list[str]) -> str:
    """Return folds.json with the ids, so that it can be used on its own."""
    return json.dumps({**json.loads(plan.to_json()), "ids": ids}, ensure_ascii=False) + "\n"


def nnunet_text(plan: FoldPlan, ids: list[str]) -> str:
    """Return splits_final.json; the folds of further repeats follow."""
    folds = []
    for number in range(plan.n_folds):
        train, held_out = plan.rows(*divmod(number, plan.n_splits))
        folds.append({"train": [ids[row] for row in train], "val": [ids[row] for row in held_out]})
    return json.dumps(folds, indent=4, ensure_ascii=False) + "\n"


def datalist_text(plan: FoldPlan, ids: list[str]) -> str:
    """Return a datalist whose images are the ids; rows that are never held out have no fold."""
    entries = [
        {"image": one, "fold": fold} if fold >= 0 else {"image": one}
        for one, fold in zip(ids, plan.fold_of_row[0].tolist(), strict=True)
    ]
    return json.dumps({"training": entries}, indent=4, ensure_ascii=False) + "\n"


def _from_plan(file: Path, content: Mapping[str, Any], finder: RowFinder) -> Predefined:
    try:
        _require_lists(content)
        plan = plan_of({**content, "fingerprint": "", "notes": ()})
        numbers = range(plan.n_folds if plan.train_rows else 0)
        pairs = [plan.rows(*divmod(number, plan.n_splits)) for number in numbers]
        ids = [str(one) for one in content.get("ids") or ()] or _ids_beside(file)
    except (LookupError, TypeError, ValueError, ArithmeticError) as error:
        raise DataError(f"{file}: is damaged: {error!r}") from error
    if plan.fold_of_row.shape[1] != (len(ids) if ids else len(finder)):
        raise DataError(
            f"{file}: folds of {plan.fold_of_row.shape[1]} rows, the data has {len(finder)}: it is of other data"
        )
    if not ids and not finder.numbered:
        raise DataError(
            f"{file}: has no ids, and without them its rows cannot be found in data with ids such as "
            f"'{cell_text(finder.first)}'\nput the rows.parquet of its run next to it, or write it with ids: "
            "foldwise split DATA --path RUN/folds.json --out folds.json"
        )
    row_of = finder.rows(ids, "ids", everything=True) if ids else np.arange(len(finder))
    if not pairs:
        return plan.fold_of_row[:, np.argsort(row_of)]
    return tuple((row_of[train], row_of[held_out]) for train, held_out in pairs)


def _require_lists(content: Mapping[str, Any]) -> None:
    first = content["fold_of_row"][0]
    if not isinstance(first, list):
        raise ValueError("fold_of_row is no list with a list for each repeat")
    n_rows = len(first)
    for start, end in (run for part in content.get("train_rows", []) for run in part["runs"]):
        if not 0 <= start < end <= n_rows:
            raise ValueError(f"train_rows from {start} to {end} of {n_rows} rows")


def _ids_beside(file: Path) -> list[str]:
    """Return the ids a run keeps next to its folds.json, or nothing."""
    rows = file.with_name("rows.parquet")
    if not is_given(rows):
        return []
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(arrow_files.copied(read_given(rows)), columns=["id"])
        return [str(one) for one in table["id"].to_pylist()]
    except (OSError, pa.ArrowException, KeyError) as error:
        raise DataError(f"{rows}: the ids of {file.name} cannot be read from it: {error}") from error


def _from_nnunet(file: Path, folds: list[Any], finder: RowFinder) -> tuple[Pair, ...]:
    pairs, named = [], set[str]()
    for number, fold in enumerate(folds):
        if not isinstance(fold, dict) or not all(_is_ids(fold.get(side)) for side in ("train", "val")):
            raise DataError(f"{file}: fold {number} is not {{'train': [ids], 'val': [ids]}}")
        both = set(fold["train"]) & set(fold["val"])
        if both:
            raise DataError(f"{file}: fold {number}: id '{cell_text(min(both))}' is in train and in val")
        named.update(fold["train"], fold["val"])
        train, held_out = (finder.rows(fold[side], f"fold {number}, {side}") for side in ("train", "val"))
        pairs.append((train, held_out))
    if not pairs:
        raise DataError(f"{file}: the list of folds is empty")
    finder.require_all(named)
    return tuple(pairs)


def _is_ids(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _from_datalist(file: Path, entries: list[Any], finder: RowFinder) -> NDArray[np.int64]:
    ids, folds = [], []
    for number, entry in enumerate(entries):
        candidates = list(_names(entry)) if isinstance(entry, dict) else []
        found = finder.find(candidates)
        if found is None:
            raise DataError(
                f"{file}: training entry {number} ({cell_text(', '.join(candidates[:1])) or 'without image'}): none "
                f"of its id, image or label names a row of the data, which has ids such as '{cell_text(finder.first)}'"
            )
        fold = entry.get("fold", -1)
        if not isinstance(fold, int) or isinstance(fold, bool):
            raise DataError(f"{file}: training entry {number}: fold {cell_text(repr(fold))} is not a whole number")
        ids.append(found)
        folds.append(fold)
    row_of = finder.rows(ids, "training", everything=True)
    return np.array(folds, dtype=np.int64)[np.argsort(row_of)]


def _names(entry: Mapping[str, Any]) -> Iterator[str]:
    """Yield what may be the id: id, image and label as given, their file names, without endings, their folders."""
    for key in ("id", "image", "label"):
        value = entry.get(key)
        for path in value if isinstance(value, list) else [value]:
            if isinstance(path, str) and path:
                name = Path(path).name
                yield from (path, name, name.split(".")[0], Path(path).parent.name)
