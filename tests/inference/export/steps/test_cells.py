"""Cells of new rows mean what they mean to foldwise predict, whose reader is the reference."""

import re

import numpy as np
import pyarrow as pa
import pytest

from trainer.data.columns.known_features import KnownFeatures
from trainer.errors import DataError
from trainer.inference.export.steps.cells import Cells

COLUMNS = [  # how the model's own column was written, and cells of a new one
    ("plain", ["1", " 2.5 ", "-3e-2", "", "NA", "+.5", "0012"]),
    ("plain", ["1", "nan", "NaN", "1_000"]),
    ("plain", ["1", "inf"]),
    ("plain", ["1", "Infinity"]),
    ("plain", ["1,5", "2,25"]),
    ("plain", ["1,234", "2"]),
    ("plain", ["1,234,567", "2"]),
    ("plain", ["12%", "3.5 %"]),
    ("plain", ["\uff11\uff12", "3"]),
    ("plain", ["\u22123", "4"]),
    ("plain", ["yes", "3"]),
    ("plain", ["", "NA"]),
    ("percent", ["12%", "3,5%", ""]),
    ("percent", ["12", "3.5"]),
    ("money", ["$1,200.50", "($3)"]),
    ("decimal comma", ["1,234", "1.234,5"]),
    ("comma thousands", ["1,234", "12"]),
    ("thousands apart", ["1 234", "12"]),
    ("dates, day first", ["01/02/2024", "31/12/2023 12:00"]),
    ("dates", ["2024-01-02", "2024-01-03T06:00"]),
    ("dates", ["3", "4"]),
]


@pytest.mark.parametrize(("form", "cells"), COLUMNS)
def test_numbers_are_those_of_foldwise_predict(form, cells):
    options = {"numeric": ["x"], "written": {"x": form}, "missing": ["", "NA"]}
    mine = Cells(categories={}, **options)
    reference = KnownFeatures(categorical=[], known={}, **options)
    try:
        wanted = reference.read(pa.table({"x": pa.array(cells)}), "f", 10).numeric_NF
    except DataError as refused:
        row = re.search(r"row \d+", str(refused))[0]
        with pytest.raises(ValueError, match=f"column 'x' {row} "):
            mine.read({"x": cells}, 10)
        return
    np.testing.assert_array_equal(mine.read({"x": cells}, 10)["numeric"], wanted)


def test_numbers_that_mean_no_value_are_missing_in_every_writing():
    options = {"numeric": ["x"], "written": {"x": "plain"}, "missing": ["", -99, None, "-1.5"]}
    cells = ["1", "-99", "-99.0", "NULL", "-1.50", "-990"]
    wanted = KnownFeatures(categorical=[], known={}, **options).read(pa.table({"x": cells}), "f", 0).numeric_NF
    np.testing.assert_array_equal(wanted[:, 0], [1, np.nan, np.nan, np.nan, np.nan, -990])
    np.testing.assert_array_equal(Cells(categories={}, **options).read({"x": cells}, 0)["numeric"], wanted)


def test_a_form_that_the_first_block_shows_holds_for_the_next():
    for first, second in ((["1,5", "2,25"], ["1,234"]), (["1,234,567"], ["1,234"])):
        mine = Cells(numeric=["x"], categories={}, written={}, missing=[""])
        reference = KnownFeatures(["x"], [], {}, [""], {})
        for cells in (first, second):
            wanted = reference.read(pa.table({"x": pa.array(cells)}), "f", 0).numeric_NF
            np.testing.assert_array_equal(mine.read({"x": cells}, 0)["numeric"], wanted)


def test_categories_are_found_in_the_writing_of_the_model():
    known = ["1", "2.0", "NA ", "red"]
    cells = ["1.0", "2", "red", " red ", "Red", "", "-", "null", "3.0"]
    mine = Cells(numeric=[], categories={"x": known}, written={}, missing=["", "-", None])
    reference = KnownFeatures([], ["x"], {}, ["", "-", None], {"x": frozenset(known)})
    words = reference.read(pa.table({"x": pa.array(cells)}), "f", 0).categorical_NK[:, 0]
    wanted = [1 if word is None else known.index(word) + 2 if word in known else 0 for word in words]
    assert mine.read({"x": cells}, 0)["categorical"][:, 0].tolist() == wanted
    assert set(wanted) == {0, 1, 2, 3, 5}
    assert mine.notes() == ["column 'x': categories that are new to the model, in 2 rows: 'Red', '3.0'"]
