"""The table of stacked and separate runs says what was measured, and shouts where the bits differ."""

import numpy as np
import pyarrow.parquet as pq

from benchmarks.processes import Measured
from benchmarks.stacked import N_FEATURES, line, write_features


def took(cpu_seconds, seconds, peak_mib, sha):
    return Measured(seconds, cpu_seconds, 0.0, ""), peak_mib, sha


def test_ratios_are_medians_of_the_rounds():
    apart = [took(10.0, 20.0, 500.0, "a" * 64), took(12.0, 20.0, 500.0, "a" * 64), took(10.0, 20.0, 500.0, "a" * 64)]
    stacked = [took(5.0, 10.0, 250.0, "a" * 64), took(3.0, 10.0, 250.0, "a" * 64), took(6.0, 10.0, 250.0, "a" * 64)]
    assert line("seeds", apart, stacked) == ("| seeds | 10.0 | 5.0 | 0.50 | 0.50 | 0.50 | the same, aaaaaaaaaaaa |")


def test_other_bits_are_told():
    assert line("seeds", [took(1.0, 1.0, 1.0, "a" * 64)], [took(1.0, 1.0, 1.0, "b" * 64)]).endswith("| DIFFERS |")


def test_the_features_are_a_table_of_two_classes(tmp_path):
    write_features(tmp_path / "features.parquet")
    table = pq.read_table(tmp_path / "features.parquet")
    assert table.num_columns == N_FEATURES + 1
    assert set(np.unique(table["label"].to_pylist())) == {"no", "yes"}
