from pathlib import Path

import numpy as np
import pytest

from trainer.data.samples import DataSpec
from trainer.errors import ConfigError, DataError
from trainer.inference.submission import filled, read_sample
from trainer.tasks import BINARY, REGRESSION

SPEC = DataSpec("t", BINARY, ("no", "yes"))
PROBA = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])


def sample(tmp_path: Path, *lines: str):
    path = tmp_path / "sample.csv"
    path.write_text("\n".join(lines) + "\n")
    return read_sample(path)


def test_numbers_of_rows_fill_a_sample_that_names_every_row(tmp_path):
    table, _ = filled(sample(tmp_path, "id,p", "2,0.5", "0,0.5", "1,0.5"), "012", PROBA, SPEC, None, numbered=True)
    assert table["p"].to_pylist() == [0.4, 0.1, 0.8]


def test_numbers_of_rows_are_no_ids_of_some_of_them(tmp_path):
    some = sample(tmp_path, "id,p", "1,0.5", "2,0.5")  # counted from 1, or of other rows: nobody knows
    with pytest.raises(DataError, match=r"(?s)2 ids for 3 rows.*no column 'id'"):
        filled(some, "012", PROBA, SPEC, None, numbered=True)
    assert filled(some, "012", PROBA, SPEC, None)[0]["p"].to_pylist() == [0.8, 0.4]


def test_two_columns_of_one_class(tmp_path):
    with pytest.raises(ConfigError, match="'a_yes' and 'b_yes' are both of one class"):
        filled(sample(tmp_path, "id,a_yes,b_yes", "0,0,0", "1,0,0"), "012", PROBA, SPEC, None)


def test_two_columns_for_one_number(tmp_path):
    spec = DataSpec("t", REGRESSION, ())
    with pytest.raises(ConfigError, match="2 columns to fill, but there is one: the number"):
        filled(sample(tmp_path, "id,low,high", "0,0,0", "1,0,0"), "012", PROBA[:, :1], spec, None)


@pytest.mark.parametrize("fill", ["label", "proba"])
@pytest.mark.parametrize("header", ["id,label", "id,no,yes"])
def test_a_row_that_could_not_be_read_has_no_answer(tmp_path, header, fill):
    unread = np.array([[0.9, 0.1], [np.nan, np.nan]])
    cells = ",no" * header.count(",")
    table, _ = filled(sample(tmp_path, header, f"0{cells}", f"1{cells}"), "01", unread, SPEC, fill)
    assert all(str(column[0]) != "None" and str(column[1]) in ("None", "nan") for column in table.columns[1:])
