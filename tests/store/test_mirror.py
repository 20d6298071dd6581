"""The process that keeps up a run's copy: killed, or without a store, it neither stops the run nor loses a file."""

import os
import shlex
import signal
import time

import fsspec
import pytest

from tests.run.merge_cases import contents, fold_result, make_plan, make_run, write_fold
from tests.store.test_object_store import s3_server
from trainer.cli.main import main as foldwise
from trainer.store import mirror, remote
from trainer.store.mirror import Mirror, mirrored
from trainer.store.object_store import pull

IRIS = ("data=iris", "max_epochs=2", "cv.n_splits=2", "model.hidden=[8]", "preflight=off", "audit=off", "profile=off")
QUICK = (*IRIS, "tracker=none", "baseline=off", "cv.parallel=1")


def wait_for(what, seconds=90):
    until = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < until
        time.sleep(0.01)
    return found


def test_a_process_that_is_killed_is_started_again_and_nothing_is_lost(tmp_path):
    run, said = make_run(tmp_path / "runs/a1", (0, 1)), []
    url = f"file://{tmp_path}/bucket/a1"
    copy = Mirror(run, url, None, said.append)
    wait_for((tmp_path / "bucket/a1/foldwise-run.json").exists)
    os.kill(copy._process.pid, signal.SIGKILL)
    for number in (2, 3, 4):
        write_fold(run, fold_result(make_plan(), number), make_plan())
    copy.close(30)
    assert said[-1] == f"copy: {url}"
    pull(url, tmp_path / "back")
    assert contents(tmp_path / "back") == contents(run)


def test_a_process_that_always_dies_is_told_with_what_sends_the_rest(tmp_path, monkeypatch):
    run, said = make_run(tmp_path / "runs/a b", (0,)), []
    monkeypatch.setattr("sys.executable", "/bin/false")
    Mirror(run, "s3://bucket/a1", None, said.append).close(30)
    assert said == [
        f"note: paths.mirror: s3://bucket/a1 lacks files of {run} (its process has died)",
        f"what is lacking is sent by: foldwise push '{run}' s3://bucket/a1",
    ]


def test_a_run_whose_store_is_away_is_trained_and_says_what_is_lacking(train, tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-real-at-all-1234")
    monkeypatch.setattr(mirror, "STOPPED_SECONDS", 0.1)
    (tmp_path / "bucket").write_text("a file, where a folder has to be")
    url = f"file://{tmp_path}/bucket"
    outcome = train(*QUICK, "run=a1", f"paths.mirror={url}")
    assert outcome.code == 0
    note, command = outcome.out.splitlines()[-2:]
    assert note.startswith(f"note: paths.mirror: {url}/a1 lacks ")
    assert command == f"what is lacking is sent by: foldwise push runs/a1 {url}/a1"
    assert (tmp_path / "runs/a1/cv.json").exists()
    everything = outcome.out + outcome.err + "".join(map(str, contents(tmp_path / "runs")))
    assert "not-real-at-all" not in everything
    assert not [
        path for path in (tmp_path / "runs").rglob("*") if path.is_file() and b"not-real-at" in path.read_bytes()
    ]
    (tmp_path / "bucket").unlink()
    assert foldwise(shlex.split(command.partition(": foldwise ")[2])) == 0
    assert contents(tmp_path / "bucket/a1")


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("paths.mirror=s3:/b", "give an address such as s3://bucket/runs"),
        ("paths.mirror=/nas", "give an address such as s3://bucket/runs (of a folder: file:///nas)"),
        ("paths.mirror=s3x://b/runs", "give an address such as s3://bucket/runs: did you mean 's3'"),
        ("paths.mirror=memory://b", "is in the memory of a process, and gone with it"),
        ("paths.mirror=s3://me:hunter22@b/a", "s3://***@b/a: holds a user or password"),
        ("paths.runs=s3://b/runs", "is an address; runs are written here first: add paths.mirror=s3://bucket/runs"),
    ],
)
def test_what_cannot_be_a_place_is_said_before_anything_is_trained(train, tmp_path, option, said):
    outcome = train(*QUICK, option)
    assert (outcome.code, said in outcome.err, "hunter22" in outcome.err) == (2, True, False), outcome.err
    assert not (tmp_path / "runs").exists()


def test_the_trials_of_a_search_are_not_copied(train):
    outcome = train(*QUICK, "search=random", "search.space={optimizer.lr:[1e-3,1e-2]}", "paths.mirror=s3://b/runs")
    assert (outcome.code, "the trials of a search are not copied" in outcome.err) == (2, True)


def test_a_package_that_is_lacking_is_named(train, monkeypatch):
    monkeypatch.setattr(remote, "find_spec", lambda _: None)
    outcome = train(*QUICK, "paths.mirror=s3://b/runs")
    assert (outcome.code, "needs s3fs, which is not installed: pip install 'foldwise[s3]'" in outcome.err) == (2, True)


def test_without_an_address_nothing_is_begun(tmp_path, monkeypatch):
    monkeypatch.setattr(mirror, "Mirror", pytest.fail)
    with mirrored(None, tmp_path / "a1", None, pytest.fail, here=True):
        pass


@pytest.mark.parametrize(
    ("fold", "here", "folds"),
    [(None, True, None), (2, True, ["fold_2"]), ("all", True, ["fold_all"]), (None, False, [])],
)
def test_who_trains_a_fold_sends_it(tmp_path, monkeypatch, fold, here, folds):
    made = []
    monkeypatch.setattr(mirror, "Mirror", lambda run, url, folds, _: made.append((url, folds)) or Closed())
    with mirrored("s3://bucket/runs/", tmp_path / "a1", fold, pytest.fail, here=here):
        assert made == [("s3://bucket/runs/a1", folds)]


class Closed:
    def close(self, seconds):
        assert seconds == mirror.QUIET_SECONDS


def test_a_mirror_on_s3_whose_server_is_away_for_a_while(tmp_path, monkeypatch):
    """Needs s3fs and moto, as the test of push does."""
    pytest.importorskip("s3fs")
    server = s3_server(monkeypatch)
    run, said = make_run(tmp_path / "runs/a1", (0,)), []
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    copy = Mirror(run, "s3://bucket/mirror/a1", None, said.append)
    try:
        wait_for(lambda: fsspec.filesystem("s3", skip_instance_cache=True).exists("bucket/mirror/a1/foldwise-run.json"))
        server.stop()
        for number in (1, 2, 3, 4):
            write_fold(run, fold_result(make_plan(), number), make_plan())
        wait_for(lambda: said)
        server = s3_server(monkeypatch, server.get_host_and_port()[1])
        copy.close(60)
        assert said[0].startswith("warning: paths.mirror: s3://bucket/mirror/a1: ")
        assert said[-1] == "copy: s3://bucket/mirror/a1"
        pull("s3://bucket/mirror/a1", tmp_path / "back")
    finally:
        server.stop()
    assert contents(tmp_path / "back") == contents(run)
