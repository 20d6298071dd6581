"""Exports of annotation tools, trained from the command line."""

import json

import pytest

from tests.conftest import QUICK
from tests.data.readers.formats.annotations import as_array, as_lines
from tests.data.readers.formats.test_label_studio import said, task
from trainer.data.readers.find import readers

TEXT_RUN = ("data=csv_text", "model=text_cnn", "model.embedding_dim=4", "model.filters=2", "cv.n_splits=2", *QUICK)


def doccano(path):
    rows = [(number, label) for label, n_rows in (("pos", 8), ("neg", 6), (None, 3)) for number in range(n_rows)]
    records = [
        {"id": place, "text": f"row {number} of it", "label": [label] if label else [], "Comments": []}
        for place, (number, label) in enumerate(rows)
    ]
    return as_lines(path.with_suffix(".jsonl"), records)


def label_studio(path):
    tasks = [task(place, f"row {place} of it", said(1, "pos" if place < 8 else "neg")) for place in range(14)]
    skipped = [task(place, "skipped", said(1, "pos", was_cancelled=True)) for place in range(14, 17)]
    return as_array(path.with_suffix(".json"), [*tasks, *skipped])


@pytest.mark.parametrize(("write", "why"), [(doccano, "not annotated"), (label_studio, "skipped")])
def test_an_export_is_trained_on(train, tmp_path, write, why):
    outcome = train(*TEXT_RUN, f"data.path={write(tmp_path / 'export')}", "run=a1")
    assert outcome.code == 0, outcome.err
    assert "classes: neg 6, pos 8" in outcome.out
    assert f"3 of 17 rows left out: 3 {why}" in " ".join(outcome.out.split())
    result = json.loads((tmp_path / "runs" / "a1" / "cv.json").read_text())
    assert result["classes"] == ["neg", "pos"]


def test_an_export_without_an_annotation_is_an_error_of_data(train, tmp_path):
    path = as_array(tmp_path / "export.json", [task(1, "a"), task(2, "b", said(1, "x", was_cancelled=True))])
    outcome = train(*TEXT_RUN, f"data.path={path}")
    assert outcome.code == 3
    assert outcome.err.startswith(f"data error: {path}: no row with a label: 1 not annotated, 1 skipped")


def test_two_formats_at_once_are_asked_about(train, tmp_path):
    both = {"id": 1, "text": "a", "label": ["x"], "Comments": [], "_input_hash": 1, "_task_hash": 2, "answer": "accept"}
    path = as_lines(tmp_path / "export.jsonl", [both])
    outcome = train(*TEXT_RUN, f"data.path={path}")
    assert outcome.code == 3
    assert "may be an export of doccano or an export of Prodigy: set data.format=doccano or data.format=prodigy" in (
        outcome.err
    )


def test_no_export_takes_an_ordinary_file(tmp_path):
    """Whatever reader has no ending of its own is certain of none of these."""
    files = {
        "x.csv": "id,text,label\n1,a,x\n2,b,y\n",
        "x.tsv": "sentence\tlabel\na\t1\nb\t0\n",
        "x.txt": "x\ta\ny\tb\n",
        "x.jsonl": '{"id": 1, "text": "a", "label": ["x"], "options": ["x"], "fields": 1}\n',
        "x.json": '[{"id": 1, "data": "a", "label": "x", "annotations": 2, "answer": "b", "responses": 3}]',
        "x.xml": "<rows><row/></rows>",
    }
    for name, content in files.items():
        path = tmp_path / name
        path.write_text(content)
        for reader in readers().values():
            assert reader.ENDINGS or not reader.recognizes(path, content.encode()), (name, reader.NAME)
    assert not any(reader.recognizes(tmp_path, b"") for reader in readers().values())
