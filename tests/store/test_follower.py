"""What keeps up the copy of a run: it sends what is finished, asks a store again, and says what the copy lacks."""

import threading

import fsspec
import pytest

from tests.run.merge_cases import changed, contents, fold_result, make_plan, make_run, write_fold
from trainer.errors import StorageError
from trainer.run.missing import missing_folds
from trainer.store import follower
from trainer.store.fold_files import fold_directory
from trainer.store.follower import Follower, follow
from trainer.store.object_store import pull, push
from trainer.store.remote import Store


@pytest.fixture
def url(tmp_path):
    yield f"memory://{tmp_path.name}/a1"
    fsspec.filesystem("memory").store.clear()


def write_checkpoint(run, fold, step):
    directory = fold_directory(run, fold)
    directory.mkdir(exist_ok=True)
    (directory / f"step-{step:08d}.pt").write_bytes(bytes([step]) * 1000)
    (directory / f"step-{step:08d}.json").write_text(f'{{"step": {step}}}')
    for old in directory.glob(f"step-{step - 2:08d}.*"):
        old.unlink()


def test_finished_folds_and_checkpoints_are_sent_and_what_grows_comes_last(tmp_path, url):
    run = make_run(tmp_path / "a1", (0,))
    copy = Follower(run, url)
    write_checkpoint(run, 1, 1)
    copy.send()
    assert copy.behind(last=False) == []
    (fold_directory(run, 1) / "events.out.tfevents.1.host").write_bytes(b"grows")
    (fold_directory(run, 1) / "step-00000002.pt").write_bytes(b"its mark is not written yet")
    (fold_directory(run, 1) / "LOCK").write_text("{}")
    (run / "notes.txt").write_text("mine")
    assert copy.behind(last=False) == []
    for step in (2, 3):
        write_checkpoint(run, 1, step)
    assert copy.behind(last=False) == ["fold_1"]
    copy.send()
    pull(url, tmp_path / "back")
    assert contents(tmp_path / "back/fold_1") == {k: v for k, v in contents(run / "fold_1").items() if k != "LOCK"}
    for number in (1, 2):
        write_fold(run, fold_result(make_plan(), number), make_plan())
    copy.send(last=True)
    assert copy.behind() == []
    assert sorted(path.name for path in (tmp_path / "back").glob("fold_*")) == ["fold_0", "fold_1"]
    pull(url, tmp_path / "new")
    assert missing_folds(tmp_path / "new") == [3, 4]


def test_a_machine_sends_the_folds_it_trains_and_the_run(tmp_path, url):
    run = make_run(tmp_path / "a1", (0, 1, 2))
    Follower(run, url, ["fold_1"]).send()
    pull(url, tmp_path / "back")
    assert sorted(path.name for path in (tmp_path / "back").glob("fold_*")) == ["fold_1"]


def test_what_the_copy_was_before_is_kept_for_who_is_reading_it(tmp_path, url):
    run = make_run(tmp_path / "a1", ())
    copy, store = Follower(run, url), Store(url)
    for step, kept in ((1, {1}), (2, {1, 2}), (3, {1, 2, 3}), (4, {2, 3, 4})):
        write_checkpoint(run, 0, step)
        copy.send()
        assert {int(name[5:13]) for name in store.sizes("fold_0") if name.startswith("step")} == kept
    copy.send(last=True)  # nothing has changed
    write_checkpoint(run, 0, 5)
    copy.send(last=True)
    assert {int(name[5:13]) for name in store.sizes("fold_0") if name.startswith("step")} == {4, 5}


def followed(copy, monkeypatch, *, ends_after=0):
    """Follow a run that ends after some looks; return what was told."""
    monkeypatch.setattr(follower, "LOOK_SECONDS", 0.001)
    monkeypatch.setattr(follower, "MOST_WAIT_SECONDS", 0.004)
    ended, told, send, looks = threading.Event(), [], copy.send, []

    def counted(*, last):
        looks.append(last)
        if len(looks) > ends_after:
            ended.set()
        send(last=last)

    monkeypatch.setattr(copy, "send", counted)
    follow(copy, ended, lambda **facts: told.append(facts))
    return told


@pytest.mark.parametrize("ends_after", [0, 50])
def test_a_store_that_is_away_is_asked_again_also_after_the_end_of_the_run(tmp_path, url, monkeypatch, ends_after):
    run, away, send = make_run(tmp_path / "a1"), [9], Store.send
    monkeypatch.setenv("MY_SECRET_KEY", "abcdefgh12345")

    def sometimes(store, *arguments):
        if away[0]:
            away[0] -= 1
            raise StorageError("s3://me:hunter22@host/abcdefgh12345: ConnectionError")
        send(store, *arguments)

    monkeypatch.setattr(Store, "send", sometimes)
    told = followed(Follower(run, url), monkeypatch, ends_after=ends_after)
    assert told == [{"why": "s3://***@host/***: ConnectionError"}, {"why": ""}, {"behind": [], "why": ""}]
    pull(url, tmp_path / "back")
    assert contents(tmp_path / "back") == contents(run)


def test_what_no_other_try_would_mend_is_said_at_the_end(tmp_path, url, monkeypatch):
    other = make_run(tmp_path / "b1", (0,), identity=changed("content", "folds (fingerprint)", "e" * 64))
    push(other, url)
    run = make_run(tmp_path / "a1", (0,))
    why = f"{url} holds another run: give a place of its own for {run}"
    assert followed(Follower(run, url), monkeypatch)[-1] == {"behind": ["fold_0", ""], "why": why}


def test_a_directory_that_holds_no_run_yet_is_waited_for(tmp_path, url):
    copy = Follower(tmp_path / "a1", url)
    copy.send()
    make_run(tmp_path / "a1", ())
    copy.send()
    assert Store(url).read("foldwise-run.json")
