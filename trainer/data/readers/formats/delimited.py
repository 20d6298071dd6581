"""CSV and TSV: cells between commas, TABs or another character."""

from pathlib import Path

from trainer.data.columns.options import ColumnOptions
from trainer.data.readers.contract import OpenTable, TableBlocks, Wanted
from trainer.data.readers.csv_blocks import csv_blocks
from trainer.data.readers.csv_fast import read_sound_csv
from trainer.data.readers.csv_form import CsvForm, csv_form
from trainer.data.readers.csv_strict import parse_csv
from trainer.data.readers.table_checks import check_first_line, check_swallowed, without_row_names
from trainer.data.readers.text_decoding import decode_text

NAME = "a CSV file"
USUAL = {".csv": ",", ".tsv": "\t", ".txt": "\t"}  # what is between cells
ENDINGS = tuple(USUAL)
ALSO = ()
MAGIC = ()
USES = frozenset({"encoding", "delimiter", "quote", "header"})


def recognizes(path: Path, head: bytes) -> bool:
    """Return False: any text may be one."""
    return False


def read(path: Path, columns: ColumnOptions) -> OpenTable:
    """Return the cells, all text, as they stand in the file ("NA" is "NA").

    A column without a name is called ``unnamed_<position>``, counted from 1.
    """
    form = _form(path, columns)
    notes: tuple[str, ...] = ()
    table = read_sound_csv(path, columns.encoding, form)
    if table is None:
        table, form, notes = parse_csv(decode_text(path, columns.encoding), path, form)
    if form.header is None:
        check_first_line(table, path)
    if form.quoted:
        notes = (*notes, *check_swallowed(table, form.delimiter, path))
    if form.row_names:
        table, left_out = without_row_names(table, columns.id)
        notes = (*notes, *left_out)
    return OpenTable(table, form.delimiter, notes, has_header=form.has_header)


def read_blocks(path: Path, columns: ColumnOptions, wanted: Wanted, n_rows: int) -> TableBlocks | None:
    """Return the same cells block by block, or None where the file is to be read whole."""
    return csv_blocks(path, columns.encoding, _form(path, columns), wanted, n_rows)


def _form(path: Path, columns: ColumnOptions) -> CsvForm:
    return csv_form(columns.delimiter, USUAL.get(path.suffix.lower(), ","), columns.quote, columns.header)
