"""KEEL: a header as that of ARFF with ``@inputs`` and ``@outputs``, and data sets in folds.

A family of files (``x-5-1tra.dat``, ``x-5-1tst.dat``, ...) is one table: the test parts, each of which is a fold.
"""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from trainer.data.columns.options import ColumnOptions
from trainer.data.readers.arff_rows import read_cells
from trainer.data.readers.attribute_header import Header, begins_with_relation, is_code, read_header
from trainer.data.readers.contract import OpenTable
from trainer.data.readers.text_decoding import decode_text
from trainer.errors import DataError
from trainer.wording.lists import first_few

NAME = "a KEEL file"
ENDINGS = (".dat",)
ALSO = ()
MAGIC = ()
USES = frozenset({"encoding"})
MISSING = ("?", "<null>")
PART = re.compile(r"(?P<family>.+-(?P<k>\d+)[a-z]*-)(?P<fold>\d+)(?P<kind>tra|tst)\.dat", re.IGNORECASE)


def recognizes(path: Path, head: bytes) -> bool:
    """Return whether it begins with ``@relation``, after comments, or is a folder with the parts of a family."""
    return begins_with_relation(head) or (path.is_dir() and any(map(PART.fullmatch, _names(path))))


def beside(name: str, others: Sequence[str]) -> list[str]:
    """Return the other parts of a family."""
    own = PART.fullmatch(name.rpartition("/")[2])
    parts = {other: PART.fullmatch(other.rpartition("/")[2]) for other in others}
    return [other for other, part in parts.items() if own and part and part["family"] == own["family"]]


def read(path: Path, columns: ColumnOptions) -> OpenTable:
    """Return the rows of a file, or of all test parts of the family that it is one of, with their folds."""
    family = _family(path)
    if not family:
        header, table = _read_file(path, columns)
        return OpenTable(table, known=_known(header, table))
    tests = {fold: file for (kind, fold), file in family.items() if kind == "tst"}
    parts = {fold: _read_file(file, columns) for fold, file in sorted(tests.items())}
    (_, (header, first)), *_ = parts.items()
    for fold, (_, table) in parts.items():
        if table.schema != first.schema:
            raise DataError(f"{tests[fold]}: its attributes are not those of {tests[min(tests)].name}")
    checked = [fold for fold in tests if ("tra", fold) in family]
    for fold in checked:
        _require_union(family["tra", fold], [table for other, (_, table) in parts.items() if other != fold], columns)
    name = next(name for name in ("fold", "keel_fold") if name not in first.column_names)
    folds = [fold - 1 for fold, (_, table) in parts.items() for _ in range(table.num_rows)]
    rows = pa.concat_tables([table for _, table in parts.values()]).append_column(name, pa.array(folds))
    return OpenTable(rows, notes=(_note(name, tests, len(checked)),), known={**_known(header, first), "split": name})


def _note(column: str, tests: dict[int, Path], n_checked: int) -> str:
    names = [tests[fold].name for fold in sorted(tests)]
    said = (
        "" if n_checked == len(tests) else f" ({n_checked} of {len(tests)} training parts are there to check them by)"
    )
    return f"the folds of {first_few(names, 3, rest=', ...')} are column '{column}'{said}: cv=predefined trains on them"


def _names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def _family(path: Path) -> dict[tuple[str, int], Path]:
    """Return the files of a family by part and fold; nothing where a file is of none.

    Raises:
        DataError: a test part is missing, or a folder holds several families.
    """
    folder = path if path.is_dir() else path.parent
    found = {name: part for name in _names(folder) if (part := PART.fullmatch(name))}
    own = None if path.is_dir() else PART.fullmatch(path.name)
    if own is None and not path.is_dir():
        return {}
    families = sorted({part["family"] for part in found.values()})
    if own is None and len(families) > 1:
        raise DataError(f"{path}: parts of several data sets ({first_few(families)}): give one of the files")
    part = own or next(iter(found.values()))
    files = {
        (each["kind"].lower(), int(each["fold"])): folder / name
        for name, each in found.items()
        if each["family"] == part["family"]
    }
    lacking = [fold for fold in range(1, int(part["k"]) + 1) if ("tst", fold) not in files]
    if lacking:
        raise DataError(
            f"{path}: {part['family']}{lacking[0]}tst.dat is not beside it: all {part['k']} test parts are needed, "
            "each is a fold\nto read one file as it is, give it a name without its fold, such as x.dat"
        )
    return files


def _read_file(path: Path, columns: ColumnOptions) -> tuple[Header, pa.Table]:
    header = read_header(decode_text(path, columns.encoding, header=False).decode(), path)
    names = [attribute.name for attribute in header.attributes]
    if len(set(names)) < len(names) or not names:
        raise DataError(f"{path}: two attributes have one name, or there are none: {first_few(names)}")
    inputs, outputs = _listed(header, "input", path), _outputs(header, path)
    cells = dict(zip(names, read_cells(header, path, MISSING).columns, strict=True))
    kept = [name for name in names if not inputs or name in (*inputs, *outputs)]
    return header, pa.table({name: cells[name] for name in kept})


def _listed(header: Header, word: str, path: Path) -> list[str]:
    """Return the attributes after ``@inputs`` or ``@outputs``."""
    said = header.others.get(f"{word}s", header.others.get(word, ""))
    names = [name.strip().strip("'\"") for name in said.split(",") if name.strip()]
    have = [attribute.name for attribute in header.attributes]
    lacking = [name for name in names if name not in have]
    if lacking:
        raise DataError(f"{path}: @{word}s names '{lacking[0]}', which is no attribute; have: {first_few(have)}")
    return names


def _outputs(header: Header, path: Path) -> list[str]:
    return _listed(header, "output", path) or [header.attributes[-1].name]


def _known(header: Header, table: pa.Table) -> dict[str, Any]:
    outputs = _outputs(header, Path())
    codes = [one.name for one in header.attributes if is_code(one) and one.name in table.column_names]
    return {"label": outputs[0] if len(outputs) == 1 else outputs, "categorical": codes}


def _require_union(training: Path, others: Sequence[pa.Table], columns: ColumnOptions) -> None:
    """Refuse a training part that is not made of the other test parts, in whatever order."""
    _, table = _read_file(training, columns)
    have, wanted = _counted([table]), _counted(others)
    if have != wanted:
        lacking, more = wanted - have, have - wanted
        raise DataError(
            f"{training}: not the rows of the other test parts: {lacking.total()} of them are missing in it, "
            f"{more.total()} others are there\nare all files of one division? download them again"
        )


def _counted(tables: Sequence[pa.Table]) -> Counter[tuple[Any, ...]]:
    return Counter(
        row for table in tables for row in zip(*(column.to_pylist() for column in table.columns), strict=True)
    )
