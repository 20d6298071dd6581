"""Columns of JSON objects, whether they are the items of an array or one per line."""

import json

import pytest

from trainer.data.columns.options import ColumnOptions
from trainer.data.readers.tables import open_table

LARGE = [12345678901234567890, 12345678901234567891]
ROWS = [{"a": "x", "b": 1, "c": LARGE[0]}, {"a": float("nan"), "b": "2", "c": LARGE[1], "d": [1]}]


@pytest.fixture(params=["a.jsonl", "a.json"])
def opened(request, tmp_path):
    file = tmp_path / request.param
    file.write_text(json.dumps(ROWS) if file.suffix == ".json" else "\n".join(map(json.dumps, ROWS)))
    return open_table(file, ColumnOptions())


def test_no_value_is_lost_or_rounded(opened):
    assert opened.rows.to_pydict() == {"a": ["x", None], "b": ["1", "2"], "c": list(map(str, LARGE)), "d": [None, [1]]}


def test_kinds_that_differ_are_told(opened):
    said = " ".join(opened.notes)
    assert "column 'b' holds numbers (" in said
    assert "column 'c' holds numbers of over 64 bits: it is read as text" in said
    assert "column 'a'" not in said


def test_whole_numbers_of_over_64_bits_alone_are_not_rounded(tmp_path):
    (tmp_path / "a.jsonl").write_text("".join(json.dumps({"when": "2024-01-01", "id": n}) + "\n" for n in LARGE))
    rows = open_table(tmp_path / "a.jsonl", ColumnOptions()).rows
    assert rows.to_pydict() == {"when": ["2024-01-01"] * 2, "id": list(map(str, LARGE))}


def test_columns_stay_in_order_where_some_look_like_times(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"n": 1, "when": "2024-01-01 10:00:00", "m": 2}\n')
    rows = open_table(tmp_path / "a.jsonl", ColumnOptions()).rows
    assert rows.to_pydict() == {"n": [1], "when": ["2024-01-01 10:00:00"], "m": [2]}
