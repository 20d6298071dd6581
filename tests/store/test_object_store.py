"""A run's copy elsewhere: whole or as it was before, checked on both ways, and nothing but a run's own files."""

import hashlib
import json
from contextlib import suppress
from functools import partialmethod

import fsspec
import pytest

from tests.run.merge_cases import changed, contents, fold_result, make_plan, make_run, write_fold
from trainer.cli.main import main as foldwise
from trainer.errors import CheckpointError, ConfigError, StorageError
from trainer.run.merge import merge
from trainer.run.missing import missing_folds
from trainer.store import object_store
from trainer.store.fold_files import fold_directory
from trainer.store.object_store import INDEX, Store, pull, push


@pytest.fixture(params=["file", "memory"])
def url(request, tmp_path):
    place = f"file://{tmp_path}/bucket/a1" if request.param == "file" else f"memory://{tmp_path.name}/a1"
    yield place
    fsspec.filesystem("memory").store.clear()


def test_a_run_comes_back_as_it_was_and_goes_on(tmp_path, url):
    run = make_run(tmp_path / "a1", (0, 1, 3))
    (run / "notes.txt").write_text("mine")
    (fold_directory(run, 2)).mkdir()
    (fold_directory(run, 2) / "LOCK").write_text("{}")
    (fold_directory(run, 2) / "step-00000004.pt").write_bytes(b"state")
    (fold_directory(run, 2) / "step-00000004.json").write_text("{}")
    sent = push(run, url)
    assert (sent.new > 10, sent.known) == (True, 0)
    assert push(run, url).new == 0
    back = tmp_path / "back"
    assert pull(url, back) == sent.new
    mine = {"notes.txt", "fold_2/LOCK"}
    assert contents(back) == {name: sha for name, sha in contents(run).items() if name not in mine}
    assert missing_folds(back) == [2, 4]
    for number in (2, 4):
        write_fold(back, fold_result(make_plan(), number), make_plan())
    merge(back)
    assert push(back, url).known > 0
    assert pull(url, run) > 0
    assert (run / "oof.parquet").read_bytes() == (back / "oof.parquet").read_bytes()


def parts(found):
    """What a run directory holds, by folder."""
    folders = {name.rpartition("/")[0] for name in found}
    return {
        folder: {name: sha for name, sha in found.items() if name.rpartition("/")[0] == folder} for folder in folders
    }


@pytest.mark.parametrize("at", [0, 3, 12, 23])
def test_an_upload_that_dies_leaves_each_fold_whole_and_the_next_sends_the_rest(tmp_path, url, monkeypatch, at):
    run, plan = make_run(tmp_path / "a1", (0,)), make_plan()
    push(run, url)
    before = contents(run)
    for number in (1, 2, 3, 4):
        write_fold(run, fold_result(plan, number), plan)
    merge(run)
    calls = []

    def dying(store, method, name, *rest):
        if len(calls) == at:
            raise StorageError("the network is gone")
        calls.append(name)
        method(store, name, *rest)

    with monkeypatch.context() as patch:
        for name in ("write", "send"):
            patch.setattr(Store, name, partialmethod(dying, getattr(Store, name)))
        with pytest.raises(StorageError):
            push(run, url)
    pull(url, tmp_path / "old")
    now, old = parts(contents(run)), parts(contents(tmp_path / "old"))
    assert all(files in (now[folder], parts(before).get(folder)) for folder, files in old.items())
    assert old[""] == parts(before)[""]  # what is merged comes last
    push(run, url)
    pull(url, tmp_path / "new")
    assert contents(tmp_path / "new") == contents(run)
    store = Store(url)
    kept = {name.rpartition("a1/")[2] for name in store.files.find(store.root)}
    wanted = set()
    for folder in (*now, ""):
        index = json.loads(store.read(f"{folder}/{INDEX}".lstrip("/")))["files"]
        wanted |= {f"{folder}/{name}.{facts['sha256'][:32]}".lstrip("/") for name, facts in index.items()}
        wanted |= {f"{folder}/{INDEX}".lstrip("/")}
    assert kept == wanted


def test_a_fold_that_another_machine_has_finished_stays_as_it_is(tmp_path, url):
    one, two = make_run(tmp_path / "one", (0, 1)), make_run(tmp_path / "two", (2, 3, 4))
    (fold_directory(two, 1)).mkdir()
    (fold_directory(two, 1) / "step-00000004.pt").write_bytes(b"state")
    (fold_directory(two, 1) / "step-00000004.json").write_text("{}")
    push(one, url)
    push(two, url)
    pull(url, tmp_path / "all")
    assert missing_folds(tmp_path / "all") == []
    assert not list((tmp_path / "all").glob("fold_1/step-*"))
    merge(tmp_path / "all")
    push(tmp_path / "all", url)
    push(one, url)  # it knows of no result
    pull(url, tmp_path / "again")
    assert contents(tmp_path / "again") == contents(tmp_path / "all")


def test_what_somebody_deletes_meanwhile_is_sent_again_and_what_cannot_be_deleted_stays(tmp_path, url, monkeypatch):
    run = make_run(tmp_path / "a1", (0,))
    push(run, url)
    store = Store(url)
    store.delete(next(f"fold_0/{name}" for name in store.sizes("fold_0") if name.startswith("oof")))
    assert push(run, url).new == 1
    (fold_directory(run, 0) / "step-00000004.json").write_text("{}")
    push(run, url)
    (fold_directory(run, 0) / "step-00000004.json").unlink()

    def refuse(*_):
        raise PermissionError("write only")

    monkeypatch.setattr(type(store.files), "rm_file", refuse)
    push(run, url)
    assert any(name.startswith("step-") for name in store.sizes("fold_0"))
    pull(url, tmp_path / "back")
    assert contents(tmp_path / "back") == contents(run)


