"""The same rows, written by the tools of each format, are the same samples."""

import bz2
import gzip
import lzma
import sqlite3
import tarfile
import zipfile

import arff
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import feather
from sklearn.datasets import dump_svmlight_file

from trainer.data.columns.options import ColumnOptions
from trainer.data.sources.csv_tabular import load_csv_tabular

NAMES = ("f1", "f2", "f3", "f4")
CELLS_NF = np.array([[0, 1.5, -2e-7, 3], [1e10, 0, 0.1, 4], [0.30000000000000004, 0, 0, 5], [-7, 2, 1 / 3, 6]])
LABELS = ["1", "2", "2", "3"]
FRAME = pd.DataFrame(CELLS_NF, columns=list(NAMES)).assign(label=LABELS)


ATTRIBUTES = [*((name, "REAL") for name in NAMES), ("label", ["1", "2", "3"])]
ROWS = [[*numbers, label] for numbers, label in zip(CELLS_NF.tolist(), LABELS, strict=True)]
DIGITS = {"x.jsonl": 15, "x.json": 15, "x.xlsx": 16, "x.libsvm": 16}  # of a number that its writer writes, if not all


def write_arff(path):
    path.write_text(arff.dumps({"relation": "r", "attributes": ATTRIBUTES, "data": ROWS}))


def write_sparse_arff(path):
    rows = [{place: value for place, value in enumerate(row) if value} for row in ROWS]
    path.write_text(arff.dumps({"relation": "r", "attributes": ATTRIBUTES, "data": rows}))


def write_keel(path):
    head = "".join(f"@attribute {name} real [-10.0, 1e11]\n" for name in NAMES) + "@attribute label {1, 2, 3}\n"
    rows = "".join(f"{', '.join(map(repr, row[:-1]))}, {row[-1]}\n" for row in ROWS)
    path.write_text(f"@relation r\n{head}@inputs {','.join(NAMES)}\n@outputs label\n@data\n{rows}")


def write_sqlite(path):
    with sqlite3.connect(path) as connection:
        FRAME.to_sql("rows", connection, index=False)
    connection.close()


def write_zip(path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("data/README.md", "About.")
        archive.writestr("data/x.csv", FRAME.to_csv(index=False))


def write_tar(path):
    inner = path.with_name("inner.csv")
    FRAME.to_csv(inner, index=False)
    with tarfile.open(path, "w:xz") as archive:
        archive.add(inner, "inner.csv")


def zstd(payload):
    return pa.Codec("zstd").compress(payload, asbytes=True)


def compressed(compress):
    return lambda path: path.write_bytes(compress(FRAME.to_csv(index=False).encode()))


WRITERS = {
    "x.csv": lambda path: FRAME.to_csv(path, index=False),
    "x.tsv": lambda path: FRAME.to_csv(path, index=False, sep="\t"),
    "x.parquet": lambda path: FRAME.to_parquet(path),
    "x.feather": lambda path: feather.write_feather(FRAME, str(path)),
    "x.jsonl": lambda path: FRAME.to_json(path, orient="records", lines=True, double_precision=15),
    "x.json": lambda path: FRAME.to_json(path, orient="records", double_precision=15),
    "x.xlsx": lambda path: FRAME.to_excel(path, index=False),
    "x.dta": lambda path: FRAME.to_stata(path, write_index=False),
    "x.sqlite": write_sqlite,
    "x.arff": write_arff,
    "sparse.arff": write_sparse_arff,
    "x.libsvm": lambda path: dump_svmlight_file(CELLS_NF, list(map(int, LABELS)), str(path), zero_based=False),
    "x.dat": write_keel,
    "x.csv.gz": compressed(gzip.compress),
    "x.csv.bz2": compressed(bz2.compress),
    "x.csv.xz": compressed(lzma.compress),
    "x.csv.zst": compressed(zstd),
    "x.zip": write_zip,
    "x.tar.xz": write_tar,
}


@pytest.mark.parametrize("name", WRITERS)
def test_the_same_rows_are_the_same_samples(tmp_path, name):
    WRITERS[name](tmp_path / name)
    samples, spec = load_csv_tabular(str(tmp_path / name), ColumnOptions())
    assert (samples.inputs.numeric, samples.inputs.categorical) == (NAMES, ())
    np.testing.assert_allclose(samples.inputs.numeric_NF, CELLS_NF, rtol=10.0 ** (1 - DIGITS.get(name, 99)))
    assert (samples.target.tolist(), spec.classes) == ([0, 1, 1, 2], ("1", "2", "3"))
