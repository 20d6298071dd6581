import datetime as dt
import sys

import numpy as np
import pandas as pd
import pyreadstat
import pytest

from trainer.data.columns.options import ColumnOptions
from trainer.data.readers.tables import open_table
from trainer.errors import ConfigError, DataError

FRAME = pd.DataFrame(
    {
        "sex": [1, 2, 1, 3],
        "answer": [1, 2, 3, np.nan],
        "scale": [1, 4, 7, 5],
        "name": ["a", "", "é", "d"],
        "day": [dt.date(2020, 1, 31)] * 4,
    }
)
LABELS = {"sex": {1: "m", 2: "f", 3: "x"}, "answer": {1: "yes", 2: "no", 3: "no"}, "scale": {1: "bad", 7: "good"}}


def opened(path, **options):
    return open_table(path, ColumnOptions(**options))


def written(path, **options):
    write = pyreadstat.write_dta if path.suffix == ".dta" else pyreadstat.write_sav
    write(FRAME, str(path), variable_value_labels=LABELS, **options)
    return path


@pytest.mark.parametrize("name", ["a.dta", "a.sav"])
def test_labels_are_read_in_place_of_codes(tmp_path, name):
    read = opened(written(tmp_path / name))
    assert read.rows.to_pydict() == {
        "sex": ["m", "f", "m", "x"],
        "answer": ["yes", "no [2]", "no [3]", None],
        "scale": [1.0, 4.0, 7.0, 5.0],
        "name": ["a", "", "é", "d"],
        "day": ["2020-01-31"] * 4,
    }
    assert "column 'answer': several codes have one label (no), kept apart by the code" in read.notes
    assert "column 'scale': codes without a label (4, 5), so all stay numbers" in read.notes


def test_codes_that_mean_missing_are_missing_and_told(tmp_path):
    read = opened(written(tmp_path / "a.sav", missing_ranges={"sex": [3], "scale": [{"lo": 4, "hi": 6}]}))
    assert read.rows["sex"].to_pylist() == ["m", "f", "m", None]
    assert read.rows["scale"].to_pylist() == ["bad", None, "good", None]
    assert "column 'scale': codes that the file calls missing (4, 5): no value" in read.notes


def test_categories_of_pandas_in_a_file_of_stata(tmp_path):
    path = tmp_path / "a.dta"
    pd.DataFrame({"c": pd.Categorical(["u", None, "v"]), "n": [1, 2, 3]}).to_stata(path, write_index=False)
    assert opened(path).rows.to_pydict() == {"c": ["u", None, "v"], "n": [1, 2, 3]}


def test_damaged_files_and_a_missing_library(tmp_path, monkeypatch):
    (tmp_path / "a.sav").write_bytes(b"$FL2 cut")
    (tmp_path / "a.dta").write_bytes(b"\1\0" * 9)
    for name, kind in (("a.sav", "SPSS"), ("a.dta", "Stata")):
        with pytest.raises(DataError, match=f"not a readable {kind} file"):
            opened(tmp_path / name)
    monkeypatch.setitem(sys.modules, "pyreadstat", None)
    with pytest.raises(ConfigError, match=r"pip install 'foldwise\[formats\]'"):
        opened(tmp_path / "a.sav")
