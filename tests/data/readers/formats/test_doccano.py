import pytest

from tests.data.readers.formats.annotations import as_array, as_lines, format_of, opened
from trainer.errors import DataError

# keys and order as doccano 1.8.4 writes them: id, the text, what was imported with it, label, Comments
RECORDS = [
    {"id": 11, "text": "good", "source": "web", "label": ["pos"], "Comments": []},
    {"id": 12, "text": "bad, really", "source": "web", "label": ["neg"], "Comments": ["sure?"]},
    {"id": 13, "text": "so so", "source": "shop", "label": [], "Comments": []},
    {"id": 14, "text": "fine", "source": "shop", "label": ["pos"], "Comments": []},
]
SEVERAL = [{**RECORDS[0], "label": ["cheap", "pos"]}, *RECORDS[1:]]


@pytest.mark.parametrize(("write", "name"), [(as_lines, "all.jsonl"), (as_array, "all.json")])
def test_one_label_each(tmp_path, write, name):
    path = write(tmp_path / name, RECORDS)
    table = opened(path)
    assert table.rows.to_pydict() == {
        "text": ["good", "bad, really", "fine"],
        "label": ["pos", "neg", "pos"],
        "id": ["11", "12", "14"],
    }
    assert table.notes == ("1 of 4 rows left out: 1 not annotated",)
    assert dict(table.known) == {"label": "label", "id": "id"}


def test_several_labels_in_csv_and_in_lines(tmp_path):
    path = tmp_path / "all.csv"
    path.write_text('id,text,source,label,Comments\n11,good,web,cheap#pos,\n12,"bad, really",web,neg,sure?\n13,-,,,\n')
    assert format_of(path) == "doccano"
    rows = opened(path).rows.to_pydict()
    assert rows == opened(as_lines(tmp_path / "all.jsonl", SEVERAL)).rows.slice(0, 2).to_pydict()
    assert rows["label"] == [["cheap", "pos"], ["neg"]]


def test_a_file_of_each_annotator(tmp_path):
    folder = tmp_path / "export"
    folder.mkdir()
    said = {"ann": ["pos", "neg", "pos", "neg"], "bob": ["pos", "neg", "neg", ""], "cy": ["pos", "pos", "neg", "pos"]}
    for name, labels in said.items():
        of_one = [{**one, "label": [label] if label else []} for one, label in zip(RECORDS, labels, strict=True)]
        as_lines(folder / f"{name}.jsonl", of_one)
    table = opened(folder)
    assert table.rows["label"].to_pylist() == ["pos", "neg", "neg"]
    assert table.rows["id"].to_pylist() == ["11", "12", "13"]
    assert table.notes[0] == "1 of 4 rows left out: 1 without a majority"
    assert table.notes[1].startswith("4 rows have several annotators, who agree on 1 (25.0 %): Fleiss' kappa ")
    assert table.notes[2].startswith("data.votes=votes trains on what each annotator said")
    soft = opened(folder, votes="votes")
    assert soft.rows["label"].to_pylist() == ["pos", "neg", "neg", "pos"]  # the last is a tie, and pos said more often
    counts = [(row["neg"], row["pos"]) for row in soft.rows["votes"].to_pylist()]
    assert counts == [(0, 3), (2, 1), (2, 1), (1, 1)]
    assert soft.notes[-1].startswith("1 row without a majority has the class that is given more often in all")


def test_labels_that_the_project_has(tmp_path):
    path = as_lines(tmp_path / "all.jsonl", RECORDS)
    as_array(tmp_path / "label_config.json", [{"text": "pos", "suffixKey": "p"}, {"text": "negative"}])
    with pytest.raises(DataError, match=r"all\.jsonl line 2: label 'neg' \(1 times\) is not in label_con"):
        opened(path)


NOT_OURS = [
    ("plain.jsonl", '{"id": 1, "text": "a", "label": ["x"]}\n'),
    ("words.jsonl", '{"id": 1, "text": "a", "label": ["x"], "Comments": "none"}\n'),
    ("plain.csv", "id,text,label\n1,a,x\n2,b,y\n"),
    ("commented.csv", "id,label,Comments,text\n1,a,x,b\n2,b,y,c\n"),
]


@pytest.mark.parametrize(("name", "content"), NOT_OURS)
def test_an_ordinary_file_is_none(tmp_path, name, content):
    (tmp_path / name).write_text(content)
    assert format_of(tmp_path / name) != "doccano"


BAD = [
    ([{**one, "label": []} for one in RECORDS], "no row with a label: 4 not annotated"),
    ([{**RECORDS[0], "label": [[0, 3, "LOC"]]}], r"line 1: label \[\[0, 3, \"LOC\"\]\] is no list of classes"),
    ([RECORDS[0], {"id": 3, "Comments": [], "label": ["x"]}], "line 2: no text or no id"),
    ([RECORDS[0], 7], "line 2: not a JSON object: 7"),
]


@pytest.mark.parametrize(("records", "message"), BAD, ids=[message[:20] for _, message in BAD])
def test_bad_records(tmp_path, records, message):
    with pytest.raises(DataError, match=message):
        opened(as_lines(tmp_path / "all.jsonl", records))


def test_damaged_files(tmp_path):
    path = tmp_path / "all.json"
    path.write_text('[{"id": 1, "text": "a", "label": ["x"], "Comments": []},')
    with pytest.raises(DataError, match=r"all\.json: not JSON"):
        opened(path)
    path.write_text("<!DOCTYPE html><html>log in</html>")
    with pytest.raises(DataError, match="web page"):
        opened(path, format="doccano")
    path = tmp_path / "all.csv"
    path.write_text("id,text,label,Comments\n1,a,C#,\n")
    with pytest.raises(DataError, match=r"row 1: labels 'C#': .*export JSONL"):
        opened(path)
