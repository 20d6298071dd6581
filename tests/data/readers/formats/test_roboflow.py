import pytest

from tests.data.readers.formats.annotations import format_of, opened
from trainer.errors import DataError

ONE = "filename, cat, big dog\na.jpg, 1, 0\nb.jpg, 0, 1\nc.jpg, 0, 0\n"


def test_one_class_each(tmp_path):
    path = tmp_path / "_classes.csv"
    path.write_text(ONE)
    assert format_of(path) == "roboflow"
    table = opened(path)
    assert table.rows.select(["file", "label"]).to_pydict() == {"file": ["a.jpg", "b.jpg"], "label": ["cat", "big dog"]}
    assert table.notes == ("1 of 3 rows left out: 1 without a class",)


def test_the_whole_export(tmp_path):
    for part, content in (("train", ONE), ("valid", "filename, cat, big dog\nd.jpg, 1, 1\n")):
        (tmp_path / part).mkdir()
        (tmp_path / part / "_classes.csv").write_text(content)
    table = opened(tmp_path)
    assert table.rows["file"].to_pylist() == ["train/a.jpg", "train/b.jpg", "valid/d.jpg"]
    assert table.rows["label"].to_pylist() == [["cat"], ["big dog"], ["big dog", "cat"]]
    assert table.rows["split"].to_pylist() == ["train", "train", "valid"]
    assert table.known["split"] == "split"


def test_a_mark_that_is_none(tmp_path):
    path = tmp_path / "_classes.csv"
    path.write_text("filename, cat\na.jpg, 1\nb.jpg, yes\n")
    with pytest.raises(DataError, match=r"_classes\.csv row 2: 'yes' is neither 0 nor 1"):
        opened(path)
    (tmp_path / "classes.csv").write_text(ONE)
    assert format_of(tmp_path / "classes.csv") == "delimited"
