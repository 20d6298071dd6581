import numpy as np
import pyarrow as pa
import pytest

from trainer.data.columns.labels import read_labels
from trainer.data.columns.numbers import describe_numbers
from trainer.errors import ConfigError, DataError
from trainer.tasks import REGRESSION


def read(cells, **options):
    return read_labels(pa.table({"y": [str(cell) for cell in cells]}), ["y"], "d.csv", **options)


def test_numbers_are_read_as_they_are():
    labels = read([" 1.5", "-2", "3e2"], task="regression")
    assert (labels.task, labels.classes, labels.target.tolist()) == (REGRESSION, (), [1.5, -2.0, 300.0])
    assert labels.notes == (describe_numbers(np.array([1.5, -2.0, 300.0])),)


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (["1", "", "3"], "no value in column 'y' in row 2"),
        (["1", "n/a", "3"], "'n/a' in row 2"),
        (["1", "inf", "3"], "'inf' in row 2"),
        (["1", "1e999", "3"], "'1e999' in row 2"),
        (["4", "4.0"], "every row of column 'y' has the value 4"),
    ],
)
def test_what_is_no_number_is_named(cells, said):
    with pytest.raises(DataError, match=said):
        read(cells, task="regression")


@pytest.mark.parametrize(
    ("cells", "values", "what"),
    [
        (["$1,250,000", "$95,000"], [1250000, 95000], "amounts of money"),
        (["12,5", "3,25"], [12.5, 3.25], "numbers with a decimal comma"),
        (["12.5%", "3%"], [12.5, 3], "percentages"),
        (["(1,234.00)", "7.00"], [-1234, 7], "numbers, some in parentheses or with the minus behind,"),
    ],
)
def test_numbers_that_are_written_in_one_way_are_read_and_told(cells, values, what):
    labels = read([*cells, "?"], task="regression", missing=["?"])
    assert labels.target[:2].tolist() == values
    assert f"column 'y' holds {what} such as '{cells[0]}': read as {values[0]:g}" in labels.notes


@pytest.mark.parametrize("cells", [["$5", "7"], ["2024-01-01", "2024-01-02"], ["true", "false"], ["1,234", "987"]])
def test_numbers_in_several_ways_dates_and_truth_values_are_nothing_to_predict(cells):
    with pytest.raises(DataError, match=f"'{cells[0][:1]}|needs a finite number in every row, written plainly"):
        read(cells, task="regression")


def test_many_amounts_of_money_are_no_classes():
    with pytest.raises(DataError, match=r"data\.task=regression loss=mse"):
        read([f"${number}.50" for number in range(30)])


def test_one_column_of_numbers():
    with pytest.raises(ConfigError, match="one number per row"):
        read(["1", "2"], task="regression", label_delimiter="|")


@pytest.mark.parametrize("cells", [[f"{i}.5" for i in range(30)], list(range(50, 264)) * 2])
def test_numbers_that_are_no_classes_are_told_the_way(cells):
    with pytest.raises(DataError, match=r"data\.task=regression loss=mse"):
        read(cells)


def test_rows_without_a_number_are_left_out_where_somebody_says_how_they_look():
    labels = read(["1", "?", "3"], task="regression", missing=["?"])
    assert labels.left_out_N.tolist() == [False, True, False]
    assert labels.target[[0, 2]].tolist() == [1.0, 3.0]
