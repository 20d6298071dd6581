"""Typed columns are the numbers that the same digits are in a text file."""

from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from trainer.data.columns.known_features import KnownFeatures
from trainer.data.columns.typed_numbers import as_float64, is_number_type
from trainer.errors import DataError


@pytest.mark.parametrize("scale", [1, 2, 5, 20])
def test_decimals_are_the_nearest_floats(scale):
    digits = np.random.default_rng(0).integers(-(10**7), 10**7, 500).tolist()
    prices = [Decimal(number).scaleb(-scale) for number in digits]
    column = pa.chunked_array([pa.array([*prices, None], pa.decimal128(38, scale))])
    assert is_number_type(column.type)
    assert as_float64(column).to_pylist() == [*map(float, prices), None]


def test_truth_values_are_1_and_0():
    assert as_float64(pa.chunked_array([pa.array([True, None, False])])).to_pylist() == [1, None, 0]


def read(cells, written):
    known = KnownFeatures(["flag"], [], written, ("", "NA"), {})
    values = known.read(pa.table({"flag": cells}), "new.csv", 0).numeric_NF[:, 0]
    return values, known.notes()


@pytest.mark.parametrize("form", [{}, {"flag": "true/false"}])
def test_truth_values_of_new_rows_are_read_however_they_are_written(form):
    for cells in (["True", "FALSE", "NA"], [True, False, None], ["1", "0", ""], [1.0, 0.0, None]):
        np.testing.assert_array_equal(read(cells, form)[0], [1, 0, np.nan])
    said = read(["true", "false"], form)[1]
    assert bool(said) != bool(form)
    assert all("column 'flag' holds true/false" in note and "in the run's data numbers" in note for note in said)


def test_a_word_among_truth_values_of_new_rows_is_named():
    with pytest.raises(DataError, match=r"new\.csv: column 'flag' row 2 'maybe' is not as the run's true/false"):
        read(["true", "maybe"], {"flag": "true/false"})
