"""MLflow and wandb themselves, offline: what they hold of a run, also of one that was trained in two starts."""

import json
import sqlite3
from contextlib import closing

import pytest

from tests.battery import some_of
from trainer.trackers import courier
from trainer.trackers.wandb import default_mode

SECRET = "0123456789abcdef" * 2 + "01234567"  # of the length of a key of wandb
QUICK = ("data=iris", "max_epochs=3", "cv.n_splits=2", "cv.parallel=1", "profile=off", "preflight=off", "audit=off")
BOTH = ("tracker=[tensorboard,mlflow,wandb]", "tracker.mlflow.flush_seconds=290", "tracker.wandb.flush_seconds=290")


@pytest.mark.parametrize("starts", some_of([1, 2], [1]))
def test_a_run_in_two_starts_is_one_run_with_a_child_for_each_fold(train, tmp_path, monkeypatch, starts):
    for package in ("mlflow", "wandb"):
        pytest.importorskip(f"{package}.version" if package == "mlflow" else "wandb.errors")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_API_KEY", SECRET)
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", SECRET)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setattr(courier, "EXIT_SECONDS", 290.0)
    if starts == 2:
        assert train(*QUICK, "tracker=mlflow", "baseline=off", "run=a1", "cv.fold=0").code == 0
        courier._close_all()  # as at the end of a process
    outcome = train(*QUICK, *BOTH, "baseline=off", "run=a1")
    assert (outcome.code, [line for line in outcome.out.splitlines() if "tracker." in line]) == (0, [])
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.name for path in written} >= {"mlflow.db", "tracker-wandb.json", "config.yaml"}
    assert [path for path in written if SECRET.encode() in path.read_bytes()] == []
    assert SECRET not in outcome.out + outcome.err

    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as store:
        rows = store.execute("select name, run_uuid, status from runs")
        runs = {name: (number, status) for name, number, status in rows}
        assert {name: status for name, (_, status) in runs.items()} == dict.fromkeys(
            ("a1", "a1 fold 0", "a1 fold 1"), "FINISHED"
        )
        parents = dict(store.execute("select run_uuid, value from tags where key = 'mlflow.parentRunId'"))
        assert parents == {runs[f"a1 fold {fold}"][0]: runs["a1"][0] for fold in (0, 1)}
        steps = "select count(*), count(distinct step) from metrics where key = 'epoch/train_loss' group by run_uuid"
        assert list(store.execute(steps)) == [(3, 3), (3, 3)]
        result = json.loads((tmp_path / "runs/a1/cv.json").read_text())
        wanted = {f"oof/{name}": values["oof"] for name, values in result["metrics"].items()}
        query = "select key, value from metrics where run_uuid = ? and key like 'oof/%'"
        assert dict(store.execute(query, (runs["a1"][0],))) == pytest.approx(wanted)
        settings = dict(store.execute("select key, value from params"))
        assert (settings["seed"], settings["cv.n_splits"]) == ("42", "2")
    kept = {path.name for path in (tmp_path / "mlruns").rglob("artifacts/*")}
    assert kept == {"report.html", "report.md", "folds.json", "cv.json", "oof.parquet"}
    ids = json.loads((tmp_path / "runs/a1/tracker-wandb.json").read_text())["runs"]
    folders = {path.name.rpartition("-")[2] for path in (tmp_path / "wandb").glob("offline-run-*")}
    assert (set(ids), folders) == ({"fold 1", "all folds"} | ({"fold 0"} if starts == 1 else set()), set(ids.values()))


def test_what_cannot_be_tracked_is_said_before_anything_is_trained(train, tmp_path, monkeypatch):
    secret = train(*QUICK, "tracker=mlflow", "tracker.mlflow.uri=http://me:hunter22@host:5000")
    assert (secret.code, "hunter22" in secret.out + secret.err) == (2, False)
    assert "tracker.mlflow.uri: holds a user or password" in secret.err
    monkeypatch.setattr("trainer.trackers.build.find_spec", lambda name: None)
    missing = train(*QUICK, "tracker=[mlflow,wandb]")
    assert missing.code == 2
    for package in ("mlflow", "wandb"):
        assert f"needs {package}, which is not installed: pip install 'foldwise[{package}]'" in missing.err
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("environment", "login", "mode"),
    [
        ({}, "", "offline"),
        ({"WANDB_API_KEY": SECRET}, "", "online"),
        ({}, "machine api.wandb.ai login user password key", "online"),
        ({"WANDB_BASE_URL": "https://wandb.my-lab.org"}, "machine api.wandb.ai login user password key", "offline"),
        ({}, "this is no netrc", "offline"),
    ],
)
def test_wandb_is_offline_where_nobody_has_logged_in(tmp_path, monkeypatch, environment, login, mode):
    for name in ("WANDB_API_KEY", "WANDB_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "netrc").write_text(login)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert default_mode() == mode
