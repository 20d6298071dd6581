"""Excel workbooks (.xlsx): one sheet, whose first line has the names.

openpyxl reads them, which is slow: python-calamine took a tenth of its time (20,000 rows of 10 cells: 0.6 s for 5.4 s),
but does not say how a number is shown (00123 is 123 then), what is hidden, and whether an empty cell has a formula.
"""

import warnings
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa

from trainer.data.columns.options import ColumnOptions
from trainer.data.columns.roles import setting
from trainer.data.readers.contract import OpenTable
from trainer.data.readers.csv_form import csv_form
from trainer.data.readers.sheet_layout import Layout, address, read_layout
from trainer.data.readers.sheets import Grid, read_grid
from trainer.data.readers.table_checks import LOOKED_AT, check_first_line
from trainer.data.readers.typed_cells import typed_column
from trainer.errors import ConfigError, DataError, did_you_mean, shown
from trainer.wording.lists import first_few

NAME = "an Excel workbook"
ENDINGS = (".xlsx", ".xlsm")
ALSO = (".xls", ".xlsb", ".xlt", ".xltx")
MAGIC = ()
USES = frozenset({"table", "header"})

ZIP, OLD = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
ENCRYPTED = "EncryptedPackage".encode("utf-16-le")


def recognizes(path: Path, head: bytes) -> bool:
    """Return whether it ends as a workbook and begins as one, be it one that is not read."""
    return path.suffix.lower() in (*ENDINGS, *ALSO) and head.startswith((ZIP, OLD))


def read(path: Path, columns: ColumnOptions) -> OpenTable:
    """Return the cells of a sheet: numbers, truth values and text; dates as ISO text."""
    _refuse_other_forms(path)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="openpyxl")  # on what a table does not need: fonts, validation
        with closing(_open(path)) as book:
            sheet, notes = _choose_sheet(book, columns.table, path)
            layout = read_layout(path, sheet)
            grid = read_grid(sheet, layout.number_formats)
    form = csv_form(None, ",", header=columns.header)
    if not form.has_header:
        grid = grid.under(form.names([""] * grid.width, path))
    grid.refuse_oddities(layout, path)
    table, said = _as_table(grid, path)
    if form.header is None:
        check_first_line(_as_words(table), path)
    return OpenTable(table, notes=(*notes, *_hidden_note(grid, layout), *grid.notes(), *said))


def _as_words(table: pa.Table) -> pa.Table:
    """Return the first cells as text, as the check of a CSV file's first line takes them."""
    first = table.slice(0, LOOKED_AT)
    return pa.table([cells.cast(pa.string()) for cells in first.columns], first.column_names)


def _refuse_other_forms(path: Path) -> None:
    with path.open("rb") as file:
        content = file.read(1 << 20)
    if not content:
        raise DataError(f"{path}: the file is empty (0 bytes)")
    if content.startswith(OLD):
        if ENCRYPTED in content:
            raise DataError(f"{path}: the workbook is encrypted: open it with its password, save it without one")
        raise DataError(f"{path}: a workbook in the old format of Excel (.xls): open it and save it as .xlsx")
    if path.suffix.lower() == ".xlsb":
        raise DataError(f"{path}: a binary workbook (.xlsb): open it and save it as .xlsx")
    if not content.startswith(ZIP):
        raise DataError(
            f"{path}: no workbook, it begins with {shown(repr(content[:16]))}: if it is text, rename it to end in .csv"
        )


def _open(path: Path) -> Any:
    try:
        import openpyxl
    except ImportError as problem:
        raise ConfigError(f"{path}: needs openpyxl: pip install 'foldwise[formats]'") from problem
    try:
        return openpyxl.load_workbook(path, read_only=True, data_only=True)
    except Exception as problem:  # whatever its parts hold: openpyxl raises a dozen of kinds
        raise DataError(f"{path}: not a readable Excel workbook ({shown(str(problem))}): save it again") from problem


def _choose_sheet(book: Any, table: str | None, path: Path) -> tuple[Any, tuple[str, ...]]:
    """Return the sheet that is named, else the only one that is not empty."""
    sheets = {sheet.title: sheet for sheet in book.worksheets}
    for sheet in sheets.values():
        sheet.reset_dimensions()  # what a file says of its size may be wrong, and then rows are missing
    if table is not None:
        if table not in sheets:
            raise ConfigError(f"data.table={table}: no such sheet in {path}{did_you_mean(table, list(sheets))}")
        return sheets[table], ()
    filled = [name for name, sheet in sheets.items() if _is_filled(sheet, path)]
    seen = [name for name in filled if sheets[name].sheet_state == "visible"] or filled
    if not seen:
        raise DataError(f"{path}: every sheet is empty ({first_few(list(sheets), rest=', ...')})")
    if len(seen) > 1:
        listed = first_few([setting("data.table", name) for name in seen])
        raise DataError(f"{path}: {len(seen)} sheets have cells: name one of them\n{listed}")
    others = [name for name in filled if name not in seen]
    note = (f"sheet '{seen[0]}' is read, hidden ones are not ({first_few(others, rest=', ...')})",) if others else ()
    return sheets[seen[0]], note


def _is_filled(sheet: Any, path: Path) -> bool:
    try:
        return any(value is not None for row in sheet.iter_rows(values_only=True) for value in row)
    except Exception as problem:  # a damaged sheet
        raise DataError(f"{path}: sheet '{sheet.title}' cannot be read ({shown(str(problem))})") from problem


def _as_table(grid: Grid, path: Path) -> tuple[pa.Table, tuple[str, ...]]:
    names, arrays = [], []
    notes: list[str] = []
    for column in grid.columns():
        name = grid.name(column)

        def place(row: int, column: int = column) -> str:
            return address(grid.numbers[row], column)

        values, said = typed_column(grid.values(column), name, path, place)
        names.append(name)
        arrays.append(values)
        notes += said
    return pa.Table.from_arrays(arrays, names=names), tuple(notes)


def _hidden_note(grid: Grid, layout: Layout) -> tuple[str, ...]:
    rows = [number for number in grid.numbers if number in layout.hidden_rows]
    columns = [column for column in grid.columns() if column in layout.hidden_columns]
    said = [
        f"{len(found)} hidden {what} of the sheet {'is' if len(found) == 1 else 'are'} read too ({listed})"
        for found, what, listed in (
            (rows, "rows", first_few(rows, rest=", ...")),
            (columns, "columns", first_few([grid.name(column) for column in columns], rest=", ...")),
        )
        if found
    ]
    return tuple(said)
