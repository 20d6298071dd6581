"""A real MLflow server: what it answers over HTTP of runs that go on, and what becomes of a run whose server dies."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from contextlib import contextmanager, suppress

import pytest

from tests.places import REPOSITORY

MLFLOW = os.environ.get("FOLDWISE_MLFLOW") or shutil.which("mlflow")
pytestmark = [
    pytest.mark.trackers,
    pytest.mark.skipif(MLFLOW is None, reason="no MLflow server here; FOLDWISE_MLFLOW may name the program mlflow"),
]
QUICK = ("data=iris", "cv.n_splits=2", "cv.parallel=1", "profile=off", "preflight=off", "audit=off", "baseline=off")
SECONDS = 120.0


class Server:
    """MLflow's own server on a free port, with sqlite and artifacts in a folder."""

    def __init__(self, folder):
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.uri = f"http://127.0.0.1:{self.port}"
        self.start()

    def start(self):
        self.folder.mkdir(exist_ok=True)
        command = [MLFLOW, "server", "--host", "127.0.0.1", "--port", str(self.port), "--workers", "1"]
        command += ["--backend-store-uri", f"sqlite:///{self.folder}/store.db"]
        command += ["--artifacts-destination", str(self.folder / "files")]
        quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "PYTHONPATH": ""}
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                command, stdout=log, stderr=log, start_new_session=True, env=os.environ | quiet
            )
        until = time.monotonic() + SECONDS
        while not self._answers():
            assert self.process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < until, (self.folder / "log").read_text()
            time.sleep(0.1)

    def _answers(self):
        try:
            return self.get("/health") == b"OK"
        except OSError:
            return False

    def kill(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(10)

    def get(self, path):
        with urllib.request.urlopen(f"{self.uri}{path}", timeout=30) as answer:
            return answer.read()

    def ask(self, path, **values):
        request = urllib.request.Request(
            f"{self.uri}/api/2.0/mlflow/{path}",
            data=json.dumps(values).encode() if values else None,
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read())

    def runs(self, name):
        """Return a run and its folds by name; none where nothing was sent yet."""
        with suppress(urllib.error.HTTPError):
            number = self.ask("experiments/get-by-name?experiment_name=foldwise")["experiment"]["experiment_id"]
            found = self.ask("runs/search", experiment_ids=[number], max_results=100).get("runs", [])
            return {run["info"]["run_name"]: run for run in found if by_key(run, "tags")["foldwise.run"] == name}
        return {}

    def statuses(self, name):
        return {name: run["info"]["status"] for name, run in self.runs(name).items()}

    def history(self, run, key):
        query = urllib.parse.urlencode({"run_id": run["info"]["run_id"], "metric_key": key, "max_results": 10000})
        return self.ask(f"metrics/get-history?{query}").get("metrics", [])

    def artifacts(self, run):
        listed = self.ask(f"artifacts/list?run_id={run['info']['run_id']}").get("files", [])
        return {file["path"]: file.get("file_size") for file in listed}


@contextmanager
def serving(folder):
    server = Server(folder)
    try:
        yield server
    finally:
        server.kill()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("mlflow") / "server") as started:
        yield started


