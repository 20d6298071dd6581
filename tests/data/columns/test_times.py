"""data.time and data.split: read as roles, never as features."""

import datetime

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.data.sources.as_configured import as_configured
from trainer.data.columns.times import read_times
from trainer.data.sources import csv_tabular, csv_text
from trainer.errors import ConfigError, DataError

load_csv_tabular, load_csv_text = as_configured(csv_tabular.load_csv_tabular), as_configured(csv_text.load_csv_text)


def times(cells, kind=None):
    return read_times(pa.table({"t": pa.array(cells, kind)}), "t", "f.csv")


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["3", " 1 ", "-2"], [3, 1, -2]),
        (["3.5", "1e3", "2"], [3.5, 1000.0, 2.0]),
        (["9223372036854775807", "9223372036854775806"], [2**63 - 1, 2**63 - 2]),  # float64 would make them equal
    ],
)
def test_numbers_stay_what_they_are(cells, expected):
    assert times(cells).tolist() == expected


def test_dates_and_iso_times_are_microseconds_since_1970():
    found = times(["2024-02-29", "1969-12-31 23:59:59", "2024-02-29T12:30:15.25"])
    epoch = datetime.datetime(1970, 1, 1)
    moments = [datetime.datetime(2024, 2, 29), datetime.datetime(1969, 12, 31, 23, 59, 59)]
    moments.append(datetime.datetime(2024, 2, 29, 12, 30, 15, 250_000))
    assert found.tolist() == [(one - epoch) // datetime.timedelta(microseconds=1) for one in moments]


def test_time_zones_count():
    one, other = times(["2024-01-01T08:00:00+08:00", "2024-01-01T00:00:00Z"])
    assert one == other


def test_nanoseconds_are_told_apart():
    early, late = times(["2024-01-01T00:00:00.000000001", "2024-01-01T00:00:00.000000002"])
    assert late - early == 1


@pytest.mark.parametrize("kind", [pa.date32(), pa.date64(), pa.timestamp("ns"), pa.timestamp("ms", "Europe/Berlin")])
def test_columns_that_hold_times_keep_their_order(kind):
    days = [datetime.datetime(2024, 1, day) for day in (3, 1, 2)]
    found = times([day.date() if "date" in str(kind) else day for day in days], kind)
    assert found.dtype == np.int64
    assert np.argsort(found).tolist() == [1, 2, 0]


@pytest.mark.parametrize(
    ("cells", "row", "cell"),
    [
        (["1", "2", "nan"], 3, "nan"),
        (["1", "inf"], 2, "inf"),
        (["2024-01-31", "31/01/2024", "2024-02-01"], 2, "31/01/2024"),
        (["1", "2024-01-31"], 2, "2024-01-31"),
        (["2024-01-31 10:00", "2024-01-31T10:00:00Z"], 2, "2024-01-31T10:00:00Z"),
        (["1", "", "nan"], 3, "nan"),
    ],
)
def test_what_is_no_time_is_refused_with_its_row(cells, row, cell):
    with pytest.raises(DataError, match=rf"f\.csv: column 't' row {row}: '{cell}' is neither a number nor a time like"):
        times(cells)


@pytest.mark.parametrize("cells", [["2024-13-01", "2024-12-01"], [datetime.time(1), datetime.time(2)], ["", "x"]])
def test_nothing_readable_stands_before_the_first_wrong_cell(cells):
    with pytest.raises(DataError, match=r"is neither a number nor a time: write times as 2024-01-31"):
        times(cells)


@pytest.mark.parametrize("cells", [["1", "", "3", None], [1.0, float("nan"), 2.5, None]])
def test_missing_times_are_refused_with_their_rows(cells):
    with pytest.raises(DataError, match=r"no time in column 't' in 2 rows \(2, 4\)"):
        times(cells)


def write(path, header="x,day,part,label"):
    path.write_text(f"{header}\n1,2024-01-02,train,a\n2,2024-01-01,,b\n3,2024-01-03,test,a\n")
    return str(path)


def test_time_and_split_are_no_features(tmp_path):
    samples, _ = load_csv_tabular(write(tmp_path / "f.csv"), label="label", time="day", split="part")
    assert samples.inputs.numeric == ("x",)
    assert samples.inputs.categorical == ()
    assert np.argsort(samples.times_N).tolist() == [1, 0, 2]
    assert samples.split_N.tolist() == ["train", "", "test"]


def test_texts_have_times_and_folds_too(tmp_path):
    path = write(tmp_path / "f.csv", "text,day,part,label")
    samples, _ = load_csv_text(path, text="text", label="label", time="day", split="part")
    assert samples.inputs.texts == ("1", "2", "3")
    assert np.argsort(samples.times_N).tolist() == [1, 0, 2]
    assert samples.split_N.tolist() == ["train", "", "test"]


def test_whole_number_folds_of_a_parquet_file_have_no_fraction(tmp_path):
    table = pa.table({"x": [1.0, 2.0, 3.0], "fold": [0.0, 1.0, None], "label": ["a", "b", "a"]})
    pq.write_table(table, tmp_path / "f.parquet")
    samples, _ = load_csv_tabular(str(tmp_path / "f.parquet"), label="label", split="fold")
    assert samples.split_N.tolist() == ["0", "1", ""]


def test_a_column_has_one_role(tmp_path):
    with pytest.raises(ConfigError, match=r"'day' is both data\.time and data\.split"):
        load_csv_tabular(write(tmp_path / "f.csv"), label="label", time="day", split="day")


def test_a_column_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match=r"no column 'dya' \(data\.time\): did you mean 'day'"):
        load_csv_tabular(write(tmp_path / "f.csv"), label="label", time="dya")
