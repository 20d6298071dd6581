import time
from collections import Counter

import pytest

from trainer.data.columns.options import ColumnOptions
from trainer.data.readers.contract import FORM
from trainer.data.readers.find import find_reader, readers
from trainer.data.readers.tables import open_table
from trainer.errors import ConfigError, DataError


@pytest.mark.parametrize("name", readers())
def test_each_reader_keeps_the_contract(name, tmp_path):
    reader = readers()[name]
    assert isinstance(reader.NAME, str)
    assert all(ending.startswith(".") and ending == ending.lower() for ending in (*reader.ENDINGS, *reader.ALSO))
    assert all(isinstance(magic, bytes) and magic for magic in reader.MAGIC)
    assert set(FORM) >= reader.USES
    assert reader.recognizes(tmp_path / f"nothing{(*reader.ENDINGS, '')[0]}", b"") is False
    assert callable(reader.read)


PIECES = (
    b"12,",
    b"12 ",
    b"1:1 ",
    b"1:12,",
    b" ",
    b"\t",
    b'"',
    b'"",',
    b"'",
    b"12:",
    b"a:",
    b"[",
    b"{",
    b"<a ",
    b"#",
    b"@",
    b"%",
)
ENDS = (b"cat", b"cat\n", b"\xff", b"x\ny\n")


@pytest.mark.parametrize("name", readers())
def test_each_reader_takes_a_moment_to_see_what_a_file_is(name, tmp_path):
    """A row of a hundred whole numbers and a word took one of them for ever, as there were two ways to read each."""
    reader = readers()[name]
    path = tmp_path / f"nothing{(*reader.ENDINGS, '')[0]}"
    for piece in PIECES:
        for end in ENDS:
            head = (piece * (1 << 15))[: 1 << 15] + end
            path.write_bytes(head)
            began = time.process_time()
            reader.recognizes(path, head)
            assert time.process_time() - began < 2, (piece, end)


def test_a_wide_table_of_whole_numbers_is_read_at_once(tmp_path):
    path = tmp_path / "wide.csv"
    header = ",".join([*(f"c{place}" for place in range(300)), "label"])
    path.write_text(header + "\n" + "".join("12," * 300 + f"{word}\n" for word in ("cat", "dog")))
    assert open_table(path, ColumnOptions()).rows.num_columns == 301


def test_no_two_readers_have_one_ending():
    times = Counter(ending for reader in readers().values() for ending in reader.ENDINGS)
    assert [ending for ending, count in times.items() if count > 1] == []


def test_a_format_that_there_is_not():
    with pytest.raises(ConfigError, match=r"data\.format=parkett: no such format.*parquet"):
        find_reader("x.csv", ColumnOptions(format="parkett"))


def test_a_file_of_another_format_than_its_ending_says(tmp_path):
    path = tmp_path / "x.csv"
    path.write_bytes(b"PAR1 and so on")
    with pytest.raises(DataError, match=r"x\.csv: this is a Parquet file.*rename it to end in \.parquet"):
        open_table(path, ColumnOptions())


def test_the_format_named_wins_over_the_ending(tmp_path):
    path = tmp_path / "x.rows"
    path.write_text("a,label\n1,x\n2,y\n")
    with pytest.raises(DataError, match=r"(?s)tables end in .*data\.format=NAME"):
        open_table(path, ColumnOptions())
    rows = open_table(path, ColumnOptions(format="delimited")).rows
    assert rows.to_pydict() == {"a": ["1", "2"], "label": ["x", "y"]}


@pytest.mark.parametrize(
    ("ending", "advice"),
    [
        ("rds", r"write_parquet"),
        ("RData", r"write\.csv"),
        ("ods", "save it as .xlsx"),
        ("xls", "as .xlsx"),
        ("npz", "image_arrays"),
    ],
)
def test_files_of_other_programs_are_refused_with_the_way_out(tmp_path, ending, advice):
    path = tmp_path / f"x.{ending}"
    path.write_bytes(b"\x1f\x8b\x08")
    with pytest.raises(DataError, match=advice):
        open_table(path, ColumnOptions())
