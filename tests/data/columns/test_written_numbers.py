"""Numbers written as text are the numbers they look like, or refused; codes are no numbers."""

import datetime

import numpy as np
import pyarrow as pa
import pytest

from trainer.data.columns.features import read_features
from trainer.errors import ConfigError, DataError


def features(cells, *, missing=("", "?"), **options):
    return read_features({"x": pa.chunked_array([cells])}, "f.csv", free=["x"], missing=missing, **options)[:2]


def days(*date):
    return (datetime.datetime(*date) - datetime.datetime(1970, 1, 1)).total_seconds() / 86400


READ = [
    ("percentages", ["83.61%", "5 %", "-1.5%"], [83.61, 5, -1.5]),
    ("percentages", ["83,61 %", "5,5 %"], [83.61, 5.5]),
    ("percentages", ["８３％", "5%"], [83, 5]),
    ("money", ["$1,200.50", "-$3", "($4.00)"], [1200.5, -3, -4]),
    ("money", ["$ (1,234.00)", "$ 5.50"], [-1234, 5.5]),
    ("money", ["AED 1,200.50", "AED 3"], [1200.5, 3]),
    ("money", ["￥123", "¥45.5"], [123, 45.5]),
    ("money", ["12 345 €", "3 €"], [12345, 3]),
    ("money", ["5元", "12.5元"], [5, 12.5]),
    ("thousands apart", ["12 345", "987", "1 234 567.5"], [12345, 987, 1234567.5]),
    ("thousands apart", ["12_345", "987"], [12345, 987]),
    ("thousands apart", ["12\u00a0345", "1'000"], [12345, 1000]),
    ("numbers such as", ["１２", "－３．５", "4"], [12, -3.5, 4]),
    ("numbers such as", ["\u22125", "3"], [-5, 3]),
    ("decimal comma", ["1,5", "2", "-0,25"], [1.5, 2, -0.25]),
    ("decimal comma", ["2.126,00", "3,5"], [2126, 3.5]),
    ("decimal comma", ["12 345", "3,5", "1 000"], [12345, 3.5, 1000]),
    ("decimal comma", ["12\u202f345,6", "3,5"], [12345.6, 3.5]),
    ("money", ["3,50 €", "1.234,00 €", "12 345,6 €"], [3.5, 1234, 12345.6]),
    ("in parentheses", ["(1,234.00)", "7.00"], [-1234, 7]),
    ("minus behind", ["1,234.50-", "7.00"], [-1234.5, 7]),
    ("minus behind", ["12-", "7"], [-12, 7]),
    ("dates", ["1/13/1970 12:00", "2/1/1970 9:30"], [12.5, 31 + 9.5 / 24]),
    ("commas between", ["1,234,567", "5", "1,000"], [1234567, 5, 1000]),
    ("commas between", ["1,234.5", "987"], [1234.5, 987]),
    ("points between", ["1.234.567", "987"], [1234567, 987]),
    ("dates", ["2024-01-31", "1969-12-31"], [days(2024, 1, 31), -1]),
    ("dates", ["2024/1/31", "2024/02/01"], [days(2024, 1, 31), days(2024, 2, 1)]),
    ("dates", ["2024-01-31 12:00", "2024-01-31T06:00:00Z"], [days(2024, 1, 31, 12), days(2024, 1, 31, 6)]),
    ("dates", ["31.01.2024", "01.02.2024"], [days(2024, 1, 31), days(2024, 2, 1)]),
    ("dates", ["01/31/2024", "02/01/2024"], [days(2024, 1, 31), days(2024, 2, 1)]),
    ("dates", ["2024年1月31日", "2024年2月1日"], [days(2024, 1, 31), days(2024, 2, 1)]),
]


@pytest.mark.parametrize(("what", "cells", "values"), READ)
def test_cells_that_agree_are_read_and_told(what, cells, values):
    table, notes = features([*cells, "?", ""])
    np.testing.assert_allclose(table.numeric_NF[:, 0], [*values, np.nan, np.nan], rtol=1e-12)
    assert any(what in note and "read as" in note for note in notes)
    with pytest.raises(DataError, match=r"(?s)column 'x' holds .*data\.categorical=\[x\]") as caught:
        features(cells, numbers="strict")
    assert len(str(caught.value).splitlines()) <= 5


