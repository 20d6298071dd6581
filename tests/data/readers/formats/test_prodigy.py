import pytest

from tests.data.readers.formats.annotations import as_lines, format_of, opened
from trainer.errors import DataError

OPTIONS = [{"id": "POS", "text": "positive"}, {"id": "NEG", "text": "negative"}, {"id": "LONG", "text": "long"}]


def record(text, *, answer="accept", who="set-ann", **more):
    hashes = {"_input_hash": ord(text), "_task_hash": 5}
    return {"text": text, **hashes, "answer": answer, "_annotator_id": who, **more}


def choice(text, *accepted, **more):
    return record(text, options=OPTIONS, accept=list(accepted), config={"choice_style": "single"}, **more)


def test_a_choice_of_options(tmp_path):
    records = [
        choice("a", "POS"),
        choice("a", "POS", who="set-bob"),
        choice("b", "NEG"),
        choice("b", "POS", who="set-bob"),
        choice("c", "NEG", answer="reject"),
        choice("d", "NEG", answer="ignore"),
        choice("e"),
        choice("f", "NEG"),
    ]
    path = as_lines(tmp_path / "data.jsonl", records)
    assert format_of(path) == "prodigy"
    table = opened(path)
    assert table.rows.select(["text", "label"]).to_pydict() == {"text": ["a", "f"], "label": ["POS", "NEG"]}
    assert table.notes[0].endswith("4 of 6 rows left out: 1 without a majority, 1 rejected, 1 ignored, 1 not annotated")
    assert "who agree on 1 (50.0 %)" in table.notes[1]


def test_several_accepted_options(tmp_path):
    rows = opened(as_lines(tmp_path / "data.jsonl", [choice("a", "POS", "LONG"), choice("b", "NEG")])).rows
    assert rows["label"].to_pylist() == [["LONG", "POS"], ["NEG"]]


def test_labels_that_are_accepted_one_by_one(tmp_path):
    records = [
        record("a", label="sport"),
        record("a", label="news", answer="reject"),
        record("b", label="news"),
        record("c", label="news", answer="reject"),
    ]
    table = opened(as_lines(tmp_path / "data.jsonl", records))
    assert table.rows.select(["text", "label"]).to_pydict() == {"text": ["a", "b"], "label": ["sport", "news"]}
    assert table.notes == ("1 of 3 rows left out: 1 rejected",)


def test_one_label_that_is_accepted_or_rejected(tmp_path):
    records = [record("a", label="spam"), record("b", label="spam", answer="reject"), record("c", label="spam")]
    table = opened(as_lines(tmp_path / "data.jsonl", records))
    assert table.rows["label"].to_pylist() == ["spam", "not spam", "spam"]


def test_an_option_that_there_is_not(tmp_path):
    with pytest.raises(DataError, match=r"line 1: label 'POSS' .* not in the options of its records.*POS"):
        opened(as_lines(tmp_path / "data.jsonl", [choice("a", "POSS")]))


def test_a_record_of_something_else(tmp_path):
    with pytest.raises(DataError, match="line 2: no text, answer or _input_hash"):
        opened(as_lines(tmp_path / "data.jsonl", [choice("a", "POS"), {"text": "b"}]))
