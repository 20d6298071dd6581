import gzip
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import csv as arrow_csv
from pyarrow import json as arrow_json
from pyarrow import parquet

from tests.data.readers.reading import read_table
from trainer.data.columns.options import ColumnOptions
from trainer.data.readers import csv_fast
from trainer.data.readers.tables import open_table
from trainer.errors import ConfigError, DataError

CHINESE = "text,label\n这是一个非常好的酒店，服务也很好,好\n房间太小了，我们不会再来,坏\n"
FRENCH = "text,label\nle café est très bon,pos\nl’hôtel était affreux,neg\n"
TRADITIONAL = "text,label\n這是一個非常好的飯店，服務也很好,好\n房間太小了，我們不會再來,壞\n"
RUSSIAN = "text,label\nочень хороший отель и вежливый персонал,да\nплохой номер,нет\n"

MALFORMED = [
    ("empty.csv", b"", "empty"),
    ("blank.csv", b" \n\n", "empty"),
    ("header.csv", b"a,label\n", "no rows"),
    ("twice.csv", b"a,label,a\n1,2,3\n", r"duplicate column 'a' \(columns 1, 3\)"),
    ("utf16.csv", "a,label\n1,x\n".encode("utf-16"), "data.encoding=utf-16"),
    ("utf16le.csv", "a,label\n1,x\n".encode("utf-16-le"), "data.encoding=utf-16-le"),
    ("utf32.csv", "a,label\n1,x\n".encode("utf-32"), "data.encoding=utf-32"),
    ("gbk.csv", CHINESE.encode("gbk"), r"row 1 \(line 2, byte 11\).*data.encoding=gb18030"),
    ("big5.csv", TRADITIONAL.encode("big5"), "data.encoding=big5"),
    ("cp1252.csv", FRENCH.encode("cp1252"), "data.encoding=cp1252"),
    ("cp1251.csv", RUSSIAN.encode("cp1251"), "set data.encoding=cp1251"),
    ("nul.csv", b"a,label\n1,x\n2,\0y\n", r"NUL byte in row 2 \(line 3"),
    ("quoted_nul.csv", b'a,label\n"1\n1",x\n2,\0y\n', r"NUL byte in row 2 \(line 4"),
    ("semicolon.csv", b"a;label\n1,5;x\n", "\"data.delimiter=';'\""),
    ("tab.csv", b"a\tlabel\n1\tx\n", "data.delimiter=tab"),
    ("comma.tsv", b"a,label\n1,x\n", "\"data.delimiter=','\""),
    ("pipe.csv", b"a|label\n1|x\n", r"\"data.delimiter='\|'\""),
    ("open_quote.csv", b'a,label\n1,x\n"2,y\n3,z\n', r"unbalanced quote in row 2 \(line 3\).*never closed"),
    (
        "two_open.csv",
        b'a,label\n1,x\n"2,y\n"3,z\n',
        r"row 2 \(line 3\).*ends in line 4 with text right after",
    ),
    ("open_header.csv", b'"a,label\n1,x\n', "unbalanced quote in the header"),
    ("semicolons.csv", b'"a";"label"\n1;x\n2;y\n', r"if cells end at ';', set \"data\.delimiter=';'\""),
    ("inner_quote.csv", b'a,label\n"say "yes" now",x\n', "unbalanced quote in row 1"),
    (
        "long.csv",
        b"a,label\n1,x\n2,y,z\n3,x\n4,a,b\n",
        r"row 2 \(line 3\) has 3 cells, the header has 2; 2 such",
    ),
    ("short.csv", b"a,b,label\n1,2,x\n2\n", r"row 2 \(line 3\) has 1 cells, the header has 3"),
    ("gap.csv", b'\na,label\n\n"1\n1",x\n\n2,y,z\n', r"row 2 \(line \d+\) has 3 cells"),
    ("page.csv", b"\n<!DOCTYPE html>\n<html><body>404</body></html>", "web page"),
    ("page2.csv", b"<HTML><head>", "web page"),
    ("xml.csv", b'<?xml version="1.0"?><a/>', "XML"),
    ("packed.csv", gzip.compress(b"a,label\n1,x\n"), "gzip"),
    ("table.csv", b"PAR1xxxx", "Parquet"),
    ("table.parquet", b"a,label\n1,x\n", "CSV text, not a Parquet file"),
    ("table.xyz", b"PK", r"tables end in .* \.csv "),
    ("array.jsonl", b'[{"a": 1}]', "JSON array"),
    ("broken.jsonl", b'{"a": 1}\n{"a": 2\n', "line 2: not JSON"),
    ("number.jsonl", b'{"a": 1}\n5\n', "line 2: not a JSON object"),
    ("mixed.jsonl", b'{"a": null}\n{"a": 1}\n{"a": [2]}\n', "'a' holds another value in line 2 and a list in line 3"),
    ("twice.jsonl", b'{"a": 1, "a": 2}\n', "line 1: not JSON .*key 'a' twice"),
    ("nothing.jsonl", b"{}\n{}\n", "no columns"),
    ("nul.jsonl", b'{"a": 1}\n\0{"a": 1}\n', r"NUL byte in row 2 \(line 2"),
]


