"""LIBSVM and SVMlight: a label and ``index:value`` of what is not zero per row, kept sparse where it is wide."""

import io
import re
from codecs import BOM_UTF8
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from trainer.data.columns.options import ColumnOptions
from trainer.data.readers.contract import OpenTable
from trainer.data.samples import SparseColumns
from trainer.errors import DataError, shown

NAME = "a LIBSVM file"
ENDINGS = (".libsvm", ".svm", ".svmlight")
ALSO = (".csv", ".tsv", ".txt", ".dat", ".data", ".train", ".test", ".valid", ".t", ".tr", ".scale")
MAGIC = ()
USES = frozenset[str]()
NUMBER = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?"  # one way to match each: a line is read once
LINE = re.compile(
    rf"(?:\s*+{NUMBER}(?:,{NUMBER})*+)?(?:\s+qid:\d+)?(?P<pairs>(?:\s+\d+:{NUMBER})*+)\s*+(?:#.*)?$", re.ASCII
)
MOST_INDEX = 2**31 - 2  # that scikit-learn takes
SURE_LINES = 20  # of a file, by which it is recognized
SEVERAL = re.compile(rb"^[ \t]*[^\s#:]+,", re.MULTILINE)
QUERY = re.compile(rb"^[^\s#]+[ \t]+qid:", re.MULTILINE)
MOST_DENSE_COLUMNS = 1024  # at most so many, and ...
MOST_DENSE_CELLS = 1 << 26  # ... cells in all (512 MiB) become plain columns, for which there is more to be had


def recognizes(path: Path, head: bytes) -> bool:
    """Return whether its first lines are labels with ``index:value``."""
    try:
        lines = head.removeprefix(BOM_UTF8).decode("ascii").splitlines()[:SURE_LINES]
    except UnicodeDecodeError:
        return False
    found = [LINE.match(line) for line in lines if line.strip() and not line.lstrip().startswith("#")]
    if len(lines) < SURE_LINES and len(head) > 1 << 15 and found and found[-1] is None:
        found.pop()  # a row that is longer than the head
    return bool(found) and all(found) and any(one["pairs"] for one in found if one)


def read(path: Path, columns: ColumnOptions) -> OpenTable:
    """Return the labels (several joined by commas), the query as group, and the features."""
    payload = path.read_bytes().removeprefix(BOM_UTF8)
    if not payload.strip():
        raise DataError(f"{path}: the file is empty ({len(payload)} bytes)")
    several = b"," in payload and bool(SEVERAL.search(payload))  # the sign is looked for much faster
    query = b"qid:" in payload and bool(QUERY.search(payload))
    matrix, labels, *queries = _loaded(payload, path, several=several, query=query)
    sparse, notes = _columns(matrix, path)
    named: dict[str, Any] = {"label": _label_cells(labels, several)}
    known: dict[str, Any] = {"label": "label", **({"label_delimiter": ","} if several else {})}
    if query:
        named["qid"], known["group"] = pa.array(queries[0]), "qid"
        notes = (*notes, "rows of one query (qid) are a group")
    n_rows, n_columns = matrix.shape
    if sparse.n_columns > MOST_DENSE_COLUMNS or n_rows * n_columns > MOST_DENSE_CELLS:
        notes = (f"{notes[0]}, kept sparse", *notes[1:])
        return OpenTable(pa.table(named), notes=notes, known=known, sparse=sparse, first_index=sparse.first)
    dense_NF = sparse.matrix().toarray()
    named |= {sparse.name(place): pa.array(values_N) for place, values_N in enumerate(dense_NF.T)}
    return OpenTable(pa.table(named), notes=notes, known=known, first_index=sparse.first)


def _loaded(payload: bytes, path: Path, *, several: bool, query: bool) -> tuple[Any, ...]:
    """Return the features, column n of which has the index n, the labels, and the queries if there are any."""
    from sklearn.datasets import load_svmlight_file

    try:
        loaded: tuple[Any, ...] = load_svmlight_file(
            io.BytesIO(payload), zero_based=True, multilabel=several, query_id=query
        )
    except (ValueError, OverflowError, IndexError) as problem:
        raise DataError(f"{path}{_first_wrong(payload)}: not readable as LIBSVM ({shown(str(problem))})") from problem
    return loaded


def _first_wrong(payload: bytes) -> str:
    """Return what is wrong in the first line that is none, as a part of a message."""
    row = 0
    for number, raw in enumerate(payload.decode("utf-8", "replace").splitlines(), start=1):
        line = raw.partition("#")[0].rstrip()
        if not line.strip():
            continue
        row += 1
        found, where = LINE.match(line), f": row {row} (line {number})"
        if found is None:
            return f"{where} is no label with index:value: {shown(line, 80)}"
        indices = [int(pair.partition(":")[0]) for pair in found["pairs"].split()]
        later = next((place for place in range(1, len(indices)) if indices[place] <= indices[place - 1]), None)
        if indices and max(indices) > MOST_INDEX:
            return f"{where} has the index {max(indices)}, beyond {MOST_INDEX}"
        if later is not None:
            return f"{where} has the index {indices[later]} after {indices[later - 1]}: sort them, each once"
        if not re.match(r"\s*[^\s:]+(\s|$)", line) or line[0].isspace():
            return f"{where} has no label: {shown(line, 80)}"
    return ""


def _columns(matrix: Any, path: Path) -> tuple[SparseColumns, tuple[str, ...]]:
    """Return the features; index n is column ``fn`` whatever the file counts from, so no two files shift."""
    matrix.sort_indices()
    if not matrix.nnz:
        raise DataError(f"{path}: no row has a feature (index:value)")
    infinite_P = ~np.isfinite(matrix.data)
    if infinite_P.any():
        row = int(np.searchsorted(matrix.indptr, infinite_P.argmax(), side="right"))
        raise DataError(f"{path}: row {row} has a value that is not finite: leave it out, or replace it")
    first = 0 if (matrix.indices == 0).any() else 1
    last = matrix.shape[1] - 1
    sparse = SparseColumns(
        values_P=matrix.data,
        columns_P=matrix.indices.astype(np.int32) - np.int32(first),
        offsets=matrix.indptr.astype(np.int64),
        n_columns=matrix.shape[1] - first,
        first=first,
    )
    said = "as LIBSVM has it: no row has index 0" if first else "there is an index 0"
    return sparse, (f"indices count from {first} ({said}): columns f{first} to f{last}",)


def _label_cells(labels: Any, several: bool) -> Any:
    if several:
        return pa.array([",".join(f"{label:.17g}" for label in row) for row in labels], pa.string())
    whole = bool(np.all(labels == np.floor(labels)))
    return pa.array(labels.astype(np.int64) if whole else labels)
