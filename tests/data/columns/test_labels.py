import numpy as np
import pyarrow as pa
import pytest

from trainer.data.columns.labels import encode_joined_labels, encode_labels, read_labels, sort_labels
from trainer.errors import ConfigError, DataError
from trainer.tasks import BINARY, MULTICLASS, MULTILABEL


def encode(*values: str | None):
    return encode_labels(list(values), "y", "f.csv")


def test_text_labels_sorted_as_text() -> None:
    labels = encode("pos", "neg", "pos")
    assert labels.classes == ("neg", "pos")
    assert labels.target.tolist() == [1, 0, 1]
    assert labels.target.dtype == np.int64
    assert labels.task == BINARY
    assert labels.notes == ("labels: neg -> 0, pos -> 1",)


def test_numeric_labels_sorted_numerically() -> None:
    labels = encode("10", "9", "-1", "10")
    assert labels.classes == ("-1", "9", "10")
    assert labels.target.tolist() == [2, 1, 0, 2]
    assert labels.task == MULTICLASS


def test_words_that_mean_missing_elsewhere_are_labels() -> None:
    assert encode("NA", "null", "None", "nan").classes == ("NA", "None", "nan", "null")


def test_large_whole_numbers_stay_apart() -> None:
    assert len(encode("12345678901234567890", "12345678901234567891").classes) == 2


def test_long_map_is_cut() -> None:
    note = encode(*(f"c{i:02}" for i in range(30))).notes[0]
    assert note.endswith("c09 -> 9, ... (30 in all)")


def test_case_difference_is_noted() -> None:
    assert "only by case" in encode("Pos", "pos", "neg").notes[1]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["a", "", "b", None, " "], r"3 rows \(2, 4, 5\)"),
        (["a", "b", "", "", "", "", "", "", ""], r"7 rows \(3, 4, 5, 6, 7, \.\.\.\)"),
        (["a", "a"], "every row of column 'y' has the label 'a'"),
        (["0", "1", "0.0", "0 "], r"(?s)'0' in row 1.*'0.0' in row 3.*'0 ' in row 4"),
        (["pos", "neg", "pos "], r"(?s)'pos' in row 1.*'pos ' in row 3"),
        ([f"{i}.5" for i in range(30)], "regression"),
        (["1.5", "2.25", "3"], "regression"),
    ],
)
def test_labels_that_are_no_classes(values: list[str | None], message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        encode(*values)
    assert len(str(caught.value).splitlines()) <= 5
    assert "f.csv" in str(caught.value)


def test_a_few_repeated_fractions_are_classes() -> None:
    assert encode(*["0.5", "1.5"] * 5).classes == ("0.5", "1.5")


def read(columns: dict[str, list], names: list[str], **options):
    return read_labels(pa.table(columns), names, "f.csv", **options)


@pytest.mark.parametrize(
    "column",
    [[0, 1, 1], [0.0, 1.0, 1.0], ["0", "1", "1"], ["0.0", "1", " 1 "], [False, True, True]],
)
def test_several_columns_of_zero_and_one(column: list) -> None:
    labels = read({"label:a": column, "label:b": ["1", "0", "0"]}, ["label:b", "label:a"])
    assert labels.classes == ("label:b", "label:a")
    assert labels.target.tolist() == [[1, 0], [0, 1], [0, 1]]
    assert labels.task == MULTILABEL


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (["0", "2", "x"], r"label column 'b' has '2' in 2 rows \(2, 3\)"),
        (["0", "", "1"], "no label in column 'b' in row 2"),
    ],
)
def test_other_cells_in_label_columns(cells: list[str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        read({"a": ["0", "1", "1"], "b": cells}, ["a", "b"])


def test_joined_labels() -> None:
    labels = encode_joined_labels(["red|blue", "", "blue | green", None, "red|red"], "y", "f.csv", "|")
    assert labels.classes == ("blue", "green", "red")
    assert labels.target.tolist() == [[1, 0, 1], [0, 0, 0], [1, 1, 0], [0, 0, 0], [0, 0, 1]]
    assert "1.00 labels per row, 2 rows without a label" in labels.notes[1]


def test_joined_labels_with_a_delimiter_that_never_occurs() -> None:
    assert any("right delimiter" in note for note in encode_joined_labels(["a/b", "c"], "y", "f", "|").notes)


def test_constant_label_is_noted() -> None:
    assert any("same in every row: b" in n for n in encode_joined_labels(["a|b", "b"], "y", "f", "|").notes)


@pytest.mark.parametrize("cells", [["a", "a"], ["", None]])
def test_joined_labels_need_two(cells: list[str | None]) -> None:
    with pytest.raises(DataError, match="at least two"):
        encode_joined_labels(cells, "y", "f.csv", "|")


def test_whole_numbers_stored_as_floats_are_labels_without_a_fraction() -> None:
    assert read({"y": [0.0, 1.0, 2.0, 0.0]}, ["y"]).classes == ("0", "1", "2")


def test_nan_label_is_missing() -> None:
    with pytest.raises(DataError, match="no label in column 'y' in row 2"):
        read({"y": [0.0, float("nan"), 1.0]}, ["y"])


def test_task_override_that_fits() -> None:
    assert read({"y": ["a", "b"]}, ["y"], task="multiclass").task == MULTICLASS
    assert read({"y": ["a", "b"]}, ["y"], task="binary").task == BINARY


@pytest.mark.parametrize(
    ("names", "options", "message"),
    [
        (["y"], {"task": "binary"}, "task=binary, but column 'y' has 3 classes"),
        (["y"], {"task": "multilabel"}, "one label per row"),
        (["a", "b"], {"task": "multiclass"}, "labels are multi-label"),
        (["y"], {"task": "binary", "label_delimiter": "|"}, "labels are multi-label"),
    ],
)
def test_task_override_that_contradicts(names: list[str], options: dict[str, str], message: str) -> None:
    columns = {"y": ["p", "q", "r"], "a": ["0", "1", "1"], "b": ["1", "1", "0"]}
    with pytest.raises(DataError, match=message):
        read(columns, names, **options)


@pytest.mark.parametrize(
    ("names", "options"),
    [
        (["y"], {"task": "regression"}),
        (["a", "b"], {"label_delimiter": "|"}),
        (["y"], {"label_delimiter": ""}),
    ],
)
def test_options_that_make_no_sense(names: list[str], options: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=r"data\.(task|label_delimiter)"):
        read({"y": ["p", "q"], "a": ["0", "1"], "b": ["1", "0"]}, names, **options)


def test_sort_labels() -> None:
    assert sort_labels(["2", "10", "-3", "1e1"]) == ("-3", "2", "10", "1e1")
    assert sort_labels(["2", "10", "x"]) == ("10", "2", "x")
