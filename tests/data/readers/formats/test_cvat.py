import pytest

from tests.data.readers.formats.annotations import format_of, opened
from trainer.errors import DataError

HEAD = """<?xml version="1.0" encoding="utf-8"?>
<annotations><version>1.1</version>
<meta><job><labels><label><name>cat</name><attributes/></label><label><name>dog</name></label></labels></job></meta>
"""
IMAGE = '<image id="{n}" name="{name}" {more} width="4" height="4">{inside}</image>\n'
TAG = '<tag label="{}" source="manual"></tag>'


def write(tmp_path, *images):
    """Write an export of images: name, what is in it, more attributes."""
    lines = [IMAGE.format(n=n, name=name, inside=inside, more=more) for n, (name, inside, more) in enumerate(images)]
    (tmp_path / "annotations.xml").write_text(f"{HEAD}{''.join(lines)}</annotations>")
    return tmp_path / "annotations.xml"


def test_tags(tmp_path):
    box = '<box label="dog" xtl="0" ytl="0" xbr="1" ybr="1"></box>'
    images = {"a.jpg": TAG.format("cat"), "b/b.jpg": TAG.format("dog"), "c.jpg": "", "d.jpg": box}
    path = write(tmp_path, *((name, inside, "") for name, inside in images.items()))
    assert format_of(path) == "cvat"
    table = opened(path)
    assert table.rows.select(["file", "label"]).to_pydict() == {"file": ["a.jpg", "b/b.jpg"], "label": ["cat", "dog"]}
    assert table.notes == ("2 of 4 rows left out: 1 without a tag, 1 with shapes and no tag",)


def test_parts_of_the_task(tmp_path):
    both = TAG.format("cat") + TAG.format("dog")
    table = opened(write(tmp_path, ("a.jpg", both, 'subset="Train"'), ("b.jpg", TAG.format("dog"), 'subset="Test"')))
    assert table.rows["label"].to_pylist() == [["cat", "dog"], ["dog"]]
    assert table.rows["split"].to_pylist() == ["train", "test"]
    assert table.known["split"] == "split"


def test_bad_files(tmp_path):
    with pytest.raises(DataError, match=r"image 1: label 'cats' .* not in the labels of its task.*'cat'"):
        opened(write(tmp_path, ("a.jpg", TAG.format("cats"), "")))
    path = tmp_path / "annotations.xml"
    path.write_text(HEAD)
    with pytest.raises(DataError, match="not readable as XML"):
        opened(path)
    path.write_text('<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><annotations>&b;</annotations>')
    with pytest.raises(DataError, match="declares a document type"):
        opened(path)
    path.write_text("<rows><row/></rows>")
    with pytest.raises(DataError, match="no images in it"):
        opened(path)
