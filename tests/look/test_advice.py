"""The settings that refusals advise are read as they are written."""

import pytest

from trainer.errors import DataError
from trainer.look.advice import advised


@pytest.mark.parametrize(
    ("refusal", "allowed", "setting"),
    [
        ("a.csv: row 3 is not utf-8: set data.encoding=gb18030 (or big5)", {"encoding"}, {"encoding": "gb18030"}),
        ("the header has ';': set \"data.delimiter=';'\"", {"delimiter"}, {"delimiter": ";"}),
        ("leave them out with \"data.missing_labels=['']\"", {"missing_labels"}, {"missing_labels": [""]}),
        ("set \"data.categorical=['a, b','it\\'s']\"", {"categorical"}, {"categorical": ["a, b", "it's"]}),
        ("set data.header=none or data.header=[NAME,NAME,...]", {"header"}, {"header": "none"}),
        ("data.format=NAME says what it is", {"format"}, {}),
        ("set data.encoding=cp1252.", {"encoding"}, {"encoding": "cp1252"}),
        ("set data.encoding=cp1252", {"delimiter"}, {}),
    ],
)
def test_the_first_setting_that_is_allowed_is_taken(refusal, allowed, setting):
    assert advised(DataError(refusal), allowed) == setting
