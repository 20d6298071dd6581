import datetime as dt
import sys
import zipfile

import openpyxl
import pandas as pd
import pytest
from openpyxl.styles import Font

from trainer.data.columns.options import ColumnOptions
from trainer.data.readers.tables import open_table
from trainer.data.sources.csv_tabular import load_csv_tabular
from trainer.errors import ConfigError, DataError


def opened(path, **options):
    return open_table(path, ColumnOptions(**options))


def book(path, rows, change=lambda sheet: None, **sheets):
    workbook = openpyxl.Workbook()
    workbook.active.title = "first"
    for title, cells in {"first": rows, **sheets}.items():
        sheet = workbook.active if title == "first" else workbook.create_sheet(title)
        for row in cells:
            sheet.append(row)
    change(workbook.active)
    workbook.save(path)
    return path


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.xlsx"


def test_cells_keep_their_kind(path):
    rows = [
        ["n", "x", "flag", "code", "day", "moment", "word", 2020],
        [1, 1.5, True, "00123", dt.date(2024, 1, 31), dt.datetime(2024, 1, 31, 12, 30), "#1 ", None],
        [2, 3, False, "7", dt.date(2024, 2, 1), dt.datetime(2024, 2, 1), None, None],
    ]
    assert opened(book(path, rows)).rows.to_pydict() == {
        "n": [1, 2],
        "x": [1.5, 3.0],
        "flag": [True, False],
        "code": ["00123", "7"],
        "day": ["2024-01-31", "2024-02-01"],
        "moment": ["2024-01-31 12:30:00", "2024-02-01"],
        "word": ["#1 ", None],
        "2020": [None, None],
    }


def test_durations_are_hours_as_excel_shows_them(path):
    """Python's text of one, 1 day, 6:05:00, would be a word to learn by heart."""
    rows = [["took", "label"], [dt.timedelta(hours=30, minutes=5), "a"], [dt.timedelta(hours=2, seconds=7), "b"]]
    assert opened(book(path, rows)).rows["took"].to_pylist() == ["30:05:00", "2:00:07"]
    with pytest.raises(DataError, match="column 'took' looks like times or durations, such as '30:05:00' in 2 rows"):
        load_csv_tabular(str(path), ColumnOptions())


@pytest.mark.parametrize(
    ("number_format", "shown"),
    [("00000", "00123"), (r"000\-00", "001-23"), ('00"-"0', "12-3"), ("0", 123), ("0.00", 123), ("#,##0", 123)],
)
def test_numbers_that_are_codes_keep_their_zeros(path, number_format, shown):
    def formatted(sheet):
        sheet["A2"].number_format = number_format

    assert opened(book(path, [["code", "y"], [123, "a"]], formatted)).rows["code"].to_pylist() == [shown]


def test_a_column_of_text_and_numbers_is_text_and_told(path):
    read = opened(book(path, [["id", "y"], [1, "a"], ["x2", "b"], [3.0, "c"]]))
    assert read.rows["id"].to_pylist() == ["1", "x2", "3"]
    assert "numbers (A2: 1) and text (A3: x2)" in read.notes[0]


def test_styled_empty_cells_and_empty_lines_are_nothing(path):
    def styled(sheet):
        for place in ("F1", "F900", "A50", "C2"):
            sheet[place].font = Font(bold=True)
        sheet["A5"], sheet["B5"] = 3, "c"

    read = opened(book(path, [[], ["n", "y"], [1, "a"]], styled))
    assert read.rows.to_pydict() == {"n": [1, 3], "y": ["a", "c"]}
    assert "empty rows of the sheet are no rows (above row 5)" in read.notes


def test_what_is_hidden_is_read_and_told(path):
    def hidden(sheet):
        sheet.row_dimensions[3].hidden = True
        sheet.column_dimensions["B"].hidden = True

    read = opened(book(path, [["n", "z", "y"], [1, 5, "a"], [2, 6, "b"]], hidden))
    assert read.rows.num_rows == 2
    assert "1 hidden rows of the sheet is read too (3)" in read.notes
    assert "1 hidden columns of the sheet is read too (z)" in read.notes


def test_the_size_that_a_file_states_is_not_trusted(path):
    edited(book(path, [["n", "y"], [1, "a"], [2, "b"]]), b'ref="A1:B3"', b'ref="A1"')
    assert opened(path).rows.to_pydict() == {"n": [1, 2], "y": ["a", "b"]}


def test_the_index_that_pandas_writes_is_left_out(path):
    pd.DataFrame({"label": ["a", "b", "a"]}).to_excel(path)
    assert opened(path).rows.to_pydict() == {"label": ["a", "b", "a"]}


def test_one_of_several_sheets_is_named(path):
    book(path, [["n", "y"], [1, "a"]], empty=[], test=[["n", "y"], [2, "b"]])
    with pytest.raises(DataError, match=r"2 sheets have cells: name one of them\ndata\.table=first, data\.table=test"):
        opened(path)
    assert opened(path, table="test").rows["n"].to_pylist() == [2]
    with pytest.raises(ConfigError, match="did you mean 'test'"):
        opened(path, table="tset")
    with pytest.raises(DataError, match="no columns"):
        opened(path, table="empty")


