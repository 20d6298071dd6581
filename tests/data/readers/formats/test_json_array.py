import json

import pandas as pd
import pytest

from trainer.data.columns.options import ColumnOptions
from trainer.data.readers.tables import open_table
from trainer.errors import ConfigError, DataError

ROWS = {"text": ["x", "y", "z"], "n": [1, 2, 3], "label": ["a", "b", "a"]}


def opened(path, **options):
    return open_table(path, ColumnOptions(**options))


@pytest.fixture
def saved(tmp_path):
    def write(content):
        path = tmp_path / "a.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return path

    return write


def test_an_array_of_objects(saved):
    rows = [{"text": "é", "n": 1, "tags": ["a", "b"]}, {"n": 2.5, "text": None, "flag": True, "tags": []}]
    assert opened(saved(rows)).rows.to_pydict() == {
        "text": ["é", None],
        "n": [1.0, 2.5],
        "tags": [["a", "b"], []],
        "flag": [None, True],
    }


@pytest.mark.parametrize("orient", ["records", "split", "columns", "index", "table"])
@pytest.mark.parametrize("index", [None, ["p", "q", "r"]])
def test_what_pandas_writes(tmp_path, orient, index):
    path = tmp_path / "a.json"
    pd.DataFrame(ROWS, index=index).to_json(path, orient=orient)
    if index and orient in ("columns", "index"):
        with pytest.raises(DataError, match=r"cannot be told apart.*orient='records'"):
            opened(path)
    else:
        found = opened(path)
        assert found.rows.select(list(ROWS)).to_pydict() == ROWS
        assert len(found.notes) == (orient != "records")
    pd.DataFrame(ROWS).to_json(path, orient="values")
    with pytest.raises(DataError, match=r"row 1 is no object .*write objects with names"):
        opened(path)


def test_arrays_inside_of_an_object(saved):
    rows = [{"n": 1}, {"n": 2}]
    read = opened(saved({"version": 1, "data": rows, "sizes": [3]}))
    assert (read.rows.to_pydict(), read.notes) == ({"n": [1, 2]}, ("the rows are the array 'data'",))
    path = saved({"images": rows, "info": {}, "annotations": [{"a": 3}]})
    with pytest.raises(DataError, match=r"several arrays.*\ndata\.table=images, data\.table=annotations"):
        opened(path)
    assert opened(path, table="annotations").rows.to_pydict() == {"a": [3]}
    with pytest.raises(ConfigError, match="did you mean 'images'"):
        opened(path, table="image")
    assert opened(saved({"a": [1, 2], "b": ["x", "y"]})).rows.to_pydict() == {"a": [1, 2], "b": ["x", "y"]}


def test_numbers_that_no_computer_word_holds_keep_their_digits(saved):
    read = opened(saved('[{"a": 12345678901234567890123, "b": 1}, {"a": 1, "b": 0.5}]'))
    assert read.rows.to_pydict() == {"a": ["12345678901234567890123", "1"], "b": [1.0, 0.5]}
    assert read.notes == ("column 'a' holds numbers of over 64 bits: it is read as text",)


def test_lines_in_a_file_of_this_ending(saved):
    read = opened(saved('{"a": 1}\n{"a": 2}\n'))
    assert (read.rows["a"].to_pylist(), read.notes) == ([1, 2], ("one JSON object per line: read as JSON lines",))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[1, 2]", r"row 1 is no object \(1\)"),
        ("[]", "an empty array, no rows"),
        ("3", "one JSON value"),
        ('[{"a": 1},]', r"not JSON \(.*line 1, column"),
        ('[{"a": 1, "a": 2}]', "key 'a' twice"),
        ('{"name": "x", "size": 3}', r"one JSON object \(name, size\), not an array"),
        ('[{"a": [1]}, {"a": 1}]', "column .a. holds a list in row 1 and another value in row 2"),
        ('[{"a": "\\ud800"}]', "half of a surrogate pair"),
        ('[{"\\ud800": 1}]', "a key has half of a surrogate pair"),
        ('{"columns": ["a"], "data": [[1], [1, 2]]}', "a row of 'data' has not 1 values"),
        ("[" * 100_000, "not JSON that can be read"),
    ],
)
def test_what_is_no_table(saved, content, message):
    with pytest.raises(DataError, match=message):
        opened(saved(content))