@pytest.mark.parametrize(
    ("what", "cells"),
    [
        ("percentages", ["5%", "0.3"]),
        ("bounds", ["<0.50", "1.2", ">2.00"]),
        ("bounds", ["≤0.5", "≥2,5"]),
        ("times or durations", ["1:30", "2:45:10"]),
        ("times or durations", ["3h 20m", "5 min"]),
        ("numbers with a unit", ["12 kg", "3.5kg"]),
        ("amounts of money", ["€5", "$5"]),
        ("numbers with a comma", ["1,234", "987"]),  # 1.234, or 1234
        ("dates", ["01/02/2024", "03/04/2024"]),  # of which month
        ("dates", ["2024-02-30", "2024-01-01"]),
        ("dates", ["Jan 3, 2020", "Feb 4, 2021"]),
        ("thousands apart", ["12 345", "3.5 kg", "1 000"]),
        ("dates", ["1/2/2024 9:30 AM", "1/31/2024 1:00 PM"]),
        ("dates", ["1/20/24", "1/31/24"]),
        ("numbers in parentheses", ["(1)", "(2)"]),
        ("numbers with marks behind them", ["2-", "3-", "1"]),
        ("dates", ["01.02.24", "31.01.24"]),
        ("dates", ["20240131T1200", "20240201T0915"]),
        ("dates", ["2024-01", "2023-12"]),
        ("times or durations", ["9:30 AM", "1:05 PM"]),
        ("times or durations", ["1 days 02:00:00", "0 days 13:30:00"]),  # as pandas writes them
        ("times or durations", ["PT1H30M", "P1DT2H"]),
        ("times or durations", ["0.25s", "1.5 sec"]),
        ("numbers with a unit", ["1.5 KB", "12 KB"]),
        ("numbers with a unit", ["12 percent", "5 percent"]),
        ("numbers with a unit", ["1.5×10^3", "2×10^2"]),
        ("numbers with a unit", ["1.5±0.2", "2 ± 0.1"]),
        ("amounts of money", ["₹1,00,000", "₹25,000"]),
    ],
)
def test_cells_that_look_like_numbers_and_are_not_sure_are_refused(what, cells):
    with pytest.raises(DataError, match=rf"column 'x' looks like .*{what}.* in (row|\d rows)"):
        features([*cells, ""])


@pytest.mark.parametrize(
    "cells",
    [["A12", "12A"], ["v1.2", "v1.3"], ["3 rooms", "4 rooms"], ["1st", "2nd"], ["10-20", "20-30"], ["5 kg", "x", "y"]],
)
def test_words_with_digits_are_categories(cells):
    table, _ = features(cells)
    assert table.categorical_NK[:, 0].tolist() == cells


def test_a_few_different_texts_are_categories_whatever_they_look_like():
    table, _ = features(["4 GB", "8 GB", "16 GB"] * 10)
    assert table.categorical == ("x",)


def test_not_so_few_texts_with_one_word_behind_are_categories_only_where_each_is_in_many_rows():
    ratings = [f"{rating}.0 out of 5 stars" for rating in range(6)]
    assert features(ratings * 5)[0].categorical == ("x",)
    with pytest.raises(DataError, match=r"column 'x' looks like numbers with a unit"):
        features(ratings * 4)


@pytest.mark.parametrize(
    ("cells", "example"), [(["02208", "10001", "0"], "02208"), (["00", "01"], "00"), (["1e3", "1000", "2E5"], "1e3")]
)
def test_codes_are_categories_unless_they_are_said_to_be_numbers(cells, example):
    table, notes = features([*cells, ""])
    assert table.categorical_NK[:, 0].tolist() == [*cells, None]
    assert any(f"holds codes ('{example}'" in note and "data.numeric=[x]" in note for note in notes)
    table, _, _ = read_features({"x": pa.chunked_array([cells])}, "f.csv", free=[], numeric=["x"])
    assert table.numeric_NF[:, 0].tolist() == [float(cell) for cell in cells]


@pytest.mark.parametrize("cells", [["0", "1", "10"], ["0.5", "1"], ["1e-3", "1e3"], ["1.5e3", "2e3"], ["-0", "0"]])
def test_numbers_with_zeros_and_exponents_are_numbers(cells):
    assert features(cells)[0].numeric_NF[:, 0].tolist() == [float(cell) for cell in cells]