def train(folder, server, *arguments, seconds=200):
    """Train in a process of its own, whose end waits for what is not sent."""
    command = [sys.executable, REPOSITORY / "train.py", *QUICK, "tracker=mlflow", f"tracker.mlflow.uri={server.uri}"]
    return subprocess.Popen(
        [*command, f"tracker.mlflow.flush_seconds={seconds}", *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def ends(process):
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 0, said
    return said


def by_key(run, kind):
    return {one["key"]: one["value"] for one in run["data"].get(kind, [])}


def test_a_run_in_three_starts_is_a_parent_with_a_child_for_each_fold(tmp_path, server):
    key = ("run=a1", "max_epochs=3")
    ends(train(tmp_path, server, *key, "cv.fold=0"))
    until = time.monotonic() + SECONDS
    while server.statuses("a1") != {"a1": "KILLED", "a1 fold 0": "FINISHED"}:  # by what goes on sending after the end
        assert time.monotonic() < until, server.statuses("a1")
        time.sleep(0.2)
    first = {name: run["info"]["run_id"] for name, run in server.runs("a1").items()}
    said = ends(train(tmp_path, server, *key))
    assert "tracker." not in said
    assert "tracker." not in ends(train(tmp_path, server, *key))  # nothing is left to train
    runs = server.runs("a1")
    assert server.statuses("a1") == dict.fromkeys(("a1", "a1 fold 0", "a1 fold 1"), "FINISHED")
    assert {name: runs[name]["info"]["run_id"] for name in first} == first
    parent, folds = runs["a1"], [runs["a1 fold 0"], runs["a1 fold 1"]]
    assert {by_key(fold, "tags")["mlflow.parentRunId"] for fold in folds} == {parent["info"]["run_id"]}
    result = json.loads((tmp_path / "runs/a1/cv.json").read_text())
    metrics = by_key(parent, "metrics")
    for name, values in result["metrics"].items():
        assert metrics[f"oof/{name}"] == pytest.approx(values["oof"])
        assert metrics[f"mean/{name}"] == pytest.approx(values["mean"])
    for number, fold in enumerate(folds):
        assert by_key(fold, "metrics")["held_out/accuracy"] == pytest.approx(
            result["metrics"]["accuracy"]["folds"][number]
        )
        lines = (tmp_path / f"runs/a1/fold_{number}/metrics.jsonl").read_text().splitlines()
        losses = {record["step"]: record["train_loss"] for record in map(json.loads, lines)}
        assert {one["step"]: one["value"] for one in server.history(fold, "epoch/train_loss")} == pytest.approx(losses)
    params = by_key(parent, "params")
    assert (params["seed"], params["cv.n_splits"], params["data.name"]) == ("42", "2", "iris")
    sizes = {path.name: path.stat().st_size for path in (tmp_path / "runs/a1").iterdir()}
    assert server.artifacts(parent) == {
        name: sizes[name] for name in ("report.html", "report.md", "folds.json", "cv.json", "oof.parquet")
    }
    place = parent["info"]["artifact_uri"].partition("mlflow-artifacts:/")[2]
    served = server.get(f"/api/2.0/mlflow-artifacts/artifacts/{place}/oof.parquet")
    assert served == (tmp_path / "runs/a1/oof.parquet").read_bytes()


def test_a_run_takes_as_long_there_as_it_took(tmp_path, server):
    began = time.time()
    ends(train(tmp_path, server, "run=b1", "max_epochs=60", "cv.stack=off"))  # of a stack each has a share of the time
    info = {name: run["info"] for name, run in server.runs("b1").items()}
    results = [json.loads((tmp_path / f"runs/b1/fold_{fold}/DONE").read_text()) for fold in (0, 1)]
    for fold, result in enumerate(results):
        one = info[f"b1 fold {fold}"]
        assert (one["end_time"] - one["start_time"]) / 1000 == pytest.approx(result["seconds"], rel=0.5, abs=0.5)
    parent = info["b1"]
    assert began <= parent["start_time"] / 1000 <= info["b1 fold 0"]["start_time"] / 1000
    assert parent["end_time"] >= info["b1 fold 1"]["end_time"]


def test_a_server_that_is_killed_while_folds_train_ends_nothing_and_the_result_is_entered_later(tmp_path):
    with serving(tmp_path / "server") as server:
        _survives(tmp_path, server)


def _survives(tmp_path, server):
    process = train(tmp_path, server, "run=a1", "max_epochs=400", seconds=60)
    until = time.monotonic() + SECONDS
    while not (tmp_path / "runs/a1/tracker-mlflow.json").exists():  # something was sent
        assert time.monotonic() < until
        assert process.poll() is None
        time.sleep(0.01)
    server.kill()
    said = ends(process)
    notes = [line for line in said.splitlines() if "tracker." in line]
    assert len(notes) == 1, said
    assert notes[0].startswith("note: tracker.mlflow: "), notes
    assert "could not be sent" in notes[0] or "is still sending" in notes[0], notes
    assert (tmp_path / "runs/a1/cv.json").exists()
    server.start()
    assert "tracker." not in ends(train(tmp_path, server, "run=a1", "max_epochs=400"))
    parent = server.runs("a1")["a1"]
    assert parent["info"]["status"] == "FINISHED"
    result = json.loads((tmp_path / "runs/a1/cv.json").read_text())
    assert by_key(parent, "metrics")["oof/accuracy"] == pytest.approx(result["metrics"]["accuracy"]["oof"])
