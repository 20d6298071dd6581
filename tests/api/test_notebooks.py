"""The notebooks of docs/ run in a kernel of their own, and a run that is interrupted there is saved."""

import re

import pytest
from jupyter_client.manager import start_new_kernel
from nbclient import NotebookClient
from nbformat import read

from tests.places import REPOSITORY

NOTEBOOKS = sorted((REPOSITORY / "docs/notebooks").glob("*.ipynb"))
FOR_HOURS = """
import trainer as fw
fw.cross_validate("iris", max_epochs=1_000_000, run="long", cv={"n_splits": 2, "parallel": 1}, profile="off",
    checkpoint={"every_minutes": None}, runtime={"progress": "plain"})
"""


@pytest.fixture(autouse=True)
def quick_kernel(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", "1")  # the kernel of this environment, not the user's
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs_from_top_to_bottom(path, tmp_path):
    notebook = read(path, as_version=4)
    assert [cell for cell in notebook.cells if cell.get("outputs")] == []  # nothing of one machine is kept
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [one for cell in notebook.cells for one in cell.get("outputs", ())]
    shown = [dict(one["data"]) for one in outputs if "data" in one]
    assert shown[-1]["text/html"].startswith("<iframe srcdoc=")
    assert any("application/vnd.jupyter.widget-view+json" in data for data in shown)  # the bars
    assert any("<table>" in data.get("text/html", "") for data in shown)
    lines = [data["text/plain"] for data in shown]
    assert sum(re.match(r"fold \d: epoch", line) is not None for line in lines) in (3, 5)  # none is lost to the bars
    assert [one["text"] for one in outputs if "Warning" in one.get("text", "")] == []


def test_the_stop_button_saves_and_says_how_to_go_on(tmp_path):
    manager, client = start_new_kernel(cwd=str(tmp_path))

    def wait_for(kind, text=""):
        message = client.get_iopub_msg(timeout=60)
        while message["msg_type"] != kind or text not in str(message["content"]):
            assert message["msg_type"] != "error", message["content"]
            message = client.get_iopub_msg(timeout=60)
        return message["content"]

    try:
        client.execute(FOR_HOURS)
        wait_for("display_data", "fold 0 epoch ")
        manager.interrupt_kernel()
        error = wait_for("error")
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    assert error["ename"] == "KeyboardInterrupt"
    assert "resume with: " in error["evalue"]
    assert "run=long" in error["evalue"]
    assert list(tmp_path.glob("runs/long/fold_0/step-*.json")) != []
