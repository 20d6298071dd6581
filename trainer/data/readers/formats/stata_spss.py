"""Stata (.dta) and SPSS (.sav): codes with labels are read as the labels, codes that mean "missing" as missing."""

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from trainer.data.columns.options import ColumnOptions
from trainer.data.readers.contract import OpenTable
from trainer.data.readers.find import read_head
from trainer.data.readers.typed_cells import as_text, typed_column
from trainer.errors import ConfigError, DataError, shown
from trainer.wording.lists import first_few

NAME = "a Stata or SPSS file"
ENDINGS = (".dta", ".sav", ".zsav")
ALSO = ()
OLD_STATA = tuple(bytes((version, order, 1)) for version in (113, 114, 115) for order in (1, 2))  # 2003 to 2012
MAGIC = (b"<stata_dta>", b"$FL2", b"$FL3", *OLD_STATA)
USES = frozenset({"encoding"})


def recognizes(path: Path, head: bytes) -> bool:
    """Return whether it begins as these files do."""
    return head.startswith(MAGIC)


def read(path: Path, columns: ColumnOptions) -> OpenTable:
    """Return the values, labels in place of codes."""
    values, meta = _read(path, columns.encoding)
    ranges: Mapping[str, Any] = meta.missing_ranges or {}
    labels: Mapping[str, Mapping[Any, str]] = meta.variable_value_labels or {}
    names, arrays = [], []
    notes: list[str] = []
    for name, column in values.items():
        cells, said = _without_missing(column, ranges.get(name, ()), name)
        cells, also_said = _labelled(cells, labels.get(name, {}), name)
        typed, of_type = typed_column([_plain(cell) for cell in cells], name, path, lambda row: f"row {row + 1}")
        names.append(name)
        arrays.append(typed)
        notes += [*said, *also_said, *of_type]
    return OpenTable(pa.Table.from_arrays(arrays, names=names), notes=tuple(notes))


def _read(path: Path, encoding: str) -> tuple[Mapping[str, Sequence[Any]], Any]:
    try:
        import pyreadstat
    except ImportError as problem:
        raise ConfigError(f"{path}: needs pyreadstat: pip install 'foldwise[formats]'") from problem
    head = read_head(path)
    is_stata = not head.startswith(b"$FL") if head.startswith(MAGIC) else path.suffix.lower() == ".dta"
    options: dict[str, Any] = {"output_format": "dict", "encoding": None if encoding == "utf-8" else encoding}
    try:
        if is_stata:
            values, meta = pyreadstat.read_dta(str(path), **options)
        else:
            values, meta = pyreadstat.read_sav(str(path), user_missing=True, **options)
    except (pyreadstat.ReadstatError, pyreadstat.PyreadstatError, ValueError, OSError) as problem:
        kind = "Stata" if is_stata else "SPSS"
        raise DataError(f"{path}: not a readable {kind} file ({shown(str(problem))})") from problem
    return values, meta


def _without_missing(column: Sequence[Any], ranges: Sequence[Mapping[str, Any]], name: str) -> Any:
    """Return the values without those that the file says mean "missing", and a note on them."""
    if not ranges:
        return column, ()

    def is_missing(value: Any) -> bool:
        return any(isinstance(value, type(span["lo"])) and span["lo"] <= value <= span["hi"] for span in ranges)

    cells = [None if value is not None and is_missing(value) else value for value in column]
    found = sorted({as_text(value) for value in column if value is not None and is_missing(value)})
    if not found:
        return cells, ()
    return cells, (f"column '{name}': codes that the file calls missing ({first_few(found, rest=', ...')}): no value",)


def _labelled(cells: Sequence[Any], labels: Mapping[Any, str], name: str) -> tuple[Sequence[Any], tuple[str, ...]]:
    """Return labels in place of codes, where every code has one; a note where not, or where two codes share one."""
    codes = {cell for cell in cells if cell is not None}
    known = [code for code in codes if code in labels]
    if not known:
        return cells, ()
    if len(known) < len(codes):
        bare = sorted(as_text(code) for code in codes - set(known))
        said = f"column '{name}': codes without a label ({first_few(bare, rest=', ...')}), so all stay numbers"
        return cells, (said,)
    times = Counter(labels[code] for code in known)
    shared = sorted(label for label, count in times.items() if count > 1)
    words = {code: f"{labels[code]} [{as_text(code)}]" if labels[code] in shared else labels[code] for code in known}
    notes = (
        (f"column '{name}': several codes have one label ({first_few(shared, rest=', ...')}), kept apart by the code",)
        if shared
        else ()
    )
    return [None if cell is None else words[cell] for cell in cells], notes


def _plain(cell: Any) -> Any:
    """Return dates as ISO text."""
    if isinstance(cell, dt.datetime):
        return cell.isoformat(" ")
    return cell.isoformat() if isinstance(cell, dt.date | dt.time) else cell
