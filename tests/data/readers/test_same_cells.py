"""The same rows, written by each format's own program, give the same cells."""

import datetime
import json
import sqlite3
from contextlib import closing
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest

from trainer.data.columns.options import ColumnOptions
from trainer.data.columns.roles import text_cells
from trainer.data.readers.tables import open_table
from trainer.data.sources.csv_tabular import load_csv_tabular

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


N = 12
AWKWARD = pd.DataFrame(
    {
        "id": [2**53 + 1 + 2 * row for row in range(N)],
        "flag": [row % 3 == 0 for row in range(N)],
        "perhaps": pd.array([[True, False, None][row % 3] for row in range(N)], dtype="boolean"),
        "day": [datetime.date(2024, 1 + row, 3) for row in range(N)],
        "code": [f"{row % 5 + 7:05}" for row in range(N)],
        "word": [["a", "", float("nan"), "NA", "b"][row % 5] for row in range(N)],
        "tiny": [[5e-324, 1e-308, -0.1, 0.1][row % 4] for row in range(N)],
        "price": [Decimal("34.30") + row for row in range(N)],
        "whole": pd.array([None if row % 5 == 0 else row for row in range(N)], dtype="Int64"),
        "size": pd.Categorical(
            [["mid", "low", "high"][row // 2 % 3] for row in range(N)], ["low", "mid", "high", "no"]
        ),
        "quoted": [['say "x"', "a,b;c\td", "line\nbreak", "it's 评论"][row % 4] for row in range(N)],
        "label": pd.Categorical(["no", "no", "yes", "maybe"] * (N // 4), ["yes", "never", "no", "maybe"]),
    }
)


def plain_rows():
    """Return the rows as Python's json takes them: what is missing is NaN among texts, null elsewhere."""
    rows = AWKWARD.astype({"price": float, "day": str}).astype(object).to_dict("records")
    return [{name: None if value is pd.NA else value for name, value in row.items()} for row in rows]


def to_arff(path):
    quoted = {"word", "quoted"}
    kinds = {"flag": "{True,False}", "perhaps": "{False,True}", "day": "date yyyy-MM-dd", "size": "{low,mid,high}"}
    kinds |= {"code": "{00007,00008,00009,00010,00011}", "label": "{yes, never, no, maybe}"}
    kinds |= dict.fromkeys(("id", *quoted), "string") | dict.fromkeys(("tiny", "price", "whole"), "numeric")
    head = [f"@attribute {name} {kinds[name]}" for name in AWKWARD.columns]
    escaped = str.maketrans({"\\": "\\\\", "'": "\\'", "\n": "\\n", "\t": "\\t"})
    rows = [
        ",".join(
            "?" if pd.isna(value) else f"'{str(value).translate(escaped)}'" if name in quoted else str(value)
            for name, value in zip(AWKWARD.columns, row, strict=True)
        )
        for row in AWKWARD.astype({"perhaps": object, "whole": object}).itertuples(index=False)
    ]
    path.write_text("\n".join(["@relation r", *head, "@data", *rows]), encoding="utf-8")


def to_polars(frame):
    order = pl.Enum(["no", "mid", "low", "high"])
    return pl.from_pandas(frame.astype({"size": object, "label": object})).with_columns(pl.col("size").cast(order))


AWKWARD_WRITERS = {
    "a.csv": lambda path: AWKWARD.to_csv(path, index=False),
    "polars.csv": lambda path: to_polars(AWKWARD).write_csv(path),
    "pandas.parquet": AWKWARD.to_parquet,
    "polars.parquet": lambda path: to_polars(AWKWARD).write_parquet(path),
    "a.feather": AWKWARD.to_feather,
    "a.jsonl": lambda path: path.write_text("\n".join(map(json.dumps, plain_rows()))),
    "a.json": lambda path: path.write_text(json.dumps(plain_rows())),
    "iso.jsonl": lambda path: to_polars(AWKWARD.astype({"price": float})).write_ndjson(path),
    "a.xlsx": lambda path: AWKWARD.astype({"id": str}).to_excel(path, index=False),  # Excel keeps 15 digits
    "a.arff": to_arff,
}


@pytest.mark.parametrize("name", AWKWARD_WRITERS)
def test_awkward_cells_are_the_same_features(tmp_path, name):
    AWKWARD_WRITERS[name](tmp_path / name)
    samples, spec = load_csv_tabular(str(tmp_path / name), ColumnOptions(id="id"))
    truth = {True: 1.0, False: 0.0}
    days = [(day - datetime.date(1970, 1, 1)).days for day in AWKWARD["day"]]
    numbers = {
        "flag": AWKWARD["flag"].map(truth),
        "perhaps": [truth.get(value, np.nan) for value in AWKWARD["perhaps"]],
        "day": days,
        "tiny": AWKWARD["tiny"],
        "price": [float(price) for price in AWKWARD["price"]],
        "whole": AWKWARD["whole"].astype(float),
    }
    assert samples.inputs.numeric == tuple(numbers)
    np.testing.assert_array_equal(samples.inputs.numeric_NF, np.column_stack(list(map(np.asarray, numbers.values()))))
    words = {name: AWKWARD[name].astype(object) for name in ("code", "word", "size", "quoted")}
    words["word"] = [word if word in ("a", "b") else None for word in words["word"]]
    assert samples.inputs.categorical == tuple(words)
    assert samples.inputs.categorical_NK.T.tolist() == [list(column) for column in words.values()]
    assert samples.ids_N.tolist() == AWKWARD["id"].astype(str).tolist()
    assert [spec.classes[code] for code in samples.target] == AWKWARD["label"].tolist()