@pytest.mark.parametrize(("name", "content", "message"), MALFORMED, ids=[row[0] for row in MALFORMED])
def test_malformed_file_is_refused(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises(DataError, match=f"(?s){message}") as caught:
        read_table(file)
    assert caught.value.exit_code == 3
    assert len(str(caught.value).splitlines()) <= 5
    assert name in str(caught.value)


def test_zip_named_csv(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.csv", "w") as archive:
        archive.writestr("x", "y")
    with pytest.raises(DataError, match="zip archive"):
        read_table(tmp_path / "a.csv")


def test_missing_file_suggests_its_neighbour(tmp_path: Path) -> None:
    (tmp_path / "reviews.csv").write_text("a\n1\n")
    with pytest.raises(DataError, match=r"did you mean 'reviews\.csv'"):
        read_table(tmp_path / "review.csv")
    with pytest.raises(DataError, match="does not exist either"):
        read_table(tmp_path / "nowhere" / "review.csv")


def test_impossible_names_and_unreadable_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="too long for a path"):
        read_table(tmp_path / ("x" * 300 + ".csv"))
    (tmp_path / "a.csv").write_text("a,b\n1,2\n")

    def refuse(self: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(DataError, match=r"a\.csv: cannot be read \(Permission denied\)"):
        read_table(tmp_path / "a.csv")


def test_directory_lists_what_is_in_it(tmp_path: Path) -> None:
    (tmp_path / "reviews.csv").write_text("a\n1\n")
    with pytest.raises(DataError, match=r"is a directory: name the file \(reviews.csv\)"):
        read_table(tmp_path)


WORKING = [
    ("plain", "a.csv", b"a,b\n1,x\n2,y\n", {}),
    ("windows", "a.csv", b"a,b\r\n1,x\r\n2,y\r\n", {}),
    ("cr only", "a.csv", b"a,b\r1,x\r2,y\r", {}),
    ("bom", "a.csv", b"\xef\xbb\xbfa,b\n1,x\n2,y\n", {}),
    ("bom and quotes", "a.csv", b'\xef\xbb\xbf"a","b"\n"1","x"\n2,y', {}),
    ("blank lines", "a.csv", b"\n\na,b\n\n1,x\n\n2,y\n\n", {}),
    ("tsv", "a.tsv", b"a\tb\n1\tx\n2\ty\n", {}),
    ("txt", "a.txt", b"a\tb\n1\tx\n2\ty\n", {}),
    ("semicolon", "a.csv", b"a;b\n1;x\n2;y\n", {"delimiter": ";"}),
    ("tab by name", "a.csv", b"a\tb\n1\tx\n2\ty\n", {"delimiter": "tab"}),
    ("tab escaped", "a.csv", b"a\tb\n1\tx\n2\ty\n", {"delimiter": "\\t"}),
    ("utf-16", "a.csv", "a,b\n1,x\n2,y\n".encode("utf-16"), {"encoding": "utf-16"}),
    ("utf-16-le", "a.csv", "\ufeffa,b\n1,x\n2,y\n".encode("utf-16-le"), {"encoding": "utf-16-le"}),
    ("upper case ending", "a.CSV", b"a,b\n1,x\n2,y\n", {}),
    ("json", "a.jsonl", b'{"a": "1", "b": "x"}\n\n{"a": "2", "b": "y"}\n', {}),
]


@pytest.mark.parametrize(("name", "content", "options"), [row[1:] for row in WORKING], ids=[r[0] for r in WORKING])
def test_variants_read_the_same(tmp_path: Path, name: str, content: bytes, options: dict[str, str]) -> None:
    (tmp_path / name).write_bytes(content)
    assert read_table(tmp_path / name, **options).to_pydict() == {"a": ["1", "2"], "b": ["x", "y"]}


def test_cells_stay_as_they_stand(tmp_path: Path) -> None:
    content = 'a,b\nNA,null\n None ,""\n007,1.50\n"x\ny","say ""hi"", you"\n5" pipe,مرحبا 😀\n'
    (tmp_path / "a.csv").write_text(content, encoding="utf-8")
    expected = {
        "a": ["NA", " None ", "007", "x\ny", '5" pipe'],
        "b": ["null", "", "1.50", 'say "hi", you', "مرحبا 😀"],
    }
    assert read_table(tmp_path / "a.csv").to_pydict() == expected


@pytest.mark.parametrize("name", ["my data.csv", "评论 数据.csv", "отзывы.csv", "😀.csv", "مراجعات.csv"])
def test_any_file_name(tmp_path: Path, name: str) -> None:
    (tmp_path / "目录 with space").mkdir()
    file = tmp_path / "目录 with space" / name
    file.write_text("a,b\n1,2\n")
    assert read_table(str(file)).num_rows == 1


def test_a_name_that_is_not_utf_8(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = Path(os.fsdecode(bytes(tmp_path) + b"/\xff"))
    directory.mkdir()
    (directory / "a.csv").write_text("a,b\n1,2\n")
    parquet.write_table(pa.table({"a": ["1"], "b": ["2"]}), tmp_path / "a.parquet")
    (tmp_path / "a.parquet").rename(directory / "a.parquet")
    monkeypatch.setattr(csv_fast, "LEAST_BYTES", 0)
    for name in ("a.csv", "a.parquet"):
        assert read_table(directory / name).to_pydict() == {"a": ["1"], "b": ["2"]}


@pytest.mark.parametrize("name", ["a.csv", "large.csv", "a.jsonl", "a.parquet"])
def test_arrow_is_given_nothing_that_is_python_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Its threads would let go of it while Python ends, and a quick refusal would abort."""
    table = pa.table({"a": ["1", "2"], "b": ["x", "y"]})
    parquet.write_table(table, tmp_path / "a.parquet")
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in table.to_pylist()))
    for csv_name in ("a.csv", "large.csv"):
        arrow_csv.write_csv(table, tmp_path / csv_name)
    monkeypatch.setattr(csv_fast, "LEAST_BYTES", 0 if name == "large.csv" else 1 << 25)
    given: list[object] = []
    for module, reader in ((arrow_csv, "read_csv"), (arrow_json, "read_json"), (parquet, "ParquetFile")):
        monkeypatch.setattr(module, reader, recorded(getattr(module, reader), given))
    assert read_table(tmp_path / name).equals(table)
    assert [type(stream) for stream in given] == [pa.BufferReader if name in ("a.csv", "a.jsonl") else pa.OSFile]


def recorded(reader: Callable[..., Any], given: list[object]) -> Callable[..., Any]:
    def record(stream: object, *args: Any, **options: Any) -> Any:
        given.append(stream)
        return reader(stream, *args, **options)

    return record


def test_unnamed_columns_are_numbered(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("v1,v2,,\nham,hi,,x\n")
    assert read_table(tmp_path / "a.csv").column_names == ["v1", "v2", "unnamed_3", "unnamed_4"]


@pytest.mark.parametrize(("text", "encoding"), [(CHINESE, "gb18030"), (TRADITIONAL, "big5"), (FRENCH, "cp1252")])
def test_suggested_encoding_reads_the_file(tmp_path: Path, text: str, encoding: str) -> None:
    (tmp_path / "a.csv").write_bytes(text.encode(encoding))
    rows = [line.split(",") for line in text.splitlines()[1:]]
    assert read_table(tmp_path / "a.csv", encoding).column("label").to_pylist() == [row[-1] for row in rows]


def test_damaged_bytes_name_row_and_lines(tmp_path: Path) -> None:
    damaged = CHINESE.encode("gb18030") + b"\xb0\xff\xff,x\n" + "好的酒店,好\n".encode("gb18030")
    (tmp_path / "a.csv").write_bytes(damaged)
    with pytest.raises(DataError, match=r"(?s)row 3 \(line 4, byte \d+\).*damaged lines: 1 \(4\)"):
        read_table(tmp_path / "a.csv", "gb18030")


def test_utf8_file_under_another_encoding(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a,b\n1,你好吗\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"data\.encoding=utf-8"):
        read_table(tmp_path / "a.csv", "ascii")


@pytest.mark.parametrize("options", [{"encoding": "utf-99"}, {"encoding": "base64"}, {"delimiter": ";;"}])
def test_impossible_options(tmp_path: Path, options: dict[str, str]) -> None:
    (tmp_path / "a.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ConfigError, match=r"data\.(encoding|delimiter)="):
        read_table(tmp_path / "a.csv", **options)


def test_parquet_keeps_types_and_drops_the_saved_index(tmp_path: Path) -> None:
    table = pa.table(
        {
            "n": pa.array([1.5, None]),
            "c": pa.array(["x", "y"]).dictionary_encode(),
            "__index_level_0__": pa.array([7, 8]),
        }
    )
    parquet.write_table(table, tmp_path / "a.parquet")
    read = read_table(tmp_path / "a.parquet")
    assert read.to_pydict() == {"n": [1.5, None], "c": ["x", "y"]}
    assert read.schema.field("c").type == pa.string()


def test_parquet_with_duplicate_columns(tmp_path: Path) -> None:
    parquet.write_table(pa.table([pa.array([1]), pa.array([2])], names=["a", "a"]), tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"duplicate column 'a' \(columns 1, 2\)"):
        read_table(tmp_path / "a.parquet")


def test_json_dates_stay_text(tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").write_text('{"d": "2020-01-01", "n": 1}\n{"d": "2020-01-02", "n": 2.5}\n')
    assert read_table(tmp_path / "a.ndjson").to_pydict() == {
        "d": ["2020-01-01", "2020-01-02"],
        "n": [1.0, 2.5],
    }


def test_row_longer_than_a_megabyte(tmp_path: Path) -> None:
    long = "x" * 3_000_000
    (tmp_path / "a.csv").write_text(f'a,b\n1,"{long}"\n2,y\n')
    assert [len(cell.as_py()) for cell in read_table(tmp_path / "a.csv")["b"]] == [3_000_000, 1]


@pytest.mark.parametrize("ending", ["parquet", "jsonl"])
@pytest.mark.parametrize("option", [{"delimiter": ";"}, {"quote": "none"}, {"header": "none"}, {"encoding": "cp1252"}])
def test_options_that_a_kind_of_file_does_not_have_are_refused(tmp_path: Path, ending: str, option: dict) -> None:
    file, name = tmp_path / f"t.{ending}", next(iter(option))
    if ending == "parquet":
        parquet.write_table(pa.table({"a": [1, 2], "label": ["x", "y"]}), file)
    else:
        file.write_bytes(b'{"a": 1, "label": "x"}\n{"a": 2, "label": "y"}\n')
    if (ending, name) == ("jsonl", "encoding"):  # JSON lines are text
        assert open_table(file, ColumnOptions(**option)).rows.num_rows == 2
        return
    with pytest.raises(ConfigError, match=rf"data\.{name} has no effect on .*\.{ending}"):
        open_table(file, ColumnOptions(**option))


OF_R = '"mpg","cyl","y"\n"Mazda RX4",21,6,"a"\n"Datsun 710",22.8,4,"b"\n"Hornet",21.4,6,"a"\n'


def test_row_names_of_r_have_no_cell_in_the_header(tmp_path):
    (tmp_path / "mt.csv").write_text(OF_R)
    opened = open_table(tmp_path / "mt.csv", ColumnOptions())
    assert opened.rows.to_pydict() == {"mpg": ["21", "22.8", "21.4"], "cyl": ["6", "4", "6"], "y": ["a", "b", "a"]}
    [note] = opened.notes
    assert "one cell shorter than the rows, as R writes it" in note
    assert "left out (data.id=row_names takes them for ids)" in note
    kept = open_table(tmp_path / "mt.csv", ColumnOptions(id="row_names"))
    assert kept.rows["row_names"].to_pylist() == ["Mazda RX4", "Datsun 710", "Hornet"]
    assert kept.rows.drop_columns(["row_names"]) == opened.rows
    (tmp_path / "mt.txt").write_text(OF_R.replace(",", " "))
    assert open_table(tmp_path / "mt.txt", ColumnOptions(delimiter=" ")).rows == opened.rows


@pytest.mark.parametrize(
    "content",
    [
        "a,b,y\n1,2,no,\n3,4,yes,\n",  # a delimiter at the end
        "a,b,y\n1,2,no,x\n1,4,yes,z\n",  # the first cells name no rows
        "a,b,y\n1,2,no,x\n3,4,yes\n",  # the first row alone
        "a,b,y\n1,2,no,x\n3,4,yes,z,z\n",
        "a,b,y\n1,2,no,x\n",  # one row tells nothing
    ],
)
def test_rows_longer_than_the_header_that_begin_with_no_names_are_refused(tmp_path, content):
    (tmp_path / "t.csv").write_text(content)
    with pytest.raises(DataError, match=r"row 1 \(line 2\) has 4 cells, the header has 3"):
        open_table(tmp_path / "t.csv", ColumnOptions())
