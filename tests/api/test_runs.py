"""A run as a program sees it."""

import json
import sys
from pathlib import Path

import pyarrow as pa
import pytest

import trainer as fw
from tests.api.api_cases import QUICK, X, Y


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> fw.Run:
    return fw.cross_validate((X, Y), paths={"runs": str(tmp_path_factory.mktemp("runs"))}, **QUICK)


def test_metrics_and_predictions_are_those_of_the_files(run, monkeypatch):
    saved = json.loads((run.path / "cv.json").read_text())["metrics"]
    assert list(run.metrics) == list(saved)
    assert run.metrics["accuracy"]["oof"] == saved["accuracy"]["oof"]
    assert str(run.metrics).splitlines()[0].startswith("accuracy ")
    monkeypatch.setitem(sys.modules, "pandas", None)  # not installed
    frame = run.oof
    assert isinstance(frame, pa.Table)
    assert frame.column_names[:4] == ["id", "fold", "repeat", "target"]
    right = sum(a == b for a, b in zip(frame["target"].to_pylist(), (Y == "pos").astype(int), strict=True))
    assert right == len(X)


def test_with_pandas_predictions_are_a_frame_of_it(run):
    pandas = pytest.importorskip("pandas")
    assert isinstance(run.oof, pandas.DataFrame)
    assert run.oof["target"].tolist() == (Y == "pos").astype(int).tolist()


def test_a_run_without_a_name_is_called_after_what_it_is(run):
    assert run.name.startswith("arrays-mlp-ce-O0-")


def test_the_report_is_a_path_and_shows_itself_in_a_notebook(run):
    report = run.report()
    assert Path(report).read_text().startswith("#")
    assert report._repr_html_() == (run.path / "report.html").read_text()
    assert run._repr_html_() == report._repr_html_()
    assert "accuracy" in repr(run)


def test_a_run_is_opened_again(run, tmp_path):
    assert fw.open_run(run.path) == run
    assert fw.open_run(str(run.path)).metrics == run.metrics
    with pytest.raises(fw.errors.CheckpointError, match="is not a run directory"):
        fw.open_run(tmp_path)
