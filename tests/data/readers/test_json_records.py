import json

import pytest

from tests.data.readers.formats import test_argilla, test_label_studio, test_prodigy
from tests.data.readers.formats.annotations import as_array, opened
from trainer.errors import DataError

EXPORTS = {
    "label_studio": test_label_studio.WHOLE[0],
    "prodigy": test_prodigy.choice("a", "POS"),
    "argilla": test_argilla.RECORDS[0],
    "doccano": {"id": 1, "text": "a", "label": ["x"], "Comments": []},
    "sagemaker_manifest": {"source": "a", "j": [0], "j-metadata": {"class-map": {"0": "x"}}},
    "datumaro": {
        "categories": {"label": {"labels": [{"name": "cat"}]}},
        "items": [{"id": "a", "annotations": [{"type": "label", "label_id": 0}], "image": {"path": "x"}}],
    },
}
JUNK = (None, 0, "x", [None], [[1]], {"a": 1}, True)


def places(value, path=()):
    """Yield the way to each value in an object."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inside:
        yield (*path, key)
        yield from places(one, (*path, key))


def changed(record, way, junk):
    found = json.loads(json.dumps(record))
    within = found
    for key in way[:-1]:
        within = within[key]
    within[way[-1]] = junk
    return found


@pytest.mark.parametrize("name", EXPORTS)
def test_something_else_anywhere_is_read_or_refused_in_words(tmp_path, name):
    refused = []
    for way in places(EXPORTS[name]):
        for junk in JUNK:
            record = changed(EXPORTS[name], way, junk)
            path = as_array(tmp_path / "x.json", record if name == "datumaro" else [EXPORTS[name], record])
            try:
                opened(path, format=name)
            except DataError as problem:
                refused.append(str(problem))
    assert len(refused) > 5
    assert all(said.startswith(str(tmp_path)) and len(said.splitlines()) <= 5 for said in refused)
