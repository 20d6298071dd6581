"""What a table may hide: data in place of names, rows inside a cell, row numbers as a column, comments."""

import pyarrow as pa
import pytest
from pyarrow import parquet

from trainer.data.columns.options import ColumnOptions
from trainer.data.readers import csv_fast
from trainer.data.readers.tables import open_table
from trainer.errors import ConfigError, DataError


def opened(folder, content, name="a.csv", **options):
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return open_table(folder / name, ColumnOptions(**options))


@pytest.fixture(params=["whole", "from the disk"])
def reading(request, monkeypatch):
    monkeypatch.setattr(csv_fast, "LEAST_BYTES", 0 if request.param == "from the disk" else 1 << 25)


@pytest.mark.usefixtures("reading")
@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("-0.064,1.919,0\n2.8,-0.3,1\n0.1,0.2,0\n", r"'-0\.064', '1\.919', '0'"),
        ("5.1,3.5,setosa\n4.9,3.0,virginica\n", r"'5\.1', '3\.5'"),
        ("6,148,pos\n1,85,neg\n8,183,pos\n", "'6', '148', 'pos'"),
        ("great,pos\nbad,neg\nfine,pos\n", "'pos'"),
        ("1,great,pos\n2,bad,neg\n3,fine,pos\n", "'1', 'pos'"),
        ("好,正面\n坏,负面\n行,正面\n", "'正面'"),
    ],
)
def test_a_first_line_that_is_data_is_asked_about(tmp_path, content, named):
    with pytest.raises(DataError, match=rf"the first line looks like data \({named}\)") as caught:
        opened(tmp_path, content)
    assert "data.header=none" in str(caught.value)
    n_rows = content.count("\n")
    assert opened(tmp_path, content, header="first").rows.num_rows == n_rows - 1
    unnamed = opened(tmp_path, content, header="none").rows
    assert (unnamed.num_rows, unnamed.column_names[:2]) == (n_rows, ["c1", "c2"])
    assert unnamed["c1"][0].as_py() == content.partition(",")[0]
    names = ["x", "y", "z"][: unnamed.num_columns]
    assert opened(tmp_path, content, header=names).rows.column_names == names
    with pytest.raises(ConfigError, match=r"data\.header names 4 columns, the first line of .* has [23] cells"):
        opened(tmp_path, content, header=["a", "b", "c", "d"])


@pytest.mark.parametrize(
    "content",
    [
        "label,0,1,2,3\n1,0,0,3,1\n",  # pixels
        "country,2000,2005,2010\nx,2000,1,2\n",
        "x,y,blue\nred,1,blue\ngreen,2,blue\n",
        "x,spam\n0.5,spam\n1.5,ham\n",
        "id,1,y\n7,5,a\n",
        "text,label\nlabel this,a\n",
    ],
)
def test_names_that_may_be_names_are_taken(tmp_path, content):
    assert opened(tmp_path, content).rows.num_rows == content.count("\n") - 1


def test_a_header_that_stands_twice_is_named(tmp_path):
    with pytest.raises(DataError, match="row 2 is the header again"):
        opened(tmp_path, "x,y\n1,a\nx,y\n2,b\n")


def test_headers_that_are_no_lists_of_names(tmp_path):
    with pytest.raises(ConfigError, match=r"data\.header=no: give first, none, or a list"):
        opened(tmp_path, "x,y\n1,a\n", header="no")
    with pytest.raises(ConfigError, match=r"data\.quote=single; have: double, none"):
        opened(tmp_path, "x,y\n1,a\n", quote="single")
    for option in ({"header": "none"}, {"quote": "none"}):
        with pytest.raises(ConfigError, match=f"data.{next(iter(option))} has no effect"):
            opened(tmp_path, '{"x": 1}\n', "a.jsonl", **option)


