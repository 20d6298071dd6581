"""Labels of new rows: read as the run's where they mean the same, told where they do not."""

import numpy as np
import pyarrow as pa
import pytest

from trainer.inference.known_labels import KnownLabels
from trainer.tasks import TASKS


def read(task, classes, *blocks):
    labels = KnownLabels(TASKS[task], classes, ["label"])
    found = [labels.read(pa.table({"label": pa.array(cells, pa.string())}), "new.csv") for cells in blocks]
    return found, labels.note()


@pytest.mark.parametrize(
    ("blocks", "numbers", "said"),
    [
        ([["1,5", "2", "-0,25"], ["1,234", "3"]], [[1.5, 2, -0.25], [1.234, 3]], "numbers with a decimal comma"),
        ([["1,234,567", "2", ""]], [[1234567, 2, np.nan]], "numbers with commas between thousands"),
        ([["1.5", "2"]], [[1.5, 2]], None),
    ],
)
def test_numbers_of_another_form_are_scored(blocks, numbers, said):
    found, notes = read("regression", (), *blocks)
    for (values, known), expected in zip(found, numbers, strict=True):
        np.testing.assert_array_equal(values[known], [value for value in expected if value == value])
        assert known.tolist() == [value == value for value in expected]
    assert notes == ([] if said is None else [f"labels hold {said}: read as such"])


def test_numbers_that_may_be_either_are_none():
    [(_, known)], [note] = read("regression", (), ["1,234", "3"])
    assert known.tolist() == [False, True]
    assert note.startswith("warning: 1 label is none of the run's ('1,234'; the run has numbers): not scored")


@pytest.mark.parametrize(
    ("label", "hint"),
    [
        ("__label__good", " (did you mean 'good'?)"),
        ("class_good", " (did you mean 'good'?)"),
        ("goood", " (did you mean 'good'?)"),
        ("notgood", ""),
        ("maybe", ""),
    ],
)
def test_a_label_like_one_of_the_run_s_is_named_with_it(label, hint):
    [(places, known)], [note] = read("binary", ("bad", "good"), ["GOOD", "bad ", label])
    assert places[known].tolist() == [1, 0]
    assert f"('{label}'{hint}; the run has bad, good)" in note
