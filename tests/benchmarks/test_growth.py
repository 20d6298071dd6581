"""benchmarks/growth: a seed gives the same rows, however many, and the tables say what was measured."""

import tracemalloc
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks import growth_data
from benchmarks.growth import Outcome, cells, smaller, tables, whole_numbers
from benchmarks.growth_data import write_file
from trainer.data.columns.options import ColumnOptions
from trainer.data.sources.csv_tabular import load_csv_tabular
from trainer.data.sources.csv_text import load_csv_text


def outcome(rows: int, seconds: float, peak_mib: float, state: str = "now") -> Outcome:
    return Outcome(
        state, "table", "parquet", rows, 9.0, seconds, peak_mib, 2.0, "2026-01-01", "1 thread of a processor"
    )


@pytest.mark.parametrize("kind", ["table", "long", "text"])
def test_a_seed_gives_the_same_file_and_more_rows_the_same_beginning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(growth_data, "CHUNK_ROWS", 100)
    for name, n_rows, seed in (("a", 250, 0), ("b", 250, 0), ("more", 300, 0), ("other", 250, 1)):
        write_file(tmp_path / f"{name}.parquet", kind, n_rows, seed)
    read = {path.stem: pq.read_table(path) for path in tmp_path.iterdir()}
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    assert read["more"].num_rows == 300
    assert read["more"].slice(0, 200).equals(read["a"].slice(0, 200))
    assert not read["other"].equals(read["a"])
    assert not read["a"].slice(0, 100).equals(read["a"].slice(100, 100))


def test_a_table_has_what_it_says(tmp_path: Path) -> None:
    write_file(tmp_path / "a.csv", "table", 2_000)
    write_file(tmp_path / "a.parquet", "table", 2_000)
    samples, spec = load_csv_tabular(str(tmp_path / "a.parquet"), ColumnOptions())
    as_csv, _ = load_csv_tabular(str(tmp_path / "a.csv"), ColumnOptions())
    np.testing.assert_array_equal(samples.inputs.numeric_NF, as_csv.inputs.numeric_NF)
    np.testing.assert_array_equal(samples.inputs.categorical_NK, as_csv.inputs.categorical_NK)
    missing_F = np.isnan(samples.inputs.numeric_NF).mean(axis=0)
    assert samples.inputs.numeric_NF.shape == (2_000, 20)
    assert np.flatnonzero(missing_F).tolist() == [0, 4, 8, 12, 16]
    assert 0.03 < missing_F[0] < 0.07
    assert 1_000 < len(set(samples.inputs.categorical_NK[:, 2])) <= 5_001
    assert spec.classes == ("high", "low", "middle")
    assert np.bincount(samples.target).min() > 400


def test_texts_have_the_lengths_they_say(tmp_path: Path) -> None:
    write_file(tmp_path / "a.parquet", "text", 2_000)
    samples, spec = load_csv_text(str(tmp_path / "a.parquet"), ColumnOptions(), text="text")
    lengths_N = np.array([len(text.split()) for text in samples.inputs.texts])
    assert 18 < lengths_N.mean() < 22
    assert lengths_N.max() > 60
    assert len(spec.classes) == 3


@pytest.mark.parametrize("kind", ["table", "text"])
def test_the_memory_of_the_generator_does_not_grow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(growth_data, "CHUNK_ROWS", 1_000)
    write_file(tmp_path / "first.parquet", kind, 1_000)  # imports
    peaks = []
    for n_rows in (4_000, 12_000):
        pa.default_memory_pool().release_unused()
        tracemalloc.start()
        write_file(tmp_path / "a.parquet", kind, n_rows)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]


def test_a_further_row_is_reckoned_from_the_next_smaller_size() -> None:
    few, more, most = outcome(1_000, 2.0, 100.0), outcome(11_000, 4.0, 110.0), outcome(111_000, 24.0, 210.0)
    before = outcome(11_000, 1.0, 1.0, state="before")
    known = [most, few, more, before]
    assert smaller(known, few) is None
    assert smaller(known, most) is more
    assert smaller(known, before) is None
    assert cells(few, None)[-2:] == ["", ""]
    assert cells(more, few) == ["now", "11,000", "2", "9.0", "4.0", "110", "", "200", "1,049"]
    page = tables(known)
    assert page.count("| now | ") == 3
    assert "| before | 11,000 | 2 | 9.0 | 1.0 | 1 |  |  |  |" in page
    assert page.endswith("2026-01-01, 1 thread of a processor.")


def test_sizes_are_numbers_between_commas() -> None:
    assert whole_numbers("10_000,5") == [10_000, 5]