@pytest.mark.parametrize(("name", "what"), [("app_version", "a version"), ("ver", "a version"), ("版本", "a version")])
def test_in_a_column_called_a_version_1_10_is_not_1_1(name, what):
    cells = ["2", "1.10", "1.1", "1.9"]
    table, notes, _ = read_features({name: pa.chunked_array([cells])}, "f.csv", free=[name])
    assert table.categorical_NK[:, 0].tolist() == cells
    assert any(f"holds codes ('1.10': {what})" in note for note in notes)
    for plain in (["1", "2", "3"], ["1.10", "1.1"]):
        other = name if "." not in plain[0] else "conversion"
        assert read_features({other: pa.chunked_array([plain])}, "f.csv", free=[other])[0].numeric == (other,)


@pytest.mark.parametrize("name", ["zipcode", "ZIP_Code", "postal code", "邮编", "item_upc", "naics"])
def test_whole_numbers_that_a_name_calls_codes_are_told(name):
    for cells in (["94103", "10001"], pa.array([94103, 10001])):
        table, notes, _ = read_features({name: pa.chunked_array([cells])}, "f", free=[name])
        assert table.numeric == (name,)
        assert any("which its name calls codes: " in note and "data.categorical=[" in note for note in notes)
    for other in ("zip_count", "basic", "music", "x"):
        _, notes, _ = read_features({other: pa.chunked_array([["94103", "10001"]])}, "f", free=[other])
        assert not any("codes" in note for note in notes)


def test_points_in_a_file_with_semicolons_are_between_thousands():
    cells = ["1.245", "987", "12.000", ""]
    table, notes = features(cells, semicolon=True)
    assert table.numeric_NF[:3, 0].tolist() == [1245, 987, 12000]
    assert "numbers with points between thousands such as '1.245': read as 1245" in notes[-1]
    table, notes = features(cells)
    assert table.numeric_NF[:3, 0].tolist() == [1.245, 987, 12]
    assert "if they are thousands" in notes[-1]
    for decimals in (["1.245", "0.987", "5"], ["1.245", "9.8", "5"], ["1.245", "1.300"]):
        assert features(decimals, semicolon=True)[0].numeric_NF[:, 0].tolist() == [float(cell) for cell in decimals]


@pytest.mark.parametrize("numbers", ["read", "strict"])
def test_truth_values_are_numbers_as_in_formats_that_have_a_type_for_them(numbers):
    for cells in (["True", "False"], ["TRUE", "FALSE"], ["true", "false"]):
        table, notes = features([*cells, "?"], numbers=numbers)
        np.testing.assert_array_equal(table.numeric_NF[:, 0], [1, 0, np.nan])
        assert f"column 'x' holds true/false such as '{cells[0]}': read as 1" in notes
    for cells in (["true", "unknown"], ["yes", "no"], ["T", "F"]):
        assert features(cells, numbers=numbers)[0].categorical == ("x",)


@pytest.mark.parametrize("text", ["{}-{}", "{} ~ {} cm", "{}.5-{}.5"])
def test_many_different_ranges_are_refused(text):
    with pytest.raises(DataError, match=r"looks like .*ranges \(two numbers in a cell\), such as '1"):
        features([text.format(low, low + 10) for low in range(10, 40)])
    table, _ = features([text.format(low, low + 10) for low in range(10, 20)] * 5)
    assert table.categorical == ("x",)


def test_bounds_with_an_exponent_are_refused_as_other_bounds():
    with pytest.raises(DataError, match=r"looks like bounds .* such as '<1e-16'"):
        features([f"<{digit}e-16" for digit in range(1, 10)])
    with pytest.raises(DataError, match=r"looks like bounds .* such as '<2e-16' in 20 rows"):
        features([f"0.{number:03}" for number in range(1, 15)] + ["<2e-16"] * 20)


def test_dates_of_parquet_are_read_as_those_of_csv():
    times = [datetime.datetime(2024, 1, 31, 12), None]
    for kind, value in ((pa.date32(), days(2024, 1, 31)), (pa.timestamp("us"), days(2024, 1, 31, 12))):
        columns = {"x": pa.chunked_array([pa.array(times, pa.timestamp("us")).cast(kind, safe=False)])}
        table, notes, _ = read_features(columns, "f.parquet", free=["x"])
        np.testing.assert_array_equal(table.numeric_NF[:, 0], [value, np.nan])
        assert "read as days since 1970" in notes[-1]


def test_an_unknown_way_to_read_numbers():
    with pytest.raises(ConfigError, match=r"data\.numbers=stict: did you mean 'strict'"):
        features(["1"], numbers="stict")