@pytest.mark.usefixtures("reading")
@pytest.mark.parametrize(
    ("name", "content", "row"),
    [
        ("a.tsv", 'text\tlabel\na\t1\n"b\t0\nc\t1\nd"\t0\ne\t1\n', "2"),
        ("a.csv", 'text,label\n"a,1\nb,0\nc",1\nd,0\n', "1"),
        ("a.csv", 'id,text,label\n1,"a,x\n2,b,y\n3,c",x\n', "1"),
        ("a.tsv", 'text\tlabel\r\n"a\t1\r\nb"\t0\r\nc\t1\r\n', "1"),
    ],
)
def test_rows_between_two_lone_quotes_are_not_swallowed(tmp_path, name, content, row):
    with pytest.raises(DataError, match=rf"a quoted cell of row {row} spans lines that look like rows") as caught:
        opened(tmp_path, content, name)
    assert "set data.quote=none" in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 5
    rows = opened(tmp_path, content, name, quote="none").rows
    separator = "\t" if name.endswith("tsv") else ","
    assert [separator.join(row.values()) for row in rows.to_pylist()] == content.splitlines()[1:]


def test_cells_of_several_lines_that_are_no_rows_are_taken(tmp_path):
    content = 'text,label\n"Good, cheap.\nWould buy, again, soon.",1\n"a\nb",0\n'
    assert opened(tmp_path, content).notes == ()
    some = 'text,label\n"Good, cheap.\nWould buy, again, soon.",1\n"a,b\nc",0\n'
    (note,) = opened(tmp_path, some).notes
    assert note.startswith("a quoted cell of row 2 spans lines that look like rows of their own: set data.quote=none")


def test_a_quote_that_never_closes_names_the_option(tmp_path):
    with pytest.raises(DataError, match=r"or set data\.quote=none"):
        opened(tmp_path, 'text\tlabel\n"a\t1\nb\t0\n', "a.tsv")


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_the_line_that_names_the_delimiter_is_no_row(tmp_path, end):
    content = end.join(["sep=;", "a;b", "1;x", "2;y", ""])
    for options in ({}, {"delimiter": ";"}):
        found = opened(tmp_path, content, **options)
        assert found.rows.to_pydict() == {"a": ["1", "2"], "b": ["x", "y"]}
        assert found.delimiter == ";"
        assert found.notes == ("first line 'sep=;' is no row: left out",)
    with pytest.raises(DataError, match=r"its first line is sep=;: leave data\.delimiter out"):
        opened(tmp_path, content, delimiter=",")
    with pytest.raises(DataError, match=r"row 2 \(line 4\) has 1 cells"):
        opened(tmp_path, end.join(["sep=;", "a;b", "1;x", "2"]))


@pytest.mark.usefixtures("reading")
def test_comments_before_the_header_are_no_rows(tmp_path):
    found = opened(tmp_path, "# made in 2020\n#units: mm, kg, s\n\na,b\n1,x\n#2,y\n")
    assert found.rows.to_pydict() == {"a": ["1", "#2"], "b": ["x", "y"]}
    assert found.notes == ("2 lines that begin with # at the top left out",)
    assert opened(tmp_path, "#a,b\n1,x\n").rows.column_names == ["#a", "b"]  # it is the header
    with pytest.raises(DataError, match=r"row 1 \(line 3\) has 3 cells"):
        opened(tmp_path, "# made\na,b\n1,x,y\n")


@pytest.mark.parametrize(
    ("header", "cells", "name"),
    [(",x,y", "012", "unnamed_1"), ("Unnamed: 0,x,y", "124", "Unnamed: 0"), ('"","x","y"', "123", "unnamed_1")],
)
def test_a_column_of_row_numbers_without_a_name_is_left_out(tmp_path, header, cells, name):
    found = opened(tmp_path, f"{header}\n" + "".join(f'"{cell}",{n}.5,a\n' for n, cell in enumerate(cells)))
    assert found.rows.column_names == ["x", "y"]
    assert found.notes == (f"column '{name}' only numbers the rows: left out",)


@pytest.mark.parametrize("cells", ["210", "112", "1x2"])
def test_other_columns_without_a_name_stay(tmp_path, cells):
    found = opened(tmp_path, ",x\n" + "".join(f"{cell},{n}.5\n" for n, cell in enumerate(cells)))
    assert (found.rows.column_names, found.notes) == (["unnamed_1", "x"], ())


