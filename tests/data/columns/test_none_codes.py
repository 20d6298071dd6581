"""Numbers that mean "no value": told where they look like it, left out where they are listed."""

import numpy as np
import pyarrow as pa
import pytest

from trainer.data.columns.features import read_features
from trainer.data.columns.known_features import KnownFeatures
from trainer.data.columns.none_codes import none_code
from trainer.data.columns.number_forms import numbers_for_none, words_for_none


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([1, 5, 3, -99, -99], "-99 in 2 rows, others 1 to 5"),
        ([1, 5, 3, 99, 99, 99], "99 in 3 rows, others 1 to 5"),
        ([12.5, 30.1, np.nan, -9999, -9999], "-9999 in 2 rows, others 12.5 to 30.1"),
        ([0, 90_000, 20, -9, -9], "-9 in 2 rows, others 0 to 90000"),
        ([0.5, 20.25, 999.9, 999.9], "999.9 in 2 rows, others 0.5 to 20.25"),
        ([0.5, 20.25, 9.96921e36, 9.96921e36], "9.96921e+36 in 2 rows, others 0.5 to 20.25"),
        ([5, 6, -32768, -32768], "-32768 in 2 rows, others 5 to 6"),
        ([-200, -200, -200, *range(20, 400, 7)], "-200 in 3 rows, others 20 to 398"),
        ([365243, 365243, 365243, *range(-9000, -100, 99)], "365243 in 3 rows, others -9000 to -189"),
    ],
)
def test_a_code_in_several_rows_far_from_all_others_is_told(values, said):
    assert none_code(np.array(values, dtype=float)) == said


@pytest.mark.parametrize(
    "values",
    [
        [1, 5, 3, -99],  # once
        [97, 98, 99, 99, 96],  # percentiles
        [-9.0, -9.0, 0.5, 3.2],  # degrees
        [-150.2, -99, -99, 310],
        [0, 99, 99],
        [0, 41310, 99999, 99999, 80000],
        [-1, -1, 0, 5],
        [-45, -45, -45, 0, 45],  # a grid
        [50, 50, 50, 0, 0, 0],
        [0, 0, 0, 9000, 9000, 9000],
        [30, 30, 30, *np.linspace(-60, -5, 40), 12],
        [-200, -200, *range(20, 400, 7)],
        [-99, -99, 0, 0],
        [np.nan, np.nan],
        [],
    ],
)
def test_other_numbers_are_none(values):
    assert none_code(np.array(values, dtype=float)) == ""


def test_numbers_that_are_listed_are_missing_in_every_kind_of_column():
    columns = {
        "typed": pa.chunked_array([pa.array([1, -99, 3])]),
        "text": pa.chunked_array([["1.5", "-99", "-99.0"]]),
    }
    table, notes, _ = read_features(dict(columns), "f", free=list(columns), missing=["", -99])
    np.testing.assert_array_equal(table.numeric_NF, [[1, 1.5], [np.nan, np.nan], [3, np.nan]])
    assert not any("look like no value" in note for note in notes)
    known = KnownFeatures(["typed", "text"], [], {}, ["", -99], {})
    found = known.read(pa.table(columns), "new", 0)
    np.testing.assert_array_equal(found.numeric_NF, table.numeric_NF)
    assert numbers_for_none(["", "NA", None, "-9.5", 7]) == [-9.5, 7.0]


def test_what_yaml_makes_of_null_and_nan_is_each_of_their_writings():
    assert words_for_none([None, float("nan"), "None", -99]) == [
        *("null", "Null", "NULL", "nan", "NaN", "NAN", "None", "-99")
    ]
    for missing, cells in (([None], ["1", "NULL", "null"]), ([float("nan")], ["1", "NaN", "nan"])):
        table, _, _ = read_features({"x": pa.chunked_array([cells])}, "f", free=["x"], missing=missing)
        np.testing.assert_array_equal(table.numeric_NF[:, 0], [1, np.nan, np.nan])


@pytest.mark.parametrize("word", ["", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "NULL", "null", "None", "?"])
def test_words_for_no_value_that_programs_write(word):
    table, _, _ = read_features({"x": pa.chunked_array([["1.5", word, "2"]])}, "f", free=["x"])
    np.testing.assert_array_equal(table.numeric_NF[:, 0], [1.5, np.nan, 2])


def test_columns_with_such_a_number_are_told_in_one_line():
    columns = {f"q{n}": pa.chunked_array([pa.array([1, 2, 3, -99, -99])]) for n in range(5)}
    _, notes, _ = read_features(columns, "f", free=list(columns))
    told = [note for note in notes if "look like no value" in note]
    assert len(told) == 1
    assert told[0].startswith("numbers that look like no value: 'q0' (-99 in 2 rows, others 1 to 3), 'q1' (")
    assert told[0].endswith(" and 2 more; if they mean that, add them to data.missing")
