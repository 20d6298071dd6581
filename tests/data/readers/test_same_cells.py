"""The same rows, written by each format's own program, give the same cells."""

import sqlite3
from contextlib import closing

import pandas as pd
import polars as pl
import pytest

from trainer.data.columns.options import ColumnOptions
from trainer.data.columns.roles import text_cells
from trainer.data.readers.tables import open_table

ROWS = {
    "text": ['a, "b"\nc', "评论", " x ", "NA"],
    "code": ["00123", "7", "1e5", "0"],
    "n": [1, 2, 3, 40_000_000],
    "x": [0.1, -2.5, 1e-7, 1.0],
    "label": ["yes", "no", "yes", "no"],
}
CELLS = {**ROWS, "n": ["1", "2", "3", "40000000"]}


def to_database(path):
    with closing(sqlite3.connect(path)) as connection:
        pd.DataFrame(ROWS).to_sql("rows", connection, index=False)


def to_hugging_face(path):
    datasets = pytest.importorskip("datasets")
    datasets.disable_progress_bars()
    datasets.Dataset.from_dict(ROWS).save_to_disk(path)


WRITERS = {
    "a.csv": lambda path: pd.DataFrame(ROWS).to_csv(path, index=False),
    "a.tsv": lambda path: pl.DataFrame(ROWS).write_csv(path, separator="\t"),
    "a.csv.gz": lambda path: pd.DataFrame(ROWS).to_csv(path, index=False),
    "a.jsonl": lambda path: pd.DataFrame(ROWS).to_json(path, orient="records", lines=True),
    "a.json": lambda path: pl.DataFrame(ROWS).write_json(path),
    "a.parquet": lambda path: pl.DataFrame(ROWS).write_parquet(path),
    "parts": lambda path: path.mkdir() or pd.DataFrame(ROWS).to_parquet(path / "part-0.parquet"),
    "a.feather": lambda path: pd.DataFrame(ROWS).to_feather(path),
    "a.arrow": lambda path: pl.DataFrame(ROWS).write_ipc_stream(path),
    "a.xlsx": lambda path: pd.DataFrame(ROWS).to_excel(path, index=False),
    "a.dta": lambda path: pd.DataFrame(ROWS).to_stata(path, write_index=False, version=118),
    "a.db": to_database,
    "saved": to_hugging_face,
}


@pytest.mark.parametrize("name", WRITERS)
def test_the_same_rows_are_the_same_cells(tmp_path, name):
    WRITERS[name](tmp_path / name)
    rows = open_table(tmp_path / name, ColumnOptions()).rows
    cells = {column: text_cells(rows, column, name).to_pylist() for column in rows.column_names}
    x = [float(cell) for cell in cells.pop("x")]
    assert (cells, x) == ({name: CELLS[name] for name in ROWS if name != "x"}, ROWS["x"])
