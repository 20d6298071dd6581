"""data.group: one group is one text, and what may be two groups stays two."""

import numpy as np
import pyarrow as pa
import pytest

from trainer.data.columns.rows import read_groups, read_ids
from trainer.errors import DataError


def groups(cells, kind=None):
    return read_groups(pa.table({"g": pa.array(cells, kind)}), "g", "f.csv")


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (["p0", "p0 ", "p1", "p0"], "'p0' in 2 rows (1, 4)\n'p0 ' in row 2\nspaces"),
        (["p0", "p0\u00a0", "p0\t"], "'p0' in row 1\n'p0\\xa0' (U+00A0) in row 2\n'p0\\t' (U+0009) in row 3\nspaces"),
        (["0", "1", "0.0", "0"], "'0' in 2 rows (1, 4)\n'0.0' in row 3\nnumber form"),
        (["7", "+7.00", "control"], "'7' in row 1\n'+7.00' in row 2\nnumber form"),
        (["1.", "+1", "a"], "'1.' in row 1\n'+1' in row 2\nnumber form"),
        (["p1", "P1", "p01", "x"], "'p1' in row 1\n'P1' in row 2\ncase"),
        (["S1", "x", "S１"], "'S1' in row 1\n'S１' (U+FF11) in row 3\nwidth"),
    ],
)
def test_a_group_in_two_forms_is_refused_with_its_rows(cells, said) -> None:
    with pytest.raises(DataError) as error:
        groups(cells)
    rows, _, by = said.rpartition("\n")
    assert str(error.value) == (
        f"f.csv: column 'g' writes one group in different ways:\n{rows}\nmake them the same: they differ only by {by}; "
        "or set data.spellings=join (one) or apart (several)"
    )


def test_groups_in_two_writings_are_joined_or_kept_apart_where_asked() -> None:
    table = pa.table({"g": ["p1", "P1", "P1", "p2", " p1"]})
    joined = read_groups(table, "g", "f.csv", "join")
    assert joined is not None
    assert joined.tolist() == ["P1", "P1", "P1", "p2", "P1"]
    apart = read_groups(table.slice(0, 4), "g", "f.csv", "apart")
    assert apart is not None
    assert apart.tolist() == ["p1", "P1", "P1", "p2"]
    with pytest.raises(DataError, match="'p1' in row 1\n' p1' in row 5"):  # which no option keeps apart
        read_groups(table, "g", "f.csv", "apart")


@pytest.mark.parametrize(
    "cells",
    [["a1", "b", "A1"], ["1", "2", "1.0"], ["é", "e\u0301", "x"], ["n 1", "n1"], ["好\u200b", "好"], ["1000", "1,000"]],
)
def test_an_id_in_two_writings_is_refused(cells) -> None:
    with pytest.raises(DataError, match=r"(?s)column 'i' writes one id in different ways.*set data\.spellings=apart"):
        read_ids(pa.table({"i": cells}), "i", "f.csv")
    assert read_ids(pa.table({"i": cells}), "i", "f.csv", "apart").tolist() == cells


def test_ids_that_are_not_one_word_are_taken() -> None:
    cells = ["a1", "a2", "1.1", "1.10", "01", "1", "x²", "x2", "1 12", "11 2", "好", "坏", "-", "_"]
    assert read_ids(pa.table({"i": cells}), "i", "f.csv").tolist() == cells


def test_the_other_groups_in_two_forms_are_counted() -> None:
    cells = [f"p{row // 4}{' ' if row % 4 == 3 else ''}" for row in range(80)]
    with pytest.raises(DataError, match=r"in different ways \(and 19 more\):\n'p0' in 3 rows \(1, 2, 3\)\n") as error:
        groups(cells)
    assert str(error.value).count("\n") == 3


@pytest.mark.parametrize(
    "cells",
    [
        ["1.1", "1.10", "1.2"],  # the first and the tenth person of a site
        ["0e12345", "0e99999", "1e3", "1000"],  # hashes
        ["p1", "P2", "p01", "p 3"],
        ["1", "-1", "10", "0", "01", "001.0"],
        ["a ", "b ", " c"],
        ["2024-01-01", "2024-1-1"],
        ["1,1", "1,10", "11"],
        ["0,500", "500", "10,20", "1020"],
    ],
)
def test_what_may_be_two_groups_stays_two(cells) -> None:
    found = groups(cells)
    assert found is not None
    assert found.tolist() == cells


@pytest.mark.parametrize(("kind", "said"), [(pa.int64(), ["3", "1", "3"]), (pa.float64(), ["3", "1", "3"])])
def test_numbers_of_a_parquet_file_are_one_group_each(kind, said) -> None:
    found = groups([3, 1, 3], kind)
    assert found is not None
    assert found.tolist() == said
    with pytest.raises(DataError, match="no group in column 'g' in row 2"):
        groups([3, None, 3], kind)


def test_a_large_table_with_its_chunks() -> None:
    cells = np.char.add("p", (np.arange(200_000) % 50_000).astype(np.str_))
    chunks = pa.chunked_array([cells[:70_000].tolist(), cells[70_000:].tolist()])
    found = read_groups(pa.table({"g": chunks}), "g", "f.csv")
    assert found is not None
    np.testing.assert_array_equal(found, cells)
    chunks = pa.chunked_array([cells[:70_000].tolist(), [" p7", *cells[70_001:].tolist()]])
    with pytest.raises(DataError, match=r"' p7' in row 70001"):
        read_groups(pa.table({"g": chunks}), "g", "f.csv")
