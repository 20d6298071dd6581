"""data.group: one group is one text, and what may be two groups stays two."""

import numpy as np
import pyarrow as pa
import pytest

from trainer.data.columns.rows import read_groups
from trainer.errors import DataError


def groups(cells, kind=None):
    return read_groups(pa.table({"g": pa.array(cells, kind)}), "g", "f.csv")


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (["p0", "p0 ", "p1", "p0"], "'p0' in 2 rows (1, 4)\n'p0 ' in row 2\n"),
        (["p0", "p0\u00a0", "p0\t"], "'p0' in row 1\n'p0\\xa0' in row 2\n'p0\\t' in row 3\n"),
        (["0", "1", "0.0", "0"], "'0' in 2 rows (1, 4)\n'0.0' in row 3\n"),
        (["7", "+7.00", "control"], "'7' in row 1\n'+7.00' in row 2\n"),
        (["1.", "+1", "a"], "'1.' in row 1\n'+1' in row 2\n"),
    ],
)
def test_a_group_in_two_forms_is_refused_with_its_rows(cells, said) -> None:
    with pytest.raises(DataError) as error:
        groups(cells)
    assert str(error.value) == (
        f"f.csv: column 'g' writes one group in different ways:\n{said}"
        "make them the same: they differ only by spaces or number form"
    )


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
        ["p1", "P1", "p01", "p 1"],
        ["1", "-1", "10", "0", "01", "001.0"],
        ["a ", "b ", " c"],
        ["2024-01-01", "2024-1-1"],
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
