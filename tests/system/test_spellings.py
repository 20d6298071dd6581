"""One word in two writings: what is the same, what is not, and what the difference is called."""

import unicodedata

import pytest

from trainer.system.spellings import alike, code_points, difference, spelling_key

SAME = [
    ("crème", "cre\u0300me", "Unicode form", "U+00E8", "U+0065 U+0300"),
    ("好评", "好评\u200b", "unseen characters", "", "U+200B"),
    ("\ufeffid", "id", "unseen characters", "U+FEFF", ""),
    ("❤", "❤\ufe0f", "unseen characters", "", "U+FE0F"),
    ("1", "１", "width", "U+0031", "U+FF11"),
    ("ｶﾞ", "ガ", "width", "U+FF76 U+FF9E", "U+30AC"),
    ("ﬁne", "fine", "width", "U+FB01", "U+0066 U+0069"),
    ("No", "no", "case", "U+004E", "U+006E"),
    ("Straße", "STRASSE", "case", "U+0074 U+0072 U+0061 U+00DF U+0065", "U+0054 U+0052 U+0041 U+0053 U+0053 U+0045"),
    ("New York", "New  York", "spaces", "", "U+0020"),
    ("好 评", "好评", "spaces", "U+0020", ""),
    ("a\u00a0b", "a b", "spaces", "U+00A0", "U+0020"),
    ("no.", "no", "a dot at the end", "U+002E", ""),
    ("好。", "好", "a dot at the end", "U+3002", ""),
    ("“no”", "no", "quotes", "U+201C U+006E U+006F U+201D", "U+006E U+006F"),
    ("٣", "3", "width", "U+0663", "U+0033"),
    ("A-1", "A\u20111", "the kind of a dash or quotation mark", "U+002D", "U+2011"),
    ("co–op", "co-op", "the kind of a dash or quotation mark", "U+2013", "U+002D"),
    ("don't", "don’t", "the kind of a dash or quotation mark", "U+0027", "U+2019"),
    ('6"', "6″", "the kind of a dash or quotation mark", "U+0022", "U+2033"),
]
DIFFERENT = [
    ("x²", "x2"),
    ("①", "1"),
    ("1 12", "11 2"),
    ("p1", "p01"),
    ("...", "?"),
    ("e", "é"),
    ("a-b", "ab"),
    ("a–b", "ab"),
    ("a—b", "a_b"),
    ("'", '"'),
]


@pytest.mark.parametrize(("one", "other", "by", "points", "other_points"), SAME)
def test_one_word_in_two_writings(one, other, by, points, other_points) -> None:
    assert alike(["z", one, other]) == [[one, other]]
    assert difference([one, other]) == by
    assert (code_points(one, [other]), code_points(other, [one])) == (points, other_points)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_words_that_are_two(one, other) -> None:
    assert alike([one, other]) == []


def test_the_unicode_forms_of_every_letter_are_one() -> None:
    letters = [chr(point) for point in range(0xC0, 0x250)]
    assert all(spelling_key(unicodedata.normalize("NFD", one)) == spelling_key(one) for one in letters)
