import json

import pytest

from tests.data.readers.formats.annotations import as_array, as_lines, format_of, opened
from trainer.errors import DataError


def record(name, text, *responses, question="mood", status="completed"):
    """Return a record as Argilla 2.8.0 writes it."""
    said = [{"value": value, "user_id": f"user-{place}"} for place, value in enumerate(responses)]
    return {
        "id": name,
        "fields": {"text": text},
        "metadata": {"source": "web"},
        "suggestions": {question: {"value": "neg", "score": 0.9, "agent": "a-model"}},
        "responses": {question: said} if said else {},
        "vectors": {},
        "status": status,
        "_server_id": "1f",
    }


RECORDS = [
    record("r1", "good", "pos", "pos"),
    record("r2", "bad", "neg", "neg"),
    record("r3", "so so", "pos", "neg"),
    record("r4", "nobody", status="pending"),
    record("r5", "discarded", None),
]
LEFT_OUT = "3 of 5 rows left out: 1 without a majority, 1 not annotated, 1 discarded"


def test_records(tmp_path):
    path = as_array(tmp_path / "records.json", RECORDS)
    assert format_of(path) == "argilla"
    table = opened(path)
    assert table.rows.to_pydict() == {"text": ["good", "bad"], "label": ["pos", "neg"], "id": ["r1", "r2"]}
    assert table.notes[0] == LEFT_OUT


def test_a_folder_with_the_settings(tmp_path):
    (tmp_path / "set" / ".argilla").mkdir(parents=True)
    as_array(tmp_path / "set" / "records.json", RECORDS)
    settings = tmp_path / "set" / ".argilla" / "settings.json"
    options = [{"value": "pos", "text": "positive"}, {"value": "neg", "text": "negative"}]
    question = {"name": "mood", "settings": {"type": "label_selection", "options": options}}
    settings.write_text(json.dumps({"questions": [question]}))
    assert opened(tmp_path / "set").rows["label"].to_pylist() == ["pos", "neg"]
    options.pop()
    settings.write_text(json.dumps({"questions": [question]}))
    with pytest.raises(DataError, match=r"records\.json entry 2: label 'neg' .* not in \.argilla/settings\.json"):
        opened(tmp_path / "set")
    settings.write_text("{}")
    with pytest.raises(DataError, match=r"settings\.json: not Argilla's settings"):
        opened(tmp_path / "set")


def test_flat_records(tmp_path):
    lines = [
        {"id": "r1", "status": "completed", "text": "good", "mood.responses": ["pos", "neg"],
         "mood.responses.users": ["u", "v"], "mood.responses.status": ["submitted", "draft"],
         "mood.suggestion": "neg", "mood.suggestion.agent": "m"},
        {"id": "r2", "status": "pending", "text": "bad", "mood.responses": None,
         "mood.responses.users": None, "mood.responses.status": None, "mood.suggestion": "neg"},
    ]  # fmt: skip
    table = opened(as_lines(tmp_path / "flat.jsonl", lines))
    assert table.rows.to_pydict() == {"text": ["good"], "label": ["pos"], "id": ["r1"]}


def test_several_labels_and_several_questions(tmp_path):
    both = record("r1", "good", ["food", "price"], question="topics")
    both["responses"]["mood"] = [{"value": "pos", "user_id": "user-0"}]
    path = as_array(tmp_path / "records.json", [both])
    with pytest.raises(DataError, match=r"several questions in it \(mood, topics\)"):
        opened(path)
    assert opened(path, label="topics").rows["topics"].to_pylist() == [["food", "price"]]


def test_nothing_was_answered(tmp_path):
    with pytest.raises(DataError, match="no question in it"):
        opened(as_array(tmp_path / "records.json", [record("r1", "good")]))
