from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from trainer.data.columns.kept_columns import ColumnFiles, KeptColumns

NUMBERS = {"x": np.array([1.0, np.nan, 3.0]), "void": np.full(3, np.nan), "five": np.full(3, 5.0)}
WORDS = {"town": ["Rome", None, "Oslo"], "blue": ["blue"] * 3, "none": [None] * 3, "hole": ["one", "one", None]}


@pytest.mark.parametrize("on_disk", [False, True])
def test_columns_come_back_with_what_is_odd_about_them(tmp_path: Path, on_disk: bool) -> None:
    kept = ColumnFiles(tmp_path) if on_disk else KeptColumns()
    for name, cells in WORDS.items():
        kept.add_words(name, pa.array(cells, pa.string()).dictionary_encode())
    for name, values in NUMBERS.items():
        kept.add_numbers(name, values)
    table = kept.table()
    assert (table.numeric, table.categorical) == (tuple(NUMBERS), tuple(WORDS))
    assert table.scratch == (tmp_path if on_disk else None)
    np.testing.assert_array_equal(table.numeric_NF, np.stack(list(NUMBERS.values()), axis=1))
    assert [column_N.tolist() for column_N in table.categorical_NK.T] == list(WORDS.values())
    assert kept.notes() == (
        "features: 3 numeric, 4 categorical",
        "columns without any value: void, none",
        "columns with the same value in every row: five, blue",
    )


@pytest.mark.parametrize("sentence", ["number {} of the words that people write", "这是第{}条评论，房间又脏又吵"])
def test_texts_in_a_table_are_told_what_learns_from_their_words(sentence: str) -> None:
    kept = KeptColumns()
    kept.add_words("review", pa.array([sentence.format(n) for n in range(60)]).dictionary_encode())
    kept.add_words("street", pa.array([f"{n} Long Street" for n in range(60)]).dictionary_encode())
    _, review, street = kept.notes()
    assert "in 60 rows: data=csv_text data.text=review learns from the words of texts; if it is no feature" in review
    assert "in 60 rows: if it is no feature, set data.drop=[street]" in street
