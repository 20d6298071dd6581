"""What texts with digits in them look like: each kind by name, and words that are none."""

import pytest

from trainer.data.columns.number_kinds import are_addresses, kind_of, ranges, with_one_word


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("12.5", "plain numbers"),
        ("2024年3月", "dates"),
        ("2024-H1", "dates"),
        ("Q3 2024", "dates"),
        ("2024年第三季度", "dates"),
        ("Fri, 01 Mar 2024 08:00:00 +0000", "dates"),
        ("Fri Mar 01 08:00:00 +0000 2024", "dates"),
        ("01/Mar/2024:08:00:00", "dates"),
        ("1 de marzo de 2024", "dates"),
        ("1. März 2024", "dates"),
        ("2024 / 03 / 01", "dates"),
        ("2024-03-01 星期五", "dates"),
        ("2024年3月1日 8时5分", "dates"),
        ("08:15 UTC", "times or durations"),
        ("8点15分", "times or durations"),
        ("31.25, 121.5", "lists of numbers"),
        ("±1.5", "bounds (below or above a value)"),
        ("3月1日", "dates"),
        ("2024년 3월 1일", "dates"),
        ("[2024-03-01]", "dates"),
        ("少于5", "bounds (below or above a value)"),
        ("2024-03-01 08:00:00 UTC", "dates"),
        ("1:1", "ratios"),
        ("3岁2个月", "times or durations"),
        ("1,000+", "numbers with marks behind them"),
        ("5.5↑", "numbers with marks behind them"),
        ("$50,000/yr", "amounts of money"),
        ("=3.5", "numbers in a formula of Excel"),
        ('"3.5"', "numbers in quotes"),
        ("3.5;", "numbers with marks behind them"),
        ("1,5", "numbers with a comma"),
        ("1.234.567", "numbers with points between thousands"),
        ("1.5D-03", "numbers with an exponent as Fortran writes it"),
        ("5'11\"", "lengths in feet"),
        ("'3.5", "numbers behind an apostrophe of Excel"),
        ("1.23**", "numbers with marks behind them"),
        ("90+", "numbers with marks behind them"),
        ("12,-", "amounts of money"),
        ("HK$12", "amounts of money"),
        ("人民币12元", "amounts of money"),
        ("[0.1, 0.2]", "lists of numbers"),
        ("(31.2 121.5)", "lists of numbers"),
        ("0.1;0.2;3", "lists of numbers"),
        ("约12", "bounds (below or above a value)"),
        ("over 65", "bounds (below or above a value)"),
        ("超过5次", "bounds (below or above a value)"),
        ("12 kg", "numbers with a unit"),
        ("4.1/5", "fractions"),
        ("3.5 /5", "fractions"),
        ("045Y", "times or durations"),
        ("0.35\\0.35", "lists of numbers"),
        ("['0.35', '0.35']", "lists of numbers"),
        ("5 ft 11 in", "lengths in feet"),
        ("AED 1,200", "amounts of money"),
        ("1.200,00 TL", "amounts of money"),
        ("民國104年1月5日", "dates"),
        ("1-Jan", "dates"),
        ("<2e-16", "bounds (below or above a value)"),
        ("p < .05", "bounds (below or above a value)"),
        ("12.5-", "numbers with marks behind them"),
        ("-12:30:15.2", "times or durations"),
        ("5 years", "times or durations"),
        ("11 months", "times or durations"),
        ("70 80 82 72 58", "lists of numbers"),
        ("1,2,3,4,5", "numbers with a comma"),
        ("1;2;3;4;5", "lists of numbers"),
        ("POINT (31.25 121.5)", "lists of numbers"),
        ("3y 4m", "times or durations"),
        ("5 days, 3:12", "times or durations"),
        ("5'11", "lengths in feet"),
        ("88+2", "several numbers in a cell"),
        ("5 lb 3 oz", "several numbers in a cell"),
        ("$1.2M", "amounts of money"),
        ("1,200.-", "amounts of money"),
        ("812[3]", "numbers with marks behind them"),
        ("€550K", "amounts of money"),
        ("31°12′5″N 121°30′0″E", "angles"),
        ("190Nm@ 2000rpm", "several numbers in a cell"),
        ("12.5 x 30 cm", "several numbers in a cell"),
        ("12°C/-5°C", "several numbers in a cell"),
        ("30*40*50cm", "several numbers in a cell"),
    ],
)
def test_what_may_be_meant_as_a_number_has_a_kind(text, kind):
    assert kind_of(text) == kind


