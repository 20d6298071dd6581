"""OpenML's splits of a task: an ARFF file with a row for each row of the data in each fold of each repeat."""

import csv
import re
from collections import defaultdict
from pathlib import Path

import numpy as np

from trainer.errors import DataError
from trainer.folds.io.matching import RowFinder, cell_text
from trainer.folds.plan import FoldPlan
from trainer.folds.request import Pair

ATTRIBUTE = re.compile(r"@attribute\s+'?\"?(\w+)", re.IGNORECASE)
TYPES = ("TRAIN", "TEST")
NUMBERS = ("repeat", "fold", "rowid")
HEADER = (
    "@relation splits\n\n@attribute type {TRAIN,TEST}\n@attribute rowid numeric\n@attribute repeat numeric\n"
    "@attribute fold numeric\n\n@data\n"
)


def read_openml(file: Path, text: str, finder: RowFinder) -> tuple[Pair, ...]:
    """Read folds; ``rowid`` is the number of a row of the data, from 0.

    Raises:
        DataError: it is no such file, or of other data; names the line.
    """
    lines = list(enumerate(text.splitlines(), start=1))
    start = next((place for place, (_, line) in enumerate(lines) if line.strip().lower() == "@data"), len(lines))
    found = (ATTRIBUTE.match(line.strip()) for _, line in lines[:start])
    names = [match[1].lower() for match in found if match]
    if not {"type", *NUMBERS} <= set(names):
        raise DataError(f"{file}: no split of OpenML: wants attributes type, rowid, repeat and fold; has {names}")
    rows: dict[tuple[int, int], dict[str, list[int]]] = defaultdict(lambda: {kind: [] for kind in TYPES})
    for number, line in lines[start + 1 :]:
        if not line.strip() or line.startswith("%"):
            continue
        cells = dict(zip(names, next(csv.reader([line], skipinitialspace=True)), strict=False))
        kind, values = cells.get("type", "").upper(), [cells.get(name, "") for name in NUMBERS]
        if kind not in TYPES or not all(re.fullmatch(r"\d{1,9}(\.0+)?", value) for value in values):
            raise DataError(f"{file} line {number}: '{cell_text(line)}' is no TRAIN or TEST with whole numbers")
        repeat, fold, row = (int(float(value)) for value in values)
        if row >= len(finder):
            raise DataError(f"{file} line {number}: row {row}: the data has rows 0..{len(finder) - 1}: other data?")
        rows[repeat, fold][kind].append(row)
    if not rows:
        raise DataError(f"{file}: no rows after @data")
    folds = [rows[key] for key in sorted(rows)]
    return tuple((np.array(fold["TRAIN"], dtype=np.int64), np.array(fold["TEST"], dtype=np.int64)) for fold in folds)


def openml_text(plan: FoldPlan) -> str:
    """Return the file of a plan."""
    lines = []
    for number in range(plan.n_folds):
        repeat, fold = divmod(number, plan.n_splits)
        for kind, rows in zip(TYPES, plan.rows(repeat, fold), strict=True):
            lines += [f"{kind},{row},{repeat},{fold}\n" for row in rows.tolist()]
    return HEADER + "".join(lines)
