import pytest

from tests.data.readers.formats.annotations import as_lines, format_of, opened
from trainer.errors import DataError


def said(**more):
    return {"confidence": 0.9, "type": "groundtruth/image-classification", "human-annotated": "yes", **more}


def test_one_class_each(tmp_path):
    records = [
        {"source-ref": "s3://b/a.jpg", "job": 0, "job-metadata": said(**{"class-name": "cat"})},
        {"source-ref": "s3://b/b.jpg", "job": 1, "job-metadata": said(**{"class-name": "dog"})},
        {"source-ref": "s3://b/c.jpg", "job": -1, "job-metadata": said(**{"failure-reason": "too dark"})},
        {"source-ref": "s3://b/d.jpg"},
    ]
    path = as_lines(tmp_path / "output.manifest", records)
    table = opened(path)
    assert table.rows.select(["file", "label"]).to_pydict() == {
        "file": ["s3://b/a.jpg", "s3://b/b.jpg"],
        "label": ["cat", "dog"],
    }
    assert table.notes == ("2 of 4 rows left out: 1 failed, 1 not annotated",)
    assert format_of(as_lines(tmp_path / "x.jsonl", records)) == "sagemaker_manifest"


def test_several_classes_of_texts(tmp_path):
    names = {"class-map": {"0": "food", "1": "price"}}
    records = [
        {"source": "good and cheap", "topics": [0, 1], "topics-metadata": said(**names)},
        {"source": "cheap", "topics": [1], "topics-metadata": said(**names)},
    ]
    rows = opened(as_lines(tmp_path / "x.manifest", records)).rows
    assert rows.to_pydict() == {
        "text": ["good and cheap", "cheap"],
        "label": [["food", "price"], ["price"]],
        "id": ["1", "2"],
    }
    records[1]["topics"] = [2]
    with pytest.raises(DataError, match="line 2: class 2 is not in its class-map"):
        opened(as_lines(tmp_path / "x.manifest", records))
    with pytest.raises(DataError, match="line 1: neither source-ref nor source"):
        opened(as_lines(tmp_path / "x.manifest", [{"a": 1, "topics-metadata": said(**names)}]))