def test_what_was_changed_on_the_way_is_found(tmp_path, url, monkeypatch):
    run = make_run(tmp_path / "a1")
    push(run, url)
    store = Store(url)
    place = next(name for name in store.files.find(store.root) if "fold_3/oof" in name)
    store.files.pipe_file(place, store.files.cat_file(place)[:-1] + b"x")
    with pytest.raises(CheckpointError, match=r"fold_3/oof.parquet is damaged \(sha256 differs\)"):
        pull(url, tmp_path / "back")
    assert not (tmp_path / "back/folds.json").exists()
    monkeypatch.setattr(type(store.files), "cat_file", lambda *_, **__: b"other")
    with pytest.raises(StorageError, match="not what was written"):
        store.write("x", b"data")


@pytest.mark.parametrize("name", ["../evil", "fold_0/../../evil", "/etc/passwd", "fold_0/evil.sh", "STOP"])
def test_an_index_that_names_other_files_is_refused(tmp_path, url, name):
    files = {name: {"sha256": hashlib.sha256(b"").hexdigest(), "bytes": 0}}
    Store(url).write(INDEX, json.dumps({"fingerprint": "f", "files": files}).encode())
    with pytest.raises(CheckpointError, match="names what no run has"):
        pull(url, tmp_path / "back")
    Store(url).write(INDEX, b"[")
    with pytest.raises(CheckpointError, match="is damaged"):
        pull(url, tmp_path / "back")


def test_runs_are_not_mixed(tmp_path, url):
    one = make_run(tmp_path / "a1")
    push(one, url)
    other = make_run(tmp_path / "b1", identity=changed("content", "folds (fingerprint)", "e" * 64))
    with pytest.raises(CheckpointError, match="holds another run"):
        push(other, url)
    with pytest.raises(CheckpointError, match="holds another run"):
        pull(url, other)
    (tmp_path / "full").mkdir()
    (tmp_path / "full/x").touch()
    with pytest.raises(CheckpointError, match="holds no run"):
        pull(url, tmp_path / "full")


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("sft://b/a", "did you mean 'sftp'"),
        ("bucket/a", "give an address such as s3://"),
        ("s3://me:hunter22@b/a", r"\*\*\*@b/a: holds a user or password"),
    ],
)
def test_addresses_that_cannot_be_used_are_refused(tmp_path, place, said):
    with pytest.raises(ConfigError, match=said) as refused:
        push(make_run(tmp_path / "a1"), place)
    assert "hunter22" not in str(refused.value)


def test_a_store_that_is_away_or_refuses_is_a_storage_error(tmp_path, monkeypatch):
    url = f"memory://{tmp_path.name}/a1"

    def refuse(*_, **__):
        raise PermissionError("Forbidden")

    monkeypatch.setattr(type(fsspec.filesystem("memory")), "pipe_file", refuse)
    with pytest.raises(StorageError, match="no permission: Forbidden"):
        push(make_run(tmp_path / "a1"), url)


def test_the_commands(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    make_run(tmp_path / "runs/a1")
    url = f"file://{tmp_path}/bucket/b1"
    assert foldwise(["push", "runs/a1", url]) == 0
    assert foldwise(["pull", url]) == 0
    assert contents(tmp_path / "runs/b1") == contents(tmp_path / "runs/a1")
    assert foldwise(["pull", f"file://{tmp_path}/nothing", "x"]) == 4
    assert "files sent" in capsys.readouterr().out
    assert not (tmp_path / "x").exists()
    assert object_store.INDEX in {path.name for path in (tmp_path / "bucket/b1").iterdir()}


def s3_server(monkeypatch, port=0):
    """Start a server that speaks S3, with a bucket; it keeps what it has while this process lives."""
    server = pytest.importorskip("moto.server").ThreadedMotoServer(port=port, verbose=False)
    server.start()
    for name, value in {"KEY_ID": "not-real", "ACCESS_KEY": "not-real-either"}.items():
        monkeypatch.setenv(f"AWS_{'SECRET_' if name == 'ACCESS_KEY' else 'ACCESS_'}{name}", value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.get_host_and_port()[1]}")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with suppress(FileExistsError):
        fsspec.filesystem("s3", skip_instance_cache=True).mkdir("bucket")
    return server


def test_s3_itself(tmp_path, monkeypatch):
    """Needs s3fs and moto: ``pip install s3fs 'moto[server]'`` in an environment of its own."""
    pytest.importorskip("s3fs")
    server = s3_server(monkeypatch)
    try:
        run = make_run(tmp_path / "a1", (0, 1))
        assert push(run, "s3://bucket/runs/a1").known == 0
        write_fold(run, fold_result(make_plan(), 2), make_plan())
        assert push(run, "s3://bucket/runs/a1").known > 0
        pull("s3://bucket/runs/a1", tmp_path / "back")
        assert contents(tmp_path / "back") == contents(run)
        with pytest.raises(StorageError, match="s3://no-such-bucket/a1"):
            push(run, "s3://no-such-bucket/a1")
    finally:
        server.stop()
    with pytest.raises(StorageError, match="s3://bucket/runs/a1"):
        push(run, "s3://bucket/runs/a1")
