"""What is advised can be typed: Hydra reads the very values from it."""

import shlex

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from trainer.config.help import INSTALLED_DOOR
from trainer.config.overrides import command, written

VALUES = ["plain", "a/b.csv", "two words", "数据.csv", "it's", "a,b", "$HOME", "[x]", "100%", 'a "b"', "~x", "a=b"]


@pytest.mark.parametrize("value", [*VALUES, VALUES, ["one"], True])
def test_a_command_is_read_as_it_was_meant(value):
    typed = command(INSTALLED_DOOR, ["data=csv_text", f"data.path={written(value, in_list=True)}"])
    *_, item = shlex.split(typed)  # as a shell takes it apart
    assert OverridesParser.create().parse_override(item).value() == value


def test_one_word_of_a_list_is_bare_where_one_is_as_good():
    assert (written(["one"]), written(["one"], in_list=True), written(("a", "b c"))) == ("one", "[one]", "[a,'b c']")
