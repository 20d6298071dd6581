import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import scipy.sparse
import torch
from sklearn.datasets import dump_svmlight_file
from sklearn.preprocessing import MaxAbsScaler

import trainer as fw
from trainer.data.preprocess.raw import RawNumbers
from trainer.data.preprocess.sparse import FittedSparse, SparsePreprocess
from trainer.data.preprocess.table import FittedTable, TablePreprocess
from trainer.data.readers.formats import libsvm
from trainer.data.samples import SparseColumns, TableColumns
from trainer.errors import ConfigError, DataError
from trainer.inference.verify import verify

RUN = ("data=csv_tabular", "data.path=x.libsvm", "model=mlp", "cv.n_splits=2", "max_epochs=2", "baseline=linear")
DENSE = np.array([[0, 1.5, 0, -8], [3, 0, 0, 0], [0, 0, 0, 0], [1, 2, 0, 4], [9, 0, 5, 0]], dtype=np.float64)
TRAIN = np.array([0, 1, 3])


def sparse(dense_NF=DENSE, first=1):
    rows, columns = np.nonzero(dense_NF)
    offsets = np.searchsorted(rows, np.arange(len(dense_NF) + 1)).astype(np.int64)
    return SparseColumns(dense_NF[rows, columns], columns.astype(np.int32), offsets, dense_NF.shape[1], first)


@pytest.mark.parametrize("preprocess", [SparsePreprocess(), TablePreprocess()])
def test_columns_are_scaled_by_the_training_rows_alone(preprocess):
    fitted = preprocess.fit(sparse(), TRAIN)
    rows = fitted.transform(sparse())
    expected = MaxAbsScaler().fit(DENSE[TRAIN]).transform(DENSE)
    assert torch.equal(rows.take(torch.arange(5))["numeric"], torch.from_numpy(expected).float())
    assert fitted.model_arguments == {"n_features": 4, "cardinalities": ()}
    other = DENSE.copy()
    other[4] = 1e6
    assert np.array_equal(preprocess.fit(sparse(other), TRAIN).scales_F, fitted.scales_F)


def test_batches_are_rows_written_out():
    rows = SparsePreprocess("none").fit(sparse(), TRAIN).transform(sparse())
    order = [np.array([3, 0, 3]), np.array([2]), np.array([4, 1])]
    for batch, found in zip(order, rows.stream(order, None), strict=True):
        assert found["numeric"].numpy().tolist() == DENSE[batch].tolist()
        assert torch.equal(rows.take(torch.from_numpy(batch))["numeric"], found["numeric"])


@pytest.mark.parametrize("of", [FittedSparse, FittedTable])
def test_what_is_saved_is_the_same_transform(of):
    fitted = TablePreprocess().fit(sparse(), TRAIN)
    again = of.from_json(json.loads(json.dumps(fitted.to_json())))
    one, other = (each.transform(sparse()).take(torch.arange(5))["numeric"] for each in (fitted, again))
    assert torch.equal(one, other)


def test_columns_of_another_file_are_those_of_the_same_index():
    fitted = SparsePreprocess("none").fit(sparse(first=0), TRAIN)
    later = fitted.transform(sparse(DENSE[:, 1:], first=1)).take(torch.arange(5))["numeric"]
    assert later.numpy().tolist() == np.hstack([np.zeros((5, 1)), DENSE[:, 1:]]).tolist()
    with pytest.raises(DataError, match="row 1 has column 'f4', the training data had f0 to f3: indices count from 1"):
        fitted.transform(sparse(first=1))
    with pytest.raises(DataError, match="row 5 has column 'f4', the training data had f0 to f3: leave it out"):
        fitted.transform(sparse(np.hstack([DENSE, [[0], [0], [0], [0], [1]]]), first=0))


@pytest.mark.parametrize("form", [scipy.sparse.csr_matrix, scipy.sparse.coo_array, scipy.sparse.csc_matrix])
def test_sparse_matrices_of_a_program_are_kept_sparse(form):
    samples, _ = fw.arrays(form(DENSE), [0, 1, 1, 0, 1]).load(None)
    assert isinstance(samples.inputs, SparseColumns)
    assert samples.inputs.matrix().toarray().tolist() == DENSE.tolist()
    with pytest.raises(DataError, match="arrays: X is NaN or infinite in row 2"):
        fw.arrays(form([[1.0, 0.0], [0.0, np.nan]]), [0, 1])
    with pytest.raises(DataError, match=r"arrays: X is a sparse float64 matrix of shape \(2, 0\)"):
        fw.arrays(form((2, 0)), [0, 1])


def test_what_is_refused():
    table = TableColumns(DENSE, np.empty((5, 0), dtype=object), ("a", "b", "c", "d"))
    with pytest.raises(ConfigError, match="preprocess=sparse is for sparse columns"):
        SparsePreprocess().fit(table, TRAIN)
    with pytest.raises(ConfigError, match=r"data\.preprocess\.scale=l2: give one of max_abs, none"):
        SparsePreprocess("l2")
    with pytest.raises(ConfigError, match="for sparse columns use data/preprocess=sparse"):
        RawNumbers().fit(sparse(), TRAIN)
    with pytest.raises(DataError, match="are not sparse"):
        SparsePreprocess().fit(sparse(), TRAIN).transform(table)
    large = DENSE.copy()
    large[3, 1] = 1e300
    with pytest.raises(DataError, match="column 'f2' row 4: 1e\\+300 is too large to train on in float32"):
        SparsePreprocess("none").fit(sparse(), TRAIN).transform(sparse(large))


def test_a_run_on_sparse_columns_is_that_on_the_same_columns_written_out(train, monkeypatch):
    random = np.random.default_rng(0)
    dense_NF = (random.random((90, 12)) < 0.3) * random.normal(size=(90, 12))
    labels_N = (dense_NF.sum(axis=1) > 0).astype(int)
    dump_svmlight_file(scipy.sparse.csr_matrix(dense_NF), labels_N, "x.libsvm", zero_based=False)
    numbers_as_they_are = "data.preprocess.standardize=false"
    assert train(*RUN, numbers_as_they_are, "run=dense").code == 0
    monkeypatch.setattr(libsvm, "MOST_DENSE_COLUMNS", 0)
    done = train(*RUN, numbers_as_they_are, "run=sparse")
    assert done.code == 0, done.err
    assert "12 numeric, kept sparse" in done.out
    assert "skipped" not in done.out  # the linear probe takes sparse rows
    one, other = (pq.read_table(f"runs/{name}/oof.parquet") for name in ("dense", "sparse"))
    assert one.equals(other)
    assert [check.largest for check in verify(Path("runs/sparse"))] == [0.0, 0.0]
