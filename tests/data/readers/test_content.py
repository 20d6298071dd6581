"""Files whose content is another format than their ending says: called what they are, with what to do."""

import gzip
import io
import tarfile
import zipfile

import pandas as pd
import pytest

from trainer.data.columns.options import ColumnOptions
from trainer.data.readers.contract import Wanted
from trainer.data.readers.tables import open_table
from trainer.errors import DataError
from trainer.inference.table_blocks import LEAST_BYTES, open_blocks

CSV = b"a,b,label\n1,2,x\n3,4,y\n"
PARQUET = pd.DataFrame({"a": [1], "label": ["x"]}).to_parquet()
ZIP = io.BytesIO()
with zipfile.ZipFile(ZIP, "w") as archive:
    archive.writestr("table.csv", CSV)
STATA_10 = bytes((114, 2, 1, 0)) + bytes(200)

OTHERS = [  # name, content, what is said
    ("x.parquet", CSV, "CSV text, not a Parquet file: rename it to end in .csv, or set data.format=delimited"),
    ("x.parquet", CSV.replace(b",", b"\t"), "TSV text, not a Parquet file: rename it to end in .tsv"),
    ("x.parquet", CSV.replace(b",", b";"), "data.format=delimited \"data.delimiter=';'\""),
    ("x.parquet", b'{"a": 1}\n', "JSON, not a Parquet file: rename it to end in .jsonl, or set data.format=json_lines"),
    ("x.parquet", gzip.compress(PARQUET), "gzip data, not a Parquet file: unpack it first"),
    ("x.feather", CSV, "CSV text, not an Arrow file"),
    ("x.db", b"1 3:0.5\n0 1:2\n", "a LIBSVM file, not an SQLite database: rename it to end in .libsvm"),
    ("x.xlsx", CSV, "CSV text, not an Excel workbook"),
    ("x.xlsx", ZIP.getvalue(), "a zip file with 1 files, 0 of them images, not an Excel workbook: unpack it"),
    ("x.sav", b"<!DOCTYPE html>\n<html></html>", "a web page (HTML), not a Stata or SPSS file"),
    ("x.dta", b"", "an empty file (0 bytes), not a Stata or SPSS file"),
    ("x.arff", CSV, "CSV text, not an ARFF file"),
    ("x.json", CSV, "CSV text, not a JSON file"),
    ("x.libsvm", CSV, "CSV text, not a LIBSVM file"),
    ("x.libsvm", b"%PDF-1.7\n", "a PDF document, not a LIBSVM file"),
    ("x.csv", STATA_10, "a Stata or SPSS file, which its ending does not say"),
    ("x.csv", b"\x80\x04\x95\x00\x00", "a pickle of Python, not a CSV file"),
    ("x.csv", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a pointer of Git LFS"),
    ("x.csv.gz", CSV, "CSV text, not gzip data: rename it to end in .csv"),
    ("x.tgz", CSV, "CSV text, not gzip data: rename it to end in .csv"),
    ("x.tar", gzip.compress(CSV), "gzip data, not a tar archive"),
    ("x.zip", PARQUET, "a Parquet file, not a zip file: rename it to end in .parquet"),
]


@pytest.mark.parametrize(("name", "content", "said"), OTHERS, ids=[f"{n} {said[:12]}" for n, _, said in OTHERS])
def test_a_file_of_another_format_is_called_what_it_is(tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError) as caught:
        open_table(tmp_path / name, ColumnOptions())
    assert f"{tmp_path / name}: this is " in str(caught.value)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.parquet", PARQUET[:-20]),
        ("x.zip", ZIP.getvalue()[:-40]),
        ("x.csv.gz", gzip.compress(CSV)[:-9]),
        ("x.csv", b"a,label\n1,x\n2,y,z\n"),
        ("x.jsonl", b'{"a": 1}\n{"a": 2\n'),
        ("x.json", b'[{"a": 1}'),
        ("x.arff", b"@relation x\n@attribute a blue\n@data\n1\n"),
    ],
)
def test_a_damaged_file_of_the_format_is_not_called_another(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError) as caught:
        open_table(tmp_path / name, ColumnOptions())
    assert "this is" not in str(caught.value)


def test_a_damaged_tar_in_gzip_is_not_called_gzip_data(tmp_path):
    with tarfile.open(tmp_path / "x.tar.gz", "w:gz") as packed:
        packed.addfile(tarfile.TarInfo("x.csv"))
    whole = (tmp_path / "x.tar.gz").read_bytes()
    (tmp_path / "x.tar.gz").write_bytes(whole[:-9])
    with pytest.raises(DataError, match=r"no archive that can be unpacked"):
        open_table(tmp_path / "x.tar.gz", ColumnOptions())


def test_the_advice_opens_the_file(tmp_path):
    (tmp_path / "x.parquet").write_bytes(CSV)
    opened = open_table(tmp_path / "x.parquet", ColumnOptions(format="delimited"))
    assert opened.rows.to_pydict() == {"a": ["1", "3"], "b": ["2", "4"], "label": ["x", "y"]}


def test_rows_of_libsvm_under_csv_are_read_as_what_they_are(tmp_path):
    (tmp_path / "x.csv").write_text("1 1:0.5 2:1\n0 2:3\n")
    opened = open_table(tmp_path / "x.csv", ColumnOptions())
    assert opened.rows.to_pydict() == {"label": [1, 0], "f1": [0.5, 0.0], "f2": [1.0, 3.0]}


def test_a_large_file_that_is_read_in_blocks_is_named_too(tmp_path):
    path = tmp_path / "x.parquet"
    path.write_bytes(CSV + b"5,6,z\n" * (LEAST_BYTES // 6))
    with pytest.raises(DataError, match=r"this is CSV text, not a Parquet file"):
        open_blocks(str(path), ColumnOptions(), Wanted(frozenset({"a"})), 1000)