def test_saved_row_names_of_parquet_are_told(tmp_path):
    parquet.write_table(pa.table({"x": [1, 2], "__index_level_0__": [7, 8]}), tmp_path / "a.parquet")
    found = open_table(tmp_path / "a.parquet", ColumnOptions())
    assert found.rows.column_names == ["x"]
    assert found.notes == ("the row names that pandas saved are no column: left out",)


def test_half_of_a_surrogate_pair_is_named_with_its_line(tmp_path):
    content = '{"text": "a"}\n\n{"text": "\\ud83d\\ude00"}\n{"text": "b\\ud83d"}\n'
    with pytest.raises(DataError, match="line 4: half of a surrogate pair"):
        opened(tmp_path, content, "a.jsonl")


def test_row_numbers_are_left_out_whatever_their_type_and_order_but_where_an_option_names_them(tmp_path):
    shuffled = [(7 * n) % 20 for n in range(20)]
    table = pa.table({"Unnamed: 0": shuffled, "x": range(20), "label": ["a", "b"] * 10})
    parquet.write_table(table, tmp_path / "a.parquet")
    found = open_table(tmp_path / "a.parquet", ColumnOptions())
    assert found.rows.column_names == ["x", "label"]
    assert found.notes == ("column 'Unnamed: 0' only numbers the rows: left out",)
    assert open_table(tmp_path / "a.parquet", ColumnOptions(id="Unnamed: 0")).rows.equals(table)


def test_row_names_of_pandas_are_left_out_of_a_text_file_too(tmp_path):
    found = opened(tmp_path, "x,__index_level_0__\n1,r1\n2,r2\n")
    assert found.rows.column_names == ["x"]
    assert found.notes == ("column '__index_level_0__' has the row names of pandas: left out",)


def test_marks_inside_a_file_are_left_out_and_told(tmp_path):
    found = opened(tmp_path, '\ufeff\ufeffx,y\n1,a\n\ufeff2,b\n\ufeff"3",c\n')
    assert found.rows.to_pydict() == {"x": ["1", "2", "3"], "y": ["a", "b", "c"]}
    assert found.notes == ("a byte order mark inside the file, first in line 1: left out",)


def test_a_first_row_that_comes_again_is_no_header(tmp_path):
    with pytest.raises(DataError, match=r"first line looks like data \('low', 'red'\)"):
        opened(tmp_path, "low,red\nhigh,red\nlow,red\nlow,blue\n")
    with pytest.raises(DataError, match="row 2 is the header again"):
        opened(tmp_path, "level,colour\nhigh,red\nlevel,colour\nlow,red\n")


@pytest.mark.parametrize("sign", "，；")
def test_commas_of_a_chinese_keyboard_are_named(tmp_path, sign):
    (tmp_path / "t.csv").write_text(f"文本{sign}label\n好{sign}p\n坏{sign}q\n", encoding="utf-8")
    with pytest.raises(DataError, match=rf"t\.csv: there is '{sign}' \(U\+FF..\) between the cells"):
        open_table(tmp_path / "t.csv", ColumnOptions())
    (tmp_path / "t.csv").write_text(f"评论{sign}标题\n很好{sign}再来\n没有\n", encoding="utf-8")  # texts of one column
    assert open_table(tmp_path / "t.csv", ColumnOptions()).rows.num_rows == 2


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ('[{"x": 1, "label": "a"},{"x": 2, "label": "b"}]', "json_array"),
        ('[\n {\n  "x": 1\n }\n]\n', "json_array"),
        ('{"x": 1, "label": "a"}\n{"x": 2, "label": "b"}\n', "json_lines"),
    ],
)
def test_json_under_another_ending_is_named(tmp_path, content, name):
    with pytest.raises(DataError, match=rf"a\.csv: this is JSON, .* set data\.format={name}"):
        opened(tmp_path, content)
    assert opened(tmp_path, content, format=name).rows["x"][0].as_py() == 1
