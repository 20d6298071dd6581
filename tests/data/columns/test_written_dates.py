"""Dates in days since 1970, against Python's own calendar."""

import datetime

import numpy as np
import pytest

from trainer.data.columns.written_dates import compact_dates_note, dates_in_days


@pytest.mark.parametrize("form", ["%Y-%m-%d", "%Y/%m/%d %H:%M", "%d.%m.%Y", "%m/%d/%Y %H:%M:%S", "%Y年%m月%d日"])
def test_dates_in_every_form_are_the_days_of_the_calendar(form):
    moments = [datetime.datetime(1969, 1, 1) + datetime.timedelta(days=97, hours=7, minutes=11) * n for n in range(300)]
    texts = [moment.strftime(form) for moment in moments]
    read = [datetime.datetime.strptime(text, form) for text in texts]
    want = [(moment - datetime.datetime(1970, 1, 1)) / datetime.timedelta(days=1) for moment in read]
    assert dates_in_days(texts, False) == pytest.approx(want)


@pytest.mark.parametrize("texts", [["1/2/2024 10:00", "2/3/2024 11:00"], ["31/1/2024", "1/31/2024"], ["2024-02-30"]])
def test_dates_that_may_be_two_days_or_none_are_not_read(texts):
    assert dates_in_days(texts, False) is None


def test_whole_numbers_that_look_like_dates_are_told():
    assert "looks like dates (20240131)" in compact_dates_note(np.array([20240131, np.nan, 19991231]), "day")
    for values in ([20240132], [20241301], [1, 20240131], [20240131.5], [np.nan]):
        assert compact_dates_note(np.array(values), "day") == ""
