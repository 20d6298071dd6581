"""Large CSV files are parsed from the disk where nothing is odd: the same cells as read whole, or the careful way."""

import tracemalloc
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.data.readers.reading import read_table
from trainer.data.readers import csv_fast
from trainer.data.readers.csv_fast import read_sound_csv
from trainer.data.readers.csv_form import CsvForm, csv_form
from trainer.data.readers.csv_strict import check_delimiter, parse_csv
from trainer.data.readers.text_decoding import decode_text
from trainer.errors import ConfigError, DataError


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of any size count as large, and chunks end in the middle of cells."""
    monkeypatch.setattr(csv_fast, "LEAST_BYTES", 0)
    monkeypatch.setattr(csv_fast, "CHUNK_BYTES", 3)


def whole(file: Path) -> pa.Table | None:
    """Return the table as read whole, or None where that is refused."""
    try:
        return parse_csv(decode_text(file, "utf-8"), file, CsvForm())[0]
    except DataError:
        return None


@pytest.mark.usefixtures("small")
@settings(
    max_examples=400, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.text(alphabet='a1,"\n\ré字 ', max_size=30).map(lambda text: f"x,y\n{text}"))
def test_what_is_parsed_from_the_disk_is_what_is_read_whole(tmp_path: Path, text: str) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(text.encode())
    try:
        found = read_sound_csv(file, "utf-8", CsvForm())
    except DataError:
        assert whole(file) is None
        return
    careful = whole(file)
    assert found is None or (careful is not None and found.equals(careful))


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("n_before", range(3))
def test_half_a_letter_between_plain_chunks_is_no_utf8(tmp_path: Path, n_before: int) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(b"a,b\n" + b"x" * n_before + "字".encode()[:2] + b"xxxxxx,1\n")
    assert read_sound_csv(file, "utf-8", CsvForm()) is None


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("text", ["a,b\n1,2\n", 'a,b\n"x, ""y""\nz",字\n', "a,b\r\n1,2\r\n\r\n3,4", "a\n1\n"])
def test_sound_files_are_parsed_from_the_disk(tmp_path: Path, text: str) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(text.encode())
    found = read_sound_csv(file, "UTF-8", CsvForm())
    assert found is not None
    assert found.equals(whole(file))


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b" \n",
        b"\xef\xbb\xbfa,b\n1,2\n",
        b"a,b\n1,2\n\xef\xbb\xbf3,4\n",
        b"a,b\n1,\xe9\n",
        b"a,b\n1,\xc3",
        b"a,b\n1,\x00\n",
        b"PK\x03\x04a,b\n1,2\n",
        b"<html>a,b\n1,2\n",
        b"\n\na,b\n1,2\n",
        b'a,b\n1,"2\n',
        b'a,b\n1,"2"x\n',
        b"a,b\n1,2,3\n",
        "a,b\n1,2\n".encode("utf-16-le"),
    ],
)
def test_everything_else_is_read_with_more_care(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(content)
    assert read_sound_csv(file, "utf-8", CsvForm()) is None


@pytest.mark.usefixtures("small")
def test_the_delimiter_is_checked_and_other_encodings_are_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("a;b\n1;2\n")
    with pytest.raises(DataError, match="only one column when split at ','"):
        read_sound_csv(file, "utf-8", CsvForm())
    with pytest.raises(ConfigError, match="one character"):
        csv_form("ab", ",")
    assert read_sound_csv(file, "cp1252", CsvForm(";")) is None
    assert read_sound_csv(tmp_path / "none.csv", "utf-8", CsvForm()) is None


@pytest.mark.parametrize(
    ("line", "typed"),
    [
        ("650_!_100_!_news，a,b_!_title", r"sed 's/_!_/\t/g' a.csv > a.tsv"),
        ("1::1193::5::978300760", r"sed 's/::/\t/g' a.csv > a.tsv"),
        ("1||a,b||c", r"sed 's/||/\t/g' a.csv > a.tsv"),
        ("1$*$a$*$c", r"sed 's/\$\*\$/\t/g' a.csv > a.tsv"),
    ],
)
def test_several_characters_between_cells_are_told_what_makes_one_of_them(line: str, typed: str) -> None:
    with pytest.raises(DataError, match=r"is between its cells, and data\.delimiter is one character") as caught:
        check_delimiter([line], "\t", Path("a.csv"))
    assert str(caught.value).endswith(f"read a copy with tabs: {typed}")


@pytest.mark.parametrize("line", ["  2.5e-01  -1.0  3", "1 2 3", "0.1   7   -.5 "])
def test_numbers_with_spaces_between_them_are_told_what_makes_cells_of_them(line: str) -> None:
    with pytest.raises(
        DataError, match=r"(?s)spaces are between its cells, no names above .*data\.header=none: sed"
    ) as caught:
        check_delimiter([line], "\t", Path("x.txt"))
    assert str(caught.value).endswith(r"sed 's/^ *//; s/ *$//; s/  */\t/g' x.txt > x.tsv")


@pytest.mark.parametrize(
    "line", ["name", "7", "12 3", "1.5 km away", "http://a.org/x", "a--b--c", "what?! really?!", "x...y...z"]
)
def test_signs_that_repeat_in_one_cell_are_no_delimiter(line: str) -> None:
    check_delimiter([line], "\t", Path("a.csv"))


def test_a_large_file_is_not_held_beside_its_cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_fast, "LEAST_BYTES", 1 << 20)
    monkeypatch.setattr(csv_fast, "CHUNK_BYTES", 1 << 16)
    file = tmp_path / "a.csv"
    file.write_text("a,b\n" + "1.25,some words\n" * 200_000)
    tracemalloc.start()
    try:
        table = read_table(file)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert table.num_rows == 200_000
    assert peak_bytes < file.stat().st_size / 2 + (1 << 20)  # Arrow's own memory is not Python's
