"""Feature columns of new rows: what differs from the run's is told by column, in few lines."""

import pyarrow as pa
import pytest

from trainer.data.columns.features import MISSING
from trainer.data.columns.known_features import KnownFeatures
from trainer.errors import DataError


def notes_on(*blocks, numeric=("x", "y"), known=()):
    features = KnownFeatures(numeric, [*known], {}, MISSING, {name: frozenset("ab") for name in known})
    found = [
        features.read(pa.table(block), "new.csv", 3 * place).numeric_NF.tolist() for place, block in enumerate(blocks)
    ]
    return [row for rows in found for row in rows], features.notes()


def test_a_column_without_any_value_is_named():
    first, later = {"x": ["", "NA"], "y": ["1", ""]}, {"x": [None, "?"], "y": ["", ""]}
    _, notes = notes_on(first, later)
    assert notes == ["no value in any row of column 'x': the run's medians stand in"]
    _, notes = notes_on(first, {"x": ["", "2"], "y": ["", ""]})
    assert notes == []
    _, notes = notes_on({"x": pa.nulls(2), "y": pa.array([None, float("nan")])})
    assert notes == ["no value in any row of column 'x', 'y': the run's medians stand in"]


@pytest.mark.parametrize(
    ("cells", "form", "first"),
    [(["25%", "50%"], "percentages", 25), (["1,5", "2,25"], "numbers with a decimal comma", 1.5)],
)
def test_numbers_of_another_form_are_told_with_what_became_of_them(cells, form, first):
    rows, notes = notes_on({"x": cells, "y": ["1", "2"]})
    assert rows[0] == [first, 1]
    assert notes == [f"column 'x' holds {form}, in the run's data numbers: read as {first} ('{cells[0]}')"]


def test_a_form_that_only_some_blocks_have_is_refused():
    plain = {"x": pa.array([1.0, 2.0]), "y": ["1", "2"]}
    with pytest.raises(DataError, match="column 'x' row 4 '25%' is not as the run's numbers"):
        notes_on(plain, {"x": ["25%", "50%"], "y": ["1", "2"]})


def test_of_many_columns_a_few_are_named():
    names = [f"c{place}" for place in range(9)]
    _, notes = notes_on({name: ["a", "z"] for name in names}, numeric=(), known=names)
    assert notes[0] == "column 'c0': categories that are new to the run, in 1 row: 'z'"
    assert notes[4:] == ["and 5 more columns likewise"]
