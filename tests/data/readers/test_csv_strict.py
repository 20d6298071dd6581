"""What the csv module writes is read back; any bytes give rows or an error in plain words."""

import csv
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.data.readers.reading import read_table
from trainer.data.columns.options import ColumnOptions
from trainer.data.sources.csv_tabular import load_csv_tabular
from trainer.errors import DataError, FoldwiseError

CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
AWKWARD = st.text(st.sampled_from('a1,;"\n\r \t|é好'), max_size=8)
ROWS = st.lists(st.tuples(CELLS | AWKWARD, CELLS | AWKWARD, AWKWARD), min_size=1, max_size=8)
QUIET = settings(max_examples=80, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
PIECES = st.sampled_from(
    [
        b"a,label\n",
        b"1,x\n",
        b"2,y\n",
        b'"',
        b",",
        b"\n",
        b"\r",
        b";",
        b"\xff",
        b"\xe5\xa5\xbd",
        b"\0",
        b"inf",
        b"?",
    ]
)


# The csv module leaves a lone \r unquoted where lines end in \n alone.
STYLES = [(csv.QUOTE_MINIMAL, "\r\n"), (csv.QUOTE_ALL, "\n"), (csv.QUOTE_ALL, "\r")]


@QUIET
@given(rows=ROWS, style=st.sampled_from(STYLES))
def test_round_trip(tmp_path_factory: pytest.TempPathFactory, rows: list, style: tuple[int, str]) -> None:
    quoting, end = style
    file = tmp_path_factory.mktemp("fuzz") / "a.csv"
    with file.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, quoting=quoting, lineterminator=end).writerows([("a", "b", "c"), *rows])
    columns = read_table(file).to_pydict()
    assert list(zip(*columns.values(), strict=True)) == rows


@QUIET
@given(content=st.binary(max_size=60) | st.lists(PIECES, max_size=12).map(b"".join))
def test_any_bytes(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    folder = tmp_path_factory.mktemp("fuzz")
    for name in ("a.csv", "a.tsv", "a.jsonl", "a.parquet"):
        file: Path = folder / name
        file.write_bytes(content)
        try:
            samples, spec = load_csv_tabular(str(file), ColumnOptions())
        except FoldwiseError as problem:
            if len(str(problem).splitlines()) > 5:
                pytest.fail(str(problem))
        else:
            assert len(samples) > 1
            assert len(spec.classes) > 1


@pytest.mark.parametrize(
    ("sign", "said"), [("^", "'^'"), ("~", "'~'"), ("\x01", r"'\x01'"), ("\x1f", r"'\x1f'"), ("|", "'|'")]
)
def test_rarer_delimiters_are_named_as_they_can_be_typed(tmp_path, sign, said):
    path = tmp_path / "a.csv"
    path.write_text("".join(f"{sign.join(row)}\n" for row in (("x", "label"), ("1", "a"), ("2", "b"))))
    with pytest.raises(DataError, match=re.escape(f'set "data.delimiter={said}"')):
        read_table(path)
    assert read_table(path, delimiter=said.strip("'")).column_names == ["x", "label"]
