"""A run as a program sees it."""

import json
import re
import sys
from html import unescape
from pathlib import Path

import pyarrow as pa
import pytest

import trainer as fw
from tests.api.api_cases import QUICK, X, Y


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> fw.Run:
    return fw.cross_validate((X, Y), paths={"runs": str(tmp_path_factory.mktemp("runs"))}, **QUICK)


def test_metrics_and_predictions_are_those_of_the_files(run):
    saved = json.loads((run.path / "cv.json").read_text())["metrics"]
    assert list(run.metrics) == list(saved)
    assert run.metrics["accuracy"]["oof"] == saved["accuracy"]["oof"]
    assert str(run.metrics).splitlines()[0].startswith("accuracy ")
    assert list(run.oof.columns)[:4] == ["id", "fold", "repeat", "target"]
    assert run.oof["target"].tolist() == (Y == "pos").astype(int).tolist()


def test_without_pandas_the_predictions_are_an_arrow_table(run, monkeypatch):
    frame = run.oof
    monkeypatch.setitem(sys.modules, "pandas", None)
    assert isinstance(run.oof, pa.Table)
    assert run.oof.to_pydict() == frame.to_dict("list")


def test_a_run_without_a_name_is_called_after_what_it_is(run):
    assert run.name.startswith("arrays-mlp-ce-O0-")


def test_the_report_is_a_path_and_shows_itself_in_a_notebook(run):
    report = run.report()
    assert Path(report).read_text().startswith("#")
    [page] = re.fullmatch(r'<iframe srcdoc="([^"]*)" [^>]*></iframe>', report._repr_html_()).groups()
    assert unescape(page) == (run.path / "report.html").read_text()
    assert "accuracy" in repr(run)


def test_metrics_are_a_table_in_a_notebook(run):
    html = run.metrics._repr_html_()
    assert html.count("<tr>") == 1 + len(run.metrics)
    assert f"<td>{run.metrics['accuracy']['oof']:.4f}</td>" in html
    assert run._repr_html_().endswith(html)


def test_a_run_is_opened_again(run, tmp_path):
    assert fw.open_run(run.path) == run
    assert fw.open_run(str(run.path)).metrics == run.metrics
    with pytest.raises(fw.errors.CheckpointError, match="is not a run directory"):
        fw.open_run(tmp_path)
