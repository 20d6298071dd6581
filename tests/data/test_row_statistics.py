"""What is kept of the training rows: quantiles and counts against numpy, and nothing of a row itself."""

import numpy as np

from trainer.data import row_statistics
from trainer.data.row_measures import Measure, script_of
from trainer.data.row_statistics import of_categories, of_numbers
from trainer.data.row_statistics import row_statistics as statistics_of
from trainer.data.samples import Arrays, Items, TableColumns, Texts


def test_numbers_are_kept_as_their_percentiles_and_the_rows_between_them():
    values = np.random.default_rng(0).normal(size=5_000)
    kept = of_numbers(Measure("x", "number", np.append(values, np.nan)))
    assert (kept["n_missing"], kept["n_present"]) == (1, 5_000)
    upto = np.cumsum(kept["counts"]).tolist()
    assert upto == [1, *range(50, 5_001, 50)]
    assert upto == [int((values <= edge).sum()) for edge in kept["edges"]]


def test_a_column_without_a_value_is_not_kept_nor_one_of_texts():
    assert of_numbers(Measure("x", "number", np.full(3, np.nan))) is None
    assert of_categories(Measure("c", "category", np.array([None, None], dtype=object))) is None
    assert of_categories(Measure("c", "category", np.array(["a" * 201], dtype=object))) is None


def test_rare_categories_are_kept_as_a_count():
    words = np.array([f"c{place:03}" for place in range(300)] + ["c000"] * 4 + [None], dtype=object)
    kept = of_categories(Measure("c", "category", words))
    assert len(kept["counts"]) == row_statistics.MOST_CATEGORIES
    assert next(iter(kept["counts"].items())) == ("c000", 5)
    assert (kept["n_rest"], kept["n_once"], kept["n_twice"], kept["n_missing"]) == (100, 299, 0, 1)


def test_a_large_table_is_counted_in_part(monkeypatch):
    monkeypatch.setattr(row_statistics, "MOST_ROWS", 50)
    values = np.arange(200, dtype=float)
    table = TableColumns(values[:, None], np.empty((200, 0), dtype=object), ("x",))
    kept = statistics_of(table)
    assert (kept["n_rows"], kept["n_counted"], kept["columns"][0]["n_present"]) == (200, 50, 50)
    assert kept == statistics_of(table)


def test_of_texts_no_word_is_kept():
    kept = statistics_of(Texts(("Secret words here", "secret again", "", "Geheim")))
    assert "ecret" not in str(kept)
    assert [column["name"] for column in kept["columns"]] == ["characters", "words", "script", "unknown words"]
    assert [column["n_missing"] for column in kept["columns"][:3]] == [1, 1, 1]


def test_scripts():
    found = [script_of(text) for text in ("Hello, мир", "こんにちは", "한국어", "שלום", "…", "  ", "房间很大 ok")]
    assert found == ["Latin", "Kana", "Hangul", "Hebrew", "no letters", None, "Han"]


def test_arrays_are_kept_as_mean_and_deviation_and_streamed_rows_not_at_all():
    pixels = np.random.default_rng(0).integers(0, 255, (20, 4, 4)).astype(np.uint8)
    columns = statistics_of(Arrays({"image": pixels, "y": np.arange(20.0)[:, None]}))["columns"]
    assert [column["name"] for column in columns] == ["mean of image", "standard deviation of image", "mean of y"]
    assert columns[0]["edges"][-1] == pixels.reshape(20, -1).mean(axis=1).max()
    assert statistics_of(Items(None, ("",)))["columns"] == []
