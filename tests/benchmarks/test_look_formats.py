"""The page of what ``foldwise look`` says is what it says, and its commands run."""

import hashlib
import json
import shlex

import pytest

from benchmarks.look_formats import INTRODUCTIONS, section
from tests.battery import some_of
from tests.conftest import QUICK
from tests.look.format_files import FILES
from tests.pages.reading import CHINESE, DOCS, fences
from trainer.cli.main import main as foldwise
from trainer.data.readers.find import readers
from trainer.look.look_at import look_at

PAGE = "reference/looks.md"
SHORT_FORM = ("keel", "label_studio", "roboflow", "cifar")  # a source each
SHORTENED = ("debug=fast", "cv.fold=0", "audit=off", "preflight=off", *QUICK[1:])
SAME_ROWS = (
    *("delimited", "gz", "bz2", "xz", "zst", "zip", "tar", "arff", "arff_sparse", "excel", "arrow_ipc", "parquet"),
    *("json_array", "json_lines", "stata", "stata_spss", "sqlite"),
)


def test_every_format_is_on_both_pages():
    page = (DOCS / PAGE).read_text(encoding="utf-8")
    assert set(readers()) <= set(FILES)
    assert [f"## {file.title[0]}" for file in FILES.values()] == [
        line for line in page.splitlines() if line.startswith("## ")
    ]
    assert fences(DOCS / PAGE) == fences(CHINESE / PAGE)
    for folder, introduction in zip((DOCS, CHINESE), INTRODUCTIONS, strict=True):
        assert (folder / PAGE).read_text(encoding="utf-8").startswith(f"{introduction}\n\n## ")


@pytest.mark.parametrize("name", some_of(FILES, SHORT_FORM))
def test_what_is_said_is_on_the_page_and_its_commands_run(tmp_path, monkeypatch, capsys, train, name):
    file = FILES[name]
    assert f"\n{section(file, tmp_path)}\n" in (DOCS / PAGE).read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    found = look_at(file.path)
    assert bool(found.train) == file.trains
    if found.train:
        outcome = train(*shlex.split(found.train)[2:], *SHORTENED, "run=a1")
        assert outcome.code == 0, outcome.err
    if found.audit:
        assert foldwise(shlex.split(found.audit)[1:]) == 0, capsys.readouterr().err


@pytest.mark.battery
def test_the_same_rows_in_every_format_are_the_same_predictions(tmp_path, monkeypatch, train):
    monkeypatch.chdir(tmp_path)
    digests = {}
    for name in SAME_ROWS:
        (folder := tmp_path / name).mkdir()
        FILES[name].write(folder)
        path = folder / FILES[name].path
        outcome = train("data=csv_tabular", f"data.path={path}", "model=mlp", *QUICK, f"run={name}")
        assert outcome.code == 0, outcome.err
        result = json.loads((tmp_path / "runs" / name / "cv.json").read_text())
        assert result["metrics"]["accuracy"]["oof"] > 0
        digests[name] = hashlib.sha256((tmp_path / "runs" / name / "oof.parquet").read_bytes()).hexdigest()
    assert len(digests) == 17
    assert len(set(digests.values())) == 1, digests
