"""The first of many names."""

import doctest

from trainer.wording import lists
from trainer.wording.lists import first_few, first_with_dots


def test_the_rest_is_counted_only_where_there_is_one():
    assert first_few([]) == ""
    assert first_few([1, 2, 3, 4, 5]) == "1, 2, 3, 4, 5"
    assert first_few([1, 2, 3, 4, 5, 6]) == "1, 2, 3, 4, 5 and 1 more"
    assert first_few(["a", "b", "c"], 2, between=" or ") == "a or b and 1 more"
    assert first_few(["{n}", "b"], 1, rest=", ...") == "{n}, ..."  # a name is no template


def test_dots_stand_where_another_name_would():
    assert first_with_dots(["a", "b"], 2) == "a, b"
    assert first_with_dots(["a", "b", "c", "d"], 2, "\n") == "a\nb\n... 2 more"


def test_the_example_is_what_comes_out():
    assert doctest.testmod(lists).failed == 0
