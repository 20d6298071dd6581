"""New rows of LIBSVM files for runs that were trained on such: what no row has is zero."""

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.datasets import dump_svmlight_file

import trainer as fw
from trainer.data.columns.options import ColumnOptions
from trainer.data.readers.formats import libsvm
from trainer.data.readers.tables import open_table
from trainer.errors import DataError
from trainer.inference.indexed_columns import FROM_ONE, sparse_columns, with_zero_columns

WIDTHS = {"dense": 6, "sparse": 1500}


def matrix(width, seed=0):
    """Return (24, width) whose first, third and last columns are not empty."""
    values_NF = np.zeros((24, width))
    values_NF[:, [0, 2, -1]] = np.random.default_rng(seed).integers(1, 9, (24, 3))
    return values_NF


def write(path, values_NF, *, zero_based=False):
    dump_svmlight_file(csr_array(values_NF), np.arange(len(values_NF)) % 2, str(path), zero_based=zero_based)
    return str(path)


@pytest.fixture(scope="module", params=WIDTHS)
def run(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    width = WIDTHS[request.param]
    file = write(folder / "train.libsvm", matrix(width))
    cv, quiet = {"n_splits": 2, "parallel": 1}, {"progress": "off"}
    options = {"baseline": "off", "audit": "off", "cv": cv, "runtime": quiet, "paths.runs": str(folder)}
    trained = fw.cross_validate(fw.read_table(file), model="mlp", max_epochs=1, run="r", **options)
    return trained, width


def proba(run, file):
    out = run.predict(file)
    return np.asarray(out[[name for name in out.columns if name.startswith("proba")]])


def test_a_file_that_lacks_the_last_columns_has_zeros_there(run, tmp_path):
    trained, width = run
    zeros_NF = matrix(width, seed=1)
    zeros_NF[:, -1] = 0
    zeros_NF[:, 2] = 0
    short = proba(trained, write(tmp_path / "short.libsvm", zeros_NF[:, :3]))
    zeros_NF[-1, -1] = 1e-30  # the last column is there
    np.testing.assert_allclose(short, proba(trained, write(tmp_path / "whole.libsvm", zeros_NF)), rtol=1e-6)


def test_columns_beyond_those_of_the_run_are_left_out(run, tmp_path):
    trained, width = run
    wide_NF = np.column_stack([matrix(width), np.full(24, 7)])
    wide = proba(trained, write(tmp_path / "wide.libsvm", wide_NF))
    np.testing.assert_array_equal(wide, proba(trained, write(tmp_path / "same.libsvm", matrix(width))))


def test_indices_that_count_from_another_number_are_refused(run, tmp_path):
    trained, width = run
    with pytest.raises(DataError, match=r"indices count from 0.* from 1"):
        trained.predict(write(tmp_path / "zero.libsvm", matrix(width), zero_based=True))


def test_another_format_is_refused_only_where_columns_are_numbers_of_a_sparse_file(run, tmp_path):
    trained, width = run
    (tmp_path / "rows.csv").write_text("f1,f2,f3,f4,f5,f6\n1,0,2,0,0,3\n")
    if width == WIDTHS["dense"]:
        assert len(proba(trained, str(tmp_path / "rows.csv"))) == 1
        return
    with pytest.raises(DataError, match="the indices of a LIBSVM file"):
        trained.predict(str(tmp_path / "rows.csv"))


@pytest.mark.parametrize(("first", "said"), [(0, [FROM_ONE]), (1, [])])
@pytest.mark.parametrize("wide", [True, False])
def test_a_file_without_index_0_is_told_where_the_run_had_it(tmp_path, monkeypatch, first, said, wide):
    """Its indices may count from 1, or it lacks that column: no row can tell where the last column is empty too."""
    monkeypatch.setattr(libsvm, "MOST_DENSE_COLUMNS", 0 if wide else 1024)
    file = tmp_path / "x.libsvm"
    opened = open_table(write(file, matrix(6)[:, :4]), ColumnOptions())
    if wide:
        assert sparse_columns(opened, "x.libsvm", first=first, n_columns=6)[1] == said
    else:
        notes = with_zero_columns(opened, [f"f{first + place}" for place in range(6)], "x.libsvm").notes
        assert [note for note in notes if note == FROM_ONE] == said
