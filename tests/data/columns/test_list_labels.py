import pyarrow as pa
import pytest
from sklearn.preprocessing import MultiLabelBinarizer

from trainer.data.columns.features import read_features
from trainer.data.columns.labels import read_labels
from trainer.errors import DataError

WORDS = [["red", 'dark "blue"'], [], ["back\\slash", "a\nb"], ["a|b, c", "red"], ["['x']"]]


def read(cells: object, **options):
    return read_labels(pa.table({"y": cells}), ["y"], "f.parquet", **options)


@pytest.mark.parametrize("kind", [pa.list_(pa.string()), pa.large_list(pa.large_string()), pa.list_(pa.int16())])
def test_a_column_of_lists_is_multi_label_whatever_is_in_the_words(kind):
    cells = WORDS if kind != pa.list_(pa.int16()) else [[10, 2], [], [2, 3, 2], [7]]
    labels = read(pa.array(cells, kind))
    reference = MultiLabelBinarizer(classes=labels.classes).fit_transform([map(str, row) for row in cells])
    assert set(labels.classes) == {str(item) for row in cells for item in row}
    assert labels.target.tolist() == reference.tolist()
    assert labels.task.several_labels
    assert read(pa.array(cells, kind), label_delimiter=",").classes == labels.classes


def test_the_chunks_of_a_file_are_one_column():
    chunks = pa.chunked_array([[["a", "b"]], pa.array([["x"], ["c"], []], pa.list_(pa.string())).slice(1)])
    assert read(chunks).target.tolist() == [[1, 1, 0], [0, 0, 1], [0, 0, 0]]


def test_lists_of_one_label_each_are_one_label_per_row_unless_it_is_said():
    labels = read([["b"], ["a"], ["b"]])
    assert (labels.target.tolist(), labels.classes) == ([0, 1, 0], ("b", "a"))  # a is the rarer one
    assert "lists of exactly one label each" in labels.notes[-1]
    fixed = pa.array([["b"], ["a"], ["b"]], pa.list_(pa.string(), 1))
    assert read(fixed, task="multilabel").target.tolist() == [[0, 1], [1, 0], [0, 1]]


def test_lists_without_a_label_are_left_out_where_it_is_said():
    cells = [["a"], None, [], ["b", "?"], ["b"]]
    labels = read(cells)
    assert labels.target.sum(axis=1).tolist() == [1, 0, 0, 2, 1]
    assert any("no list at all in column 'y' in row 2" in note for note in labels.notes)
    assert read(cells, missing=[None]).left_out_N.tolist() == [False, True, False, False, False]
    labels = read(cells, missing=["", "?"])
    assert labels.left_out_N.tolist() == [False, True, True, True, False]
    assert labels.target[~labels.left_out_N].tolist() == [0, 1]  # one label each, of what is left


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ([["a", "b"], ["a", None]], "empty label among those of column 'y' in row 2"),
        ([[0, 1, 1], [1, 0, 0]], r"lists of 3 times 0 or 1 \(row 1\).*one column for each label"),
        ([[True], [False]], "0 or 1"),
        ([["a"], ["a", "a"]], r"1 different labels \(a\)"),
        ([[], []], "0 different labels"),
        ([[["a"]], [["b"]]], "one value per cell"),
    ],
)
def test_lists_that_name_no_labels(cells, message):
    with pytest.raises(DataError, match=message):
        read(cells)


def test_lists_of_numbers_are_no_feature():
    with pytest.raises(DataError, match=r"column 'x' holds list.*which are no feature.*data\.drop=\[x\]"):
        read_features({"x": pa.chunked_array([[[1.0, 2.0]]])}, "f.parquet", free=["x"])
