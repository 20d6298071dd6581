"""Write a wide sparse file: ``python -m benchmarks.wide_libsvm wide.libsvm``, 20,000 rows of 50,000 columns.

Each row has 50 values; the label says whether those of the first half of the columns sum to more than the others.
"""

import sys

import numpy as np
import scipy.sparse
from sklearn.datasets import dump_svmlight_file

N_ROWS, N_COLUMNS, PER_ROW = 20_000, 50_000, 50


def main(file: str) -> None:
    """Write the file."""
    rng = np.random.default_rng(0)
    columns_P = np.sort(rng.integers(0, N_COLUMNS, (N_ROWS, PER_ROW)), axis=1).ravel()
    values_P = rng.random(N_ROWS * PER_ROW).round(3) + 0.001
    rows_P = np.repeat(np.arange(N_ROWS), PER_ROW)
    matrix = scipy.sparse.csr_matrix((values_P, (rows_P, columns_P)), shape=(N_ROWS, N_COLUMNS))
    halves = (matrix[:, : N_COLUMNS // 2], matrix[:, N_COLUMNS // 2 :])
    left_N, right_N = (np.asarray(half.sum(axis=1)).ravel() for half in halves)
    dump_svmlight_file(matrix, (left_N > right_N).astype(int), file, zero_based=False)


if __name__ == "__main__":
    main(sys.argv[1])
