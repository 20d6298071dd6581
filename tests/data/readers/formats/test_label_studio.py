import pytest

from tests.data.readers.formats.annotations import as_array, format_of, opened
from trainer.errors import DataError

CONFIG = """<View><Text name="text" value="$text"/><Choices name="sentiment" toName="text">
<Choice value="Positive"/><Choice value="Negative"/></Choices></View>"""


def task(number: int, text: str, *annotations, **more):
    """Return a task as the export called JSON has it."""
    return {"id": number, "annotations": list(annotations), "data": {"text": text}, "predictions": [], **more}


def said(who: int, *choices: str, name: str = "sentiment", **more):
    """Return an annotation of it."""
    value = {"value": {"choices": list(choices)}, "id": "x", "from_name": name, "to_name": "text", "type": "choices"}
    return {"id": who, "completed_by": who, "result": [value] if choices else [], "was_cancelled": False, **more}


WHOLE = [
    task(1, "good", said(1, "Positive"), said(2, "Positive")),
    task(2, "bad", said(1, "Negative"), said(2, "Negative")),
    task(3, "so so", said(1, "Positive"), said(2, "Negative")),
    task(4, "skipped", said(1, "Positive", was_cancelled=True)),
    task(5, "nobody"),
    task(6, "nothing", said(1)),
    task(7, "fine", {**said(1, "Positive"), "completed_by": {"id": 9, "email": "a@b.c"}}),
]
# the same as label-studio-sdk 2.1.2 converts it: the skipped task is in neither, the empty ones have no key
ROWS = [
    (1, "good", "Positive", 1),
    (1, "good", "Positive", 2),
    (2, "bad", "Negative", 1),
    (2, "bad", "Negative", 2),
    (3, "so so", "Positive", 1),
    (3, "so so", "Negative", 2),
    (5, "nobody", None, None),
    (6, "nothing", None, 1),
    (7, "fine", "Positive", 9),
]
TIMES = {"created_at": "2026-11-01", "updated_at": "2026-11-01", "lead_time": 3.1}
EXPECTED = {"text": ["good", "bad", "fine"], "label": ["Positive", "Negative", "Positive"], "id": ["1", "2", "7"]}


def minimal(rows=ROWS):
    return [
        {
            "text": text,
            "id": number,
            **({"sentiment": choice} if choice else {}),
            "annotator": who,
            "annotation_id": who,
            **TIMES,
        }
        for number, text, choice, who in rows
    ]


def as_table(path, delimiter):
    lines = [["annotation_id", "annotator", "created_at", "id", "lead_time", "sentiment", "text", "updated_at"]]
    lines += [[who, who, "2026", number, 3.1, choice, text, "2026"] for number, text, choice, who in ROWS]
    path.write_text("".join(delimiter.join(str("" if c is None else c) for c in line) + "\n" for line in lines))
    return path


def test_the_whole_export(tmp_path):
    table = opened(as_array(tmp_path / "project-1.json", WHOLE))
    assert table.rows.to_pydict() == EXPECTED
    left_out = "4 of 7 rows left out: 1 without a majority, 1 skipped, 1 not annotated, 1 annotated without a choice"
    agreement = "3 rows have several annotators, who agree on 2 (66.7 %): Cohen's kappa 0.400"
    assert table.notes[:2] == (left_out, agreement)  # (2/3 - 4/9) / (1 - 4/9) by hand
    assert dict(table.known) == {"label": "label", "id": "id"}


def test_the_short_exports_say_the_same(tmp_path):
    paths = [
        as_array(tmp_path / "min.json", minimal()),
        as_table(tmp_path / "x.csv", ","),
        as_table(tmp_path / "x.tsv", "\t"),
    ]
    assert [format_of(path) for path in paths] == ["label_studio"] * 3
    for path in paths:
        table = opened(path)
        assert table.rows.to_pydict() == EXPECTED
        assert table.notes[0].endswith("1 without a majority, 1 not annotated, 1 annotated without a choice")
        assert table.notes[1].endswith("Cohen's kappa 0.400")


def test_a_task_may_be_called_0(tmp_path):
    rows = opened(
        as_array(tmp_path / "min.json", minimal([(0, "good", "Positive", 1), (1, "bad", "Negative", 1)]))
    ).rows
    assert rows["id"].to_pylist() == ["0", "1"]


def test_several_choices_of_one_task(tmp_path):
    whole = [task(1, "a", said(1, "x", "y")), task(2, "b", said(1, "y"))]
    short = [
        {"text": "a", "id": 1, "topics": {"choices": ["x", "y"]}, "annotator": 1, "annotation_id": 1, **TIMES},
        {"text": "b", "id": 2, "topics": "y", "annotator": 1, "annotation_id": 2, **TIMES},
    ]
    for records in (whole, short):
        rows = opened(as_array(tmp_path / "x.json", records)).rows
        assert rows["label"].to_pylist() == [["x", "y"], ["y"]]


def test_several_questions_are_asked_about(tmp_path):
    first = said(1, "Positive")
    both = {**first, "result": [*first["result"], *said(1, "food", name="topic")["result"]]}
    path = as_array(tmp_path / "x.json", [task(1, "a", both)])
    with pytest.raises(DataError, match=r"several choices in it \(sentiment, topic\): .*data\.label=sentiment"):
        opened(path)
    table = opened(path, label="topic")
    assert table.rows.to_pydict() == {"text": ["a"], "topic": ["food"], "id": ["1"]}
    assert opened(path, label=["topic"]).rows == table.rows  # as --label topic has it


def test_a_choice_that_the_project_has_not(tmp_path):
    (tmp_path / "label_config.xml").write_text(CONFIG)
    path = as_array(tmp_path / "x.json", [*WHOLE, task(8, "odd", said(1, "Positve"))])
    with pytest.raises(DataError, match=r"entry 8: label 'Positve' .* not in label_config\.xml.*mean 'Positive'"):
        opened(path)


BAD = [
    ([task(1, "a"), task(2, "b", said(1, "x", was_cancelled=True))], "no row with a label: 1 not annotated, 1 skipped"),
    ([WHOLE[0], {"id": 9}], "entry 2: no data or annotations"),
    ([task(1, "a", {"id": 1, "result": [{"type": "labels", "from_name": "ner", "value": {}}]})], "results are labels"),
]


@pytest.mark.parametrize(("records", "message"), BAD, ids=[message[:20] for _, message in BAD])
def test_bad_exports(tmp_path, records, message):
    with pytest.raises(DataError, match=message):
        opened(as_array(tmp_path / "x.json", records))


def test_an_ordinary_table_is_none(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("id,text,annotator,sentiment\n1,a,ann,x\n2,b,ann,y\n")
    assert format_of(path) == "delimited"


def test_a_damaged_table(tmp_path):
    path = as_table(tmp_path / "x.csv", ",")
    path.write_text(path.read_text() + "1,2\n")
    with pytest.raises(DataError, match=r"x\.csv: row 10: its cells are not those of the header"):
        opened(path)
