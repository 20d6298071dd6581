import numpy as np
import pytest
import scipy.sparse
from sklearn.datasets import dump_svmlight_file, load_svmlight_file

from trainer.data.columns.options import ColumnOptions
from trainer.data.readers.formats import libsvm
from trainer.data.readers.tables import open_table
from trainer.data.sources.csv_tabular import load_csv_tabular
from trainer.errors import DataError
from trainer.tasks import MULTILABEL

DENSE = np.array([[0, 1.5, 0, -2e-7], [3, 0, 0, 0], [0, 0, 0, 0], [1, 2, 0, 4]])
LABELS = np.array([1, -1, -1, 1])


def loaded(path, **options):
    return load_csv_tabular(str(path), ColumnOptions(**options))


def written(tmp_path, text, name="x.libsvm"):
    (tmp_path / name).write_bytes(text.encode())
    return tmp_path / name


@pytest.mark.parametrize("zero_based", [True, False])
@pytest.mark.parametrize("wide", [True, False])
def test_what_scikit_learn_wrote_is_read_the_same(tmp_path, monkeypatch, zero_based, wide):
    path = tmp_path / "x.libsvm"
    dump_svmlight_file(DENSE, LABELS, str(path), zero_based=zero_based, comment="made\nby a test")
    monkeypatch.setattr(libsvm, "MOST_DENSE_COLUMNS", 0 if wide else 1024)
    samples, spec = loaded(path)
    first = 0 if zero_based else 1
    assert (samples.target.tolist(), spec.classes) == ([1, 0, 0, 1], ("-1", "1"))
    assert any(f"indices count from {first} " in note and f"f{first} to f{first + 3}" in note for note in spec.notes)
    if not wide:
        assert samples.inputs.numeric == tuple(f"f{first + place}" for place in range(4))
        assert samples.inputs.numeric_NF.tolist() == DENSE.tolist()
        return
    assert (samples.inputs.n_columns, samples.inputs.first) == (4, first)
    assert samples.inputs.matrix().toarray().tolist() == DENSE.tolist()
    expected, _ = load_svmlight_file(str(path), zero_based=zero_based)
    assert (samples.inputs.matrix() != scipy.sparse.csr_array(expected)).nnz == 0


def test_a_column_has_the_index_that_the_file_has(tmp_path):
    """load_svmlight_file's own guess, per file, shifts one of a pair by a column."""
    train = written(tmp_path, "1 0:1 2:5\n-1 1:1\n", "a.svm")
    test = written(tmp_path, "1 2:5\n-1 1:1\n", "b.svm")
    (train_samples, _), (test_samples, _) = loaded(train), loaded(test)
    assert (train_samples.inputs.numeric, test_samples.inputs.numeric) == (("f0", "f1", "f2"), ("f1", "f2"))
    assert test_samples.inputs.numeric_NF.tolist() == train_samples.inputs.numeric_NF[:, 1:].tolist()


def test_several_labels_and_none(tmp_path):
    samples, spec = loaded(written(tmp_path, "1,3 2:0.5\n 1:1\n2 1:3 # that is it\n"))
    assert (spec.task, spec.classes) == (MULTILABEL, ("1", "2", "3"))
    assert samples.target.tolist() == [[1, 0, 1], [0, 0, 0], [0, 1, 0]]
    assert samples.inputs.numeric_NF.tolist() == [[0, 0.5], [1, 0], [3, 0]]


def test_queries_are_groups(tmp_path):
    samples, spec = loaded(written(tmp_path, "1 qid:3 1:4\n0 qid:3 2:1\n1 qid:10 1:1\n"))
    assert samples.groups_N.tolist() == ["3", "3", "10"]
    assert samples.inputs.numeric == ("f1", "f2")
    assert "rows of one query (qid) are a group" in spec.notes


def test_numbers_for_labels(tmp_path):
    samples, _ = loaded(written(tmp_path, "".join(f"{n / 4} 1:{n}\n" for n in range(40))), task="regression")
    assert samples.target.tolist() == [n / 4 for n in range(40)]


@pytest.mark.parametrize("name", ["x.txt", "x.dat", "a9a", "a9a.t", "x.train"])
def test_files_are_recognized_by_what_is_in_them(tmp_path, name):
    assert loaded(written(tmp_path, "# by hand\n+1 1:1 9:0.5 \n-1 3:1\n", name))[0].inputs.numeric_NF.shape == (2, 9)
    other = written(tmp_path, "time\tlabel\n12:30\ta\n12:45\tb\n", "y.txt")
    assert open_table(other, ColumnOptions()).rows.column_names == ["time", "label"]


def test_a_byte_order_mark_is_no_label(tmp_path):
    samples, spec = loaded(written(tmp_path, "\ufeff+1 1:2\n-1 2:1\n", "x.txt"))
    assert (spec.classes, samples.inputs.numeric_NF.tolist()) == (("-1", "1"), [[2, 0], [0, 1]])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 1:2\n1 3:4 1:2\n", r"row 2 \(line 2\) has the index 1 after 3: sort them, each once"),
        ("# x\n1 2:2 2:3\n", r"row 1 \(line 2\) has the index 2 after 2"),
        ("1 1:2\n\nspam 1:2\n", r"row 2 \(line 3\) is no label with index:value: spam 1:2"),
        ("1 1:2\n1 -1:2\n", r"row 2 \(line 2\) is no label"),
        ("1 1:2\n1 4294967297:2\n", r"row 2 \(line 2\) has the index 4294967297, beyond 2147483646"),
        ("1 1:2\n1 a:2\n", r"row 2 \(line 2\) is no label"),
        ("1 1:2\n 1:2\n", r"row 2 \(line 2\) has no label"),
        ("1 1:2 3:nan\n", r"row 1 .*is not finite"),
        ("1\n-1\n", r"no row has a feature"),
        (" \n", r"the file is empty"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        loaded(written(tmp_path, text))


def test_sparse_rows_without_a_label_are_left_out(tmp_path, monkeypatch):
    monkeypatch.setattr(libsvm, "MOST_DENSE_COLUMNS", 0)
    samples, _ = loaded(written(tmp_path, "1 1:1\n0 2:2\n-1 3:3\n1 4:4\n"), missing_labels=(-1,))
    assert samples.inputs.matrix().toarray().tolist() == [[1, 0, 0, 0], [0, 2, 0, 0], [0, 0, 0, 4]]
