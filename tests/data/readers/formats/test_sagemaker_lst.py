import pytest

from tests.data.readers.formats.annotations import opened
from trainer.errors import DataError


def write(tmp_path, content):
    (tmp_path / "x.lst").write_text(content)
    return tmp_path / "x.lst"


def test_one_class_each(tmp_path):
    rows = opened(write(tmp_path, "5\t1.000000\ta/1.jpg\n9\t0\tb/2.jpg\n")).rows
    assert rows.to_pydict() == {"file": ["a/1.jpg", "b/2.jpg"], "label": ["1", "0"], "id": ["5", "9"]}


def test_several_classes(tmp_path):
    rows = opened(write(tmp_path, "5\t1\t0\t1\ta.jpg\n9\t0\t1\t0\tb.jpg\n")).rows
    assert rows["label"].to_pylist() == [["0", "2"], ["1"]]


BAD = [
    ("5\t1\ta.jpg\n6\tb.jpg\n", r"x\.lst line 2: .* is not INDEX<TAB>CLASS<TAB>FILE"),
    ("5\tcat\ta.jpg\n", "line 1: classes are numbers here"),
    ("5\t0\t2\ta.jpg\n", "line 1: .* is no class number, nor 0 and 1"),
]


@pytest.mark.parametrize(("content", "message"), BAD)
def test_lines_of_something_else(tmp_path, content, message):
    with pytest.raises(DataError, match=message):
        opened(write(tmp_path, content))
