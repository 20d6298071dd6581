"""One label in several columns of 0 and 1, of which one is the label and the others are features."""

import numpy as np

from trainer.audit.checks.one_hot import check_one_hot
from trainer.data.samples import DataSpec, TableColumns
from trainer.tasks import BINARY, MULTICLASS

CLASS_N = np.arange(60) % 3
COLUMNS = {"y_b": CLASS_N == 1, "y_c": CLASS_N == 2, "x": np.linspace(0, 1, 60), "flag": np.arange(60) % 7 == 0}


def findings(names, target=CLASS_N == 0, classes=("0", "1")):
    numeric_NF = np.stack([COLUMNS[name].astype(float) for name in names], axis=1)
    table = TableColumns(numeric_NF, np.empty((60, 0), dtype=object), tuple(names), ())
    spec = DataSpec("t", BINARY if len(classes) == 2 else MULTICLASS, classes, ())
    return check_one_hot(table, target.astype(np.int64), spec)


def test_the_other_columns_of_a_label_are_named_with_the_option_that_drops_them():
    (found,) = findings(["x", "y_b", "y_c", "flag"])
    assert (found.kind, found.severity, found.n_rows) == ("label_column", "leak", 60)
    assert "exactly one of the label and the columns 'y_b', 'y_c' is 1: together they tell the label" in found.message
    assert found.fix == "data.drop=[y_b,y_c]"


def test_columns_that_say_nothing_of_the_label_are_none():
    assert findings(["x", "y_b", "flag"]) == []  # rows of the third class have no 1
    assert findings(["x", "flag"]) == []
    assert findings(["y_b", "y_c"], target=CLASS_N == 1) == []  # the label itself, which another check finds
    assert findings(["y_b", "y_c"], target=CLASS_N, classes=("a", "b", "c")) == []


def test_a_class_that_the_first_rows_lack_counts_too():
    COLUMNS["late"] = np.r_[np.zeros(57), [0, 0, 1]]
    COLUMNS["most"] = (CLASS_N != 0) & (COLUMNS["late"] == 0)
    (found,) = findings(["late", "most"])
    assert found.fix == "data.drop=[late,most]"
