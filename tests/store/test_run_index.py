"""The cache behind a list of runs: never believed where a run has changed, never needed, never in the way."""

import json
import os
from dataclasses import asdict
from pathlib import Path

import pytest

from tests.search.run_cases import FOCAL, begun_run, finished_run
from trainer.search.run_folder import read_runs
from trainer.store import run_index
from trainer.store.run_index import INDEX
from trainer.store.run_records import read_record


@pytest.fixture
def runs(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr(run_index, "FEWEST", 3)
    finished_run(tmp_path / "a", 0.5)
    finished_run(tmp_path / "b", 0.6, **FOCAL, data="e" * 64)
    finished_run(tmp_path / "c", float("nan"), seed=True)
    begun_run(tmp_path / "d")
    return tmp_path


def told(record) -> str:
    """NaN is not equal to itself, as JSON it is."""
    return json.dumps(asdict(record), sort_keys=True)


def read(monkeypatch, folder) -> list[str]:
    """Read a folder; return which runs were read from their own files."""
    opened = []

    def counted(run, name):
        opened.append(name)
        return read_record(run, name)

    monkeypatch.setattr("trainer.search.run_folder.read_record", counted)
    read_runs(folder)
    return opened


def test_what_is_known_is_not_read_again_and_is_the_same(runs, monkeypatch):
    first = read_runs(runs)
    assert (runs / INDEX).is_file()
    assert read(monkeypatch, runs) == ["d"]  # a run that is not finished is looked at each time
    again = read_runs(runs)
    assert list(map(told, again)) == list(map(told, first))
    assert again[2].config["seed"] is True


def test_a_run_that_changed_is_read_again(runs, monkeypatch):
    read_runs(runs)
    written = (runs / INDEX).stat().st_ino
    read_runs(runs)
    assert (runs / INDEX).stat().st_ino == written  # nothing new, nothing written
    text = (runs / "a" / "cv.json").read_text()
    kept = (runs / "a" / "cv.json").stat()
    (runs / "a" / "new").write_text(text.replace("0.5", "0.7"))
    os.utime(runs / "a" / "new", ns=(kept.st_atime_ns, kept.st_mtime_ns))
    (runs / "a" / "new").replace(runs / "a" / "cv.json")  # as old and as large as before
    assert read(monkeypatch, runs) == ["a", "d"]
    assert read_runs(runs)[0].figures("accuracy").oof == pytest.approx(0.7)
    (runs / "b" / "folds.json").unlink()
    assert [record.state for record in read_runs(runs)] == ["finished", "broken", "finished", "waiting"]


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"form": 1}', '{"form": 1, "base": {}, "runs": {"a": {"stamp": 3}}}', "null"]
)
def test_an_index_that_is_not_one_costs_nothing_but_time(runs, content):
    (runs / INDEX).write_text(content)
    assert [record.name for record in read_runs(runs)] == ["a", "b", "c", "d"]
    assert json.loads((runs / INDEX).read_text())["form"] == 1


def test_a_link_in_its_place_is_left_alone_and_a_folder_may_be_read_only(runs, monkeypatch):
    other = runs.parent / "mine"
    other.write_text("notes")
    (runs / INDEX).symlink_to(other)
    assert len(read_runs(runs)) == 4
    assert other.read_text() == "notes"
    (runs / INDEX).unlink()
    monkeypatch.setattr("trainer.system.files._write_and_sync", refuse)
    assert len(read_runs(runs)) == 4
    assert sorted(path.name for path in runs.iterdir()) == ["a", "b", "c", "d"]


def refuse(*_):
    raise PermissionError(13, "Permission denied")


def test_few_runs_leave_no_file(tmp_path):
    finished_run(tmp_path / "a", 0.5)
    read_runs(tmp_path)
    assert not (tmp_path / INDEX).exists()
