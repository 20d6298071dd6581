"""Frames of other libraries by Arrow's C stream."""

import pyarrow as pa
import pytest

from trainer.data.readers.frames import open_frame
from trainer.errors import DataError


class Frame:
    def __init__(self, table, columns=None):
        self.table, self.columns = table, columns or table.column_names

    def __arrow_c_stream__(self, requested_schema=None):
        return self.table.__arrow_c_stream__(requested_schema)


def test_categories_and_views_of_text_are_text_and_row_names_are_left_out():
    words = pa.array(["x", "y", None])
    columns = {
        "category": words.dictionary_encode(),
        "category_of_views": pa.DictionaryArray.from_arrays([0, 1, None], words.cast(pa.string_view()).slice(0, 2)),
        "view": words.cast(pa.string_view()),
        "large": words.cast(pa.large_string()),
        "__index_level_0__": [5, 6, 7],
    }
    opened = open_frame(Frame(pa.table(columns), list(columns)[:-1]), "table")
    assert opened.rows.column_names == list(columns)[:-1]
    assert {column.type for column in opened.rows.columns} == {pa.string()}
    assert all(column.to_pylist() == ["x", "y", None] for column in opened.rows.columns)


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (Frame(pa.table({"a": [1]}), ["a", "b", "b"]), "2 columns are called 'b'"),
        (pa.Table.from_arrays([pa.array([1]), pa.array([2])], ["a", "a"]), "2 columns are called 'a'"),
        (Frame(pa.table({"a": pa.array([], pa.int64())})), "0 rows and 1 columns"),
        ([[1, 2]], "a list is no frame"),
    ],
)
def test_what_is_no_table_is_said(frame, said):
    with pytest.raises(DataError, match=said):
        open_frame(frame, "table")


def test_a_column_that_arrow_does_not_take_is_named():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"a": [1, 2], "mixed": [1, "x"]})
    with pytest.raises(DataError, match="Conversion failed for column mixed"):
        open_frame(frame, "table")


def test_pandas_own_types_are_taken_as_they_are_stored_and_names_of_any_kind_as_text():
    pd = pytest.importorskip("pandas")
    days = pd.period_range("2020-01-01", periods=2, freq="D")
    frame = pd.DataFrame({0: days, "span": pd.interval_range(0, 2)})
    rows = open_frame(frame, "table").rows  # without pandas' warning that 0 is no text
    assert rows.column_names == ["0", "span"]
    assert rows["0"].to_pylist() == [day.ordinal for day in days]
    assert pa.types.is_struct(rows["span"].type)  # which is refused as a feature
