"""The notebooks of docs/ run from top to bottom, and a run that is interrupted in one is saved.

They share a kernel, which forgets all names and changes its folder between them: to import everything takes most of a
notebook's time.
"""

import re

import pytest
from jupyter_client.manager import KernelManager
from nbclient import NotebookClient
from nbformat import read

from tests.battery import some_of
from tests.places import REPOSITORY

NOTEBOOKS = sorted((REPOSITORY / "docs/notebooks").glob("*.ipynb"))
FOR_HOURS = """
import trainer as fw
fw.cross_validate("iris", max_epochs=1_000_000, run="long", cv={"n_splits": 2, "parallel": 1}, profile="off",
    checkpoint={"every_minutes": None}, runtime={"progress": "plain"})
"""


@pytest.fixture(scope="module")
def manager():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(REPOSITORY))
        patch.setenv("JUPYTER_PREFER_ENV_PATH", "1")  # the kernel of this environment, not the user's
        patch.setenv("OMP_NUM_THREADS", "1")
        started = KernelManager()
        started.start_kernel()
    yield started
    started.shutdown_kernel(now=True)


@pytest.fixture
def client(manager, tmp_path):
    """A client of the kernel as a new one would be: in an empty folder, without names."""
    connected = manager.client()
    connected.start_channels()
    connected.wait_for_ready(timeout=60)
    fresh = f"%reset -f\nimport os; os.chdir({str(tmp_path)!r}); del os"
    assert connected.execute_interactive(fresh, timeout=60)["content"]["status"] == "ok"
    yield connected
    connected.stop_channels()


@pytest.mark.parametrize("path", some_of(NOTEBOOKS, NOTEBOOKS[-1:]), ids=[path.stem for path in NOTEBOOKS])
def test_notebook_runs_from_top_to_bottom(path, manager, client):
    notebook = read(path, as_version=4)
    assert [cell for cell in notebook.cells if cell.get("outputs")] == []  # nothing of one machine is kept
    runner = NotebookClient(notebook, km=manager, timeout=120)
    runner.kc = client
    runner.execute(cleanup_kc=False)
    outputs = [one for cell in notebook.cells for one in cell.get("outputs", ())]
    shown = [dict(one["data"]) for one in outputs if "data" in one]
    assert shown[-1]["text/html"].startswith("<iframe srcdoc=")
    assert any("application/vnd.jupyter.widget-view+json" in data for data in shown)  # the bars
    assert any("<table>" in data.get("text/html", "") for data in shown)
    lines = [data["text/plain"] for data in shown]
    assert sum(re.match(r"fold \d: epoch", line) is not None for line in lines) in (3, 5)  # none is lost to the bars
    assert [one["text"] for one in outputs if "Warning" in one.get("text", "")] == []


def test_the_stop_button_saves_and_says_how_to_go_on(manager, client, tmp_path):
    def wait_for(kind, text=""):
        message = client.get_iopub_msg(timeout=60)
        while message["msg_type"] != kind or text not in str(message["content"]):
            assert message["msg_type"] != "error", message["content"]
            message = client.get_iopub_msg(timeout=60)
        return message["content"]

    client.execute(FOR_HOURS)
    wait_for("display_data", "fold 0 epoch ")
    manager.interrupt_kernel()
    error = wait_for("error")
    assert error["ename"] == "KeyboardInterrupt"
    assert "resume with: " in error["evalue"]
    assert "run=long" in error["evalue"]
    assert list(tmp_path.glob("runs/long/fold_0/step-*.json")) != []
