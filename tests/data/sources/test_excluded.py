"""Rows that a list names are left out of every kind of source, and a list of other data is refused."""

import re

import numpy as np
import pytest

from tests.inference.run_cases import image_options, table_options, text_options, trained_in
from trainer.data.columns.options import ColumnOptions
from trainer.data.sources.csv_tabular import load_csv_tabular
from trainer.data.sources.image_folder import load_image_folder
from trainer.errors import DataError
from trainer.store.run_files import read_manifest


@pytest.fixture
def table(tmp_path):
    rows = "".join(f"r{n},{n},{'yes' if n % 3 else 'no'}\n" for n in range(12))
    (tmp_path / "t.csv").write_text(f"key,size,label\n{rows}=A(1),5,yes\n")
    return str(tmp_path / "t.csv")


def load(table, file):
    return load_csv_tabular(table, ColumnOptions(id="key", exclude=str(file)))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("list.csv", "id,label,why\nr3,no,wrong\nr5,yes,\n'=A(1),yes,\n"),
        ("list.txt", "r3\n\n r5 \n=A(1)\n"),
        ("one.csv", "row\nr3\nr5\nr5\n=A(1)\n"),
    ],
)
def test_rows_are_left_out_by_id_and_it_is_said(table, tmp_path, name, text):
    (tmp_path / name).write_text(text)
    samples, spec = load(table, tmp_path / name)
    assert sorted({f"r{n}" for n in range(12)} - set(samples.ids_N)) == ["r3", "r5"]
    assert len(samples) == 10
    assert samples.inputs.numeric_NF[:, 0].tolist() == [0, 1, 2, 4, 6, 7, 8, 9, 10, 11]
    assert spec.notes[-1] == f"data.exclude: 3 of 13 rows are left out, as {name} lists them"


def test_a_list_in_another_encoding_is_refused(table, tmp_path):
    (tmp_path / "list.txt").write_bytes("行三\n".encode("gb18030"))
    with pytest.raises(DataError, match=r"list\.txt: cannot be read as UTF-8 text"):
        load(table, tmp_path / "list.txt")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id\nr3\nx1\n", "1 of 2 ids are in no row: 'x1'\nrows have ids such as 'r0'"),
        ("name,label\nr3,no\n", "no column 'id'"),
        ("id\n" + "".join(f"r{n}\n" for n in range(0, 12, 3)), "no row of class 'no' is left"),
    ],
)
def test_a_list_that_does_not_fit_is_refused(table, tmp_path, text, said):
    (tmp_path / "list.csv").write_text(text)
    with pytest.raises(DataError) as refused:
        load(table, tmp_path / "list.csv")
    assert said in str(refused.value)


def test_images_are_left_out_by_their_names(tmp_path):
    options = dict(one.partition("=")[::2] for one in image_options(tmp_path))
    whole, _ = load_image_folder(options["data.path"])
    (tmp_path / "list.txt").write_text(f"{whole.ids_N[2]}\n")
    samples, _ = load_image_folder(options["data.path"], exclude=str(tmp_path / "list.txt"))
    assert samples.ids_N.tolist() == np.delete(whole.ids_N, 2).tolist()
    assert samples.inputs.names == tuple(np.delete(whole.inputs.names, 2))


@pytest.mark.parametrize("options", [table_options, text_options])
def test_a_run_says_what_it_left_out(tmp_path, options):
    (tmp_path / "list.txt").write_text("r3\nr4\n" if options is table_options else "3\n4\n")
    run = trained_in(tmp_path, *options(tmp_path), f"data.exclude={tmp_path}/list.txt")
    facts = read_manifest(run)
    assert re.search(r"data.exclude: 2 of (40|48) rows are left out, as list.txt lists them", facts["about"]["notes"])
    assert facts["reading"]["exclude"] is None