@pytest.mark.parametrize(
    "text",
    [
        "192.168.0.1",
        "1.0.2",
        "v1.2",
        "138 0013 8000",
        "12 3",
        "A12",
        "12号",
        "5D3",
        "12.jpg",
        "overview 3",
        "a+",
        "May 5",
        "maybe 1 or 2",
        "march of 3 in 2",
        "1-January-x",
        "C:\\data\\1",
        "['a', 'b']",
        "5 ft board",
        "民间1年",
        "A/B",
        "4x",
        "M4/5x",
        "1/2 cup of",
    ],
)
def test_words_with_digits_have_none(text):
    assert kind_of(text) == ""


def test_addresses_are_told_from_numbers_with_points_between_thousands():
    assert are_addresses(["192.168.100.200", "255.255.255.0", "0.0.0.1"])
    assert not are_addresses(["192.168.100.200", "192.168.100.256"])
    assert not are_addresses(["192.168.100"])
    assert not are_addresses(["1.2.3.4.5"])


@pytest.mark.parametrize(
    ("texts", "places"),
    [
        (["5斤", "7 斤", "0.5斤", "many"], [0, 1, 2]),
        (["5 rooms", "7 rooms", "a 9 rooms"], [0, 1]),
        (["50m2", "60m2"], [0, 1]),
        (["¥5起", "¥12起"], [0, 1]),
        (["1,234 reviews", "7 reviews"], [0, 1]),
        (["110/70mmHg", "120/80mmHg"], [0, 1]),
        (["5.2 L/100km", "6.2 L/100km"], [0, 1]),
        (["1 500 pieces", "2 500 pieces"], [0, 1]),
        (["12号", "13号"], []),
        (["3班", "4班"], []),
        (["12床", "13床"], []),
        (["5幢", "6幢"], []),
        (["945xx", "100xx"], []),
        (["10x", "20x"], [0, 1]),
        (["4th", "5th"], []),
        (["5.1 Lac", "3 Cr", "7 Lac", "2 Cr"], [0, 1, 2, 3]),
        (["12A", "13B", "14A"], [0, 2]),
        (["3万+人付款", "456人付款", "2千人付款"], [0, 1, 2]),
        (["5k users", "7 users"], [0, 1]),
        (["5 kg", "7 g", "8 kg"], [0, 2]),
        (["3车间", "4车间"], []),
        (["1.jpg", "2.jpg"], []),
        (["1@mail.org", "2@mail.org"], []),
        (["007B", "008B"], []),
        (["12-A", "13-A"], []),
        (["A", "B"], []),
    ],
)
def test_a_word_behind_every_number_is_a_unit_but_behind_a_name(texts, places):
    assert with_one_word(texts) == places


@pytest.mark.parametrize(
    "text",
    ["0-10", "10 - 20", "6.5–7.0", "$1,000 - $2,000", "1.5-2万", "8千-1.2万/月", "10-15K·13薪", "10k-20k", "5岁至10岁"],
)
def test_two_numbers_of_which_the_second_is_larger_are_a_range(text):
    assert ranges([text, "1-5"]) == [0, 1]


@pytest.mark.parametrize("text", ["3-201", "12B-301", "45-37", "2019-20", "v1-2", "2-Sep", "007-008", "12-A", "1-2-3"])
def test_rooms_scores_seasons_and_codes_are_no_ranges(text):
    assert ranges([text, text]) == []


def test_a_column_of_which_many_are_no_ranges_has_none():
    assert ranges(["12-15", "17-3", "4-9", "30-2"]) == []
    assert ranges(["555-1234", "555-9876"]) == []  # telephones