def test_a_hidden_sheet_beside_one_is_told(path):
    def hidden(sheet):
        sheet.parent["lists"].sheet_state = "hidden"

    read = opened(book(path, [["n", "y"], [1, "a"]], hidden, lists=[["x"]]))
    assert read.notes[0] == "sheet 'first' is read, hidden ones are not (lists)"


def merged(*spans):
    def change(sheet):
        for span in spans:
            sheet.merge_cells(span)

    return change


@pytest.mark.parametrize(
    ("rows", "change", "message"),
    [
        ([["Sales 2024"], [], ["n", "y"], [1, "a"]], None, r"A1 'Sales 2024' stands above the table.*be in row 3"),
        ([["n", "scores", None], [1, 2, 3]], merged("B1:C1"), "cells B1:C1 of the header are merged"),
        ([["n", "y"], [None, "z"], [1, 2]], merged("A1:A2"), "cells A1:A2 of the header are merged"),
        ([["n", "y"], [1, "a"], [2, None]], merged("B2:B3"), "the cells B2:B3 are merged"),
        ([["n", "y"], ["#REF!", "a"], [1, "#DIV/0!"]], None, r"2 cells with errors \(A2 #REF!, B3 #DIV/0!\)"),
        ([["n", "y"], [1, "a"], ["=A2+1", "b"]], None, r"1 formulas without a value in the file \(A3\)"),
        ([["n", "y"], [1, "a"], ["=A2+1"]], None, r"1 formulas without a value in the file \(A3\)"),
        ([["n", "n"], [1, "a"]], None, "duplicate column 'n'"),
        ([["n", "y"]], None, "no rows, only the header"),
        ([], None, "every sheet is empty"),
    ],
)
def test_what_is_no_table_is_named_by_its_cells(path, rows, change, message):
    with pytest.raises(DataError, match=message) as caught:
        opened(book(path, rows, change or (lambda sheet: None)))
    assert len(str(caught.value).splitlines()) <= 5


def test_formulas_have_the_values_that_are_in_the_file(path):
    edited(book(path, [["n", "y"], [1, "a"], ["=A2+1", "b"]]), b"<v/>", b"<v>2</v>")
    assert opened(path).rows["n"].to_pylist() == [1, 2]


def test_cells_without_an_answer_are_empty(path):
    read = opened(book(path, [["n", "y"], [1, "a"], ["#N/A", "b"]]))
    assert read.rows["n"].to_pylist() == [1, None]
    assert read.notes == ("1 cells with #N/A (A3): read as empty",)


def edited(path, old, new):
    with zipfile.ZipFile(path) as file:
        parts = {name: file.read(name) for name in file.namelist()}
    sheet = parts["xl/worksheets/sheet1.xml"].replace(b"<v />", b"<v/>")
    assert old in sheet
    parts["xl/worksheets/sheet1.xml"] = sheet.replace(old, new)
    with zipfile.ZipFile(path, "w") as file:
        for name, content in parts.items():
            file.writestr(name, content)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.xls", b"\xd0\xcf\x11\xe0" + b"\0" * 600, r"old format of Excel \(\.xls\): open it and save it as \.xlsx"),
        ("a.xlsx", b"\xd0\xcf\x11\xe0" + "EncryptedPackage".encode("utf-16-le"), "is encrypted"),
        ("a.xlsb", b"PK\x03\x04" + b"\0" * 99, "a binary workbook"),
        ("a.xlsx", b"a,b\n1,2\n", r"this is CSV text, not an Excel workbook"),
        ("a.xlsx", b"PK\x03\x04" + b"\0" * 99, "not a readable Excel workbook"),
    ],
)
def test_other_workbooks_are_refused(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        opened(tmp_path / name)


def test_without_openpyxl_the_extra_is_named(path, monkeypatch):
    book(path, [["n", "y"], [1, "a"]])
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(ConfigError, match=r"pip install 'foldwise\[formats\]'"):
        opened(path)


def test_a_sheet_without_names_keeps_its_first_row(path):
    rows = [[5.1, "00123", "setosa"], [4.9, "00007", "setosa"], [6.3, None, "virginica"]]
    book(path, rows)
    with pytest.raises(DataError, match=r"first line looks like data \('5\.1', '00123', 'setosa'\)"):
        opened(path)
    assert opened(path, header="none").rows.to_pydict() == {
        "c1": [5.1, 4.9, 6.3],
        "c2": ["00123", "00007", None],
        "c3": ["setosa", "setosa", "virginica"],
    }
    assert opened(path, header=["width", "code", "kind"]).rows.column_names == ["width", "code", "kind"]
    assert opened(path, header="first").rows.column_names == ["5.1", "00123", "setosa"]
    with pytest.raises(ConfigError, match=r"names 2 columns, the first line of .* has 3 cells"):
        opened(path, header=["width", "code"])
