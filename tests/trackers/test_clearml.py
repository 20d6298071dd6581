"""ClearML itself, offline: what its session holds of a run that was trained in two starts."""

import json
import os
import subprocess
import sys
import zipfile

import pytest

from tests.executors.slow_run import wait_for
from tests.places import REPOSITORY
from trainer.trackers.clearml import default_mode

PACKAGE = os.environ.get("FOLDWISE_CLEARML")
SECRET = "0123456789abcdef" * 2
QUICK = ("data=iris", "max_epochs=3", "cv.n_splits=2", "cv.parallel=1", "profile=off", "preflight=off", "audit=off")


def trained(place, *options):
    """Train as a process, which ends when the tracker's own process has."""
    own = {"PYTHONPATH": f"{REPOSITORY}{os.pathsep}{PACKAGE}", "OMP_NUM_THREADS": "1", "CLEARML_API_SECRET_KEY": SECRET}
    command = [sys.executable, "-m", "trainer", "train", *QUICK, "baseline=off", "run=a1", "tracker=clearml", *options]
    command += ["tracker.clearml.mode=offline", "tracker.clearml.flush_seconds=290"]
    done = subprocess.run(
        command, cwd=place, env=os.environ | own, capture_output=True, text=True, timeout=500, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.trackers
@pytest.mark.skipif(PACKAGE is None, reason="FOLDWISE_CLEARML may name a folder with the package clearml")
def test_a_run_in_two_starts_is_one_task_with_a_line_for_each_fold(tmp_path):
    trained(tmp_path, "cv.fold=0")
    wait_for(lambda: list((tmp_path / "clearml/offline").glob("*.zip")))  # of its process, which goes on for a while
    first = json.loads((tmp_path / "runs/a1/tracker-clearml.json").read_text())["task"]
    assert "tracker.clearml" not in trained(tmp_path)
    assert json.loads((tmp_path / "runs/a1/tracker-clearml.json").read_text())["task"] == first
    [session] = (tmp_path / "clearml/offline").glob("*.zip")
    assert session.stem == first
    with zipfile.ZipFile(session) as kept:
        points = [point for line in kept.read("metrics.jsonl").decode().splitlines() for point in json.loads(line)]
        task = json.loads(kept.read("task.json"))
        names = {name.rpartition("/")[2] for name in kept.namelist()}
        assert not any(SECRET.encode() in kept.read(name) for name in kept.namelist())
    lines = {}
    for point in points:
        lines.setdefault((point["metric"], point["variant"]), []).append((point["iter"], point["value"]))
    for fold in (0, 1):
        record = (tmp_path / f"runs/a1/fold_{fold}/metrics.jsonl").read_text().splitlines()
        wanted = [(epoch["step"], epoch["train_loss"]) for epoch in map(json.loads, record)]
        found = lines["epoch/train_loss", f"fold {fold}"]
        assert [step for step, _ in found] == [step for step, _ in wanted]
        assert [value for _, value in found] == pytest.approx([value for _, value in wanted])
    result = json.loads((tmp_path / "runs/a1/cv.json").read_text())
    for name, values in result["metrics"].items():
        assert lines["Summary", f"oof/{name}"][-1][1] == pytest.approx(values["oof"])
    assert task["hyperparams"]["configuration"]["seed"]["value"] == "42"
    assert names >= {"report.html", "report.md", "folds.json", "cv.json", "oof.parquet"}


@pytest.mark.parametrize(
    ("environment", "kept", "mode"),
    [
        ({}, False, "offline"),
        ({"CLEARML_API_ACCESS_KEY": "key"}, False, "online"),
        ({}, True, "online"),
        ({"CLEARML_API_ACCESS_KEY": "key", "CLEARML_OFFLINE_MODE": "1"}, True, "offline"),
    ],
)
def test_it_is_offline_where_there_are_no_credentials(tmp_path, monkeypatch, environment, kept, mode):
    for name in ("CLEARML_API_ACCESS_KEY", "CLEARML_OFFLINE_MODE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("CLEARML_CONFIG_FILE", str(tmp_path / "clearml.conf"))
    if kept:
        (tmp_path / "clearml.conf").touch()
    assert default_mode() == mode
