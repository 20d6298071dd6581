import json

import pytest

from tests.data.readers.formats.annotations import format_of, opened
from trainer.errors import DataError


def write(tmp_path, *items):
    labels = [{"name": name, "parent": "", "attributes": []} for name in ("cat", "dog")]
    categories = {"label": {"labels": labels, "label_groups": [], "attributes": []}, "points": {"items": []}}
    content = {"dm_format_version": "1.0", "media_type": 2, "infos": {}, "categories": categories, "items": list(items)}
    (tmp_path / "default.json").write_text(json.dumps(content))
    return tmp_path / "default.json"


def item(name, *ids, kind="label", **more):
    annotations = [{"id": 0, "type": kind, "attributes": {}, "group": 0, "label_id": one} for one in ids]
    return {"id": name, "annotations": annotations, "attr": {}, **more}


def test_labels(tmp_path):
    items = [item("a", 0, image={"path": "a.png", "size": [4, 4]}), item("b", 1), item("c"), item("d", 1, kind="bbox")]
    path = write(tmp_path, *items)
    assert format_of(path) == "datumaro"
    table = opened(path)
    assert table.rows.to_pydict() == {"file": ["a.png", "b.jpg"], "label": ["cat", "dog"], "id": ["a", "b"]}
    assert table.notes == ("2 of 4 rows left out: 2 without a label",)
    assert opened(write(tmp_path, item("a", 0, 1))).rows["label"].to_pylist() == [["cat", "dog"]]


def test_bad_files(tmp_path):
    with pytest.raises(DataError, match=r"default\.json item 2: label_id 2: its categories are 0 to 1"):
        opened(write(tmp_path, item("a", 0), item("b", 2)))
    path = write(tmp_path, item("a", 0))
    path.write_text(path.read_text()[:-9])
    with pytest.raises(DataError, match="not Datumaro's JSON"):
        opened(path)
