"""The store: a crash at any point loses at most the save at hand, and no damage is ever loaded."""

import json
import os
import select
import signal
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.battery import some_of
from trainer.errors import CheckpointError, StorageError
from trainer.store import checkpoints
from trainer.store.checkpoints import Position
from trainer.store.own_files import sweep_fold, sweep_run
from trainer.system import files
from trainer.system.files import sealed, unsealed, write_bytes

OPERATIONS = ("open", "write", "fsync", "replace", "unlink")


def state(step):
    """A state whose content says which step it is of."""
    return {"weights": torch.full((50,), float(step)), "step": step, "random": (1, "a", None)}


def save_until(directory, last):
    for step in range(1, last + 1):
        checkpoints.save(directory, Position(1, step), state(step))


def is_whole(loaded):
    step = loaded.position.step
    return loaded.state["step"] == step and torch.equal(loaded.state["weights"], torch.full((50,), float(step)))


def die_at(k, after):
    """Make the store's k-th call of the operating system the process's last act."""
    count = 0

    def dying(call):
        def wrapped(*arguments, **options):
            nonlocal count
            count += 1
            if count == k and not after:
                os._exit(9)
            try:
                return call(*arguments, **options)
            finally:  # also where the call fails, such as deleting what is not there
                if count == k:
                    os._exit(9)

        return wrapped

    class Dying:
        def __getattr__(self, name):
            value = getattr(os, name)
            return dying(value) if name in OPERATIONS else value

    files.os = Dying()


def in_a_child(work):
    """Run ``work`` in a forked process; return its exit status.

    Python 3.11 can hang inside ``fork`` itself where a native thread makes or ends a thread state at that moment:
    such a child, in which nothing has run, is replaced.
    """
    for _ in range(3):
        begun, began = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.write(began, b"1")
            work()
            os._exit(0)
        os.close(began)
        alive = select.select([begun], [], [], 10)[0]
        os.close(begun)
        if alive:
            return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    raise AssertionError("three forks in a row hung")


def saved_marks(directory):
    return [json.loads(path.read_text())["step"] for path in sorted(directory.glob("step-*.json"))]


# The ordinary command tries every third call. After a call the disk is as it is before the next one.
@pytest.mark.parametrize(
    ("every", "after"), some_of([(3, False), (1, False), (1, True)], [(3, False)]), ids=["some", "before", "after"]
)
def test_a_crash_at_any_call_loses_at_most_the_save_at_hand(tmp_path, every, after):
    saves, k, died = 3, 0, 0  # the third removes the first
    while True:
        k += every
        directory = tmp_path / str(k)
        directory.mkdir()

        def work(directory=directory, k=k):
            die_at(k, after)
            for step in range(1, saves + 1):
                checkpoints.save(directory, Position(1, step), state(step))
                (directory.parent / f"{directory.name}.saved").write_text(str(step))

        status = in_a_child(work)
        if status == 0:
            break
        assert status == 9
        died += 1
        saved = int(path.read_text()) if (path := tmp_path / f"{k}.saved").exists() else 0
        sweep_fold(directory, older_than_seconds=0)
        checkpoints.sweep_unfinished(directory)
        loaded = checkpoints.load(directory)
        assert (0 if loaded is None else loaded.position.step) in (saved, saved + 1)
        assert loaded is None or is_whole(loaded)
        save_until(directory, saves)  # and the run can go on and save over whatever is left
        assert checkpoints.load(directory).position.step == saves
        assert sorted(path.name for path in directory.iterdir()) == [
            f"step-{step:08d}.{suffix}" for step in (saves - 1, saves) for suffix in ("json", "pt")
        ]
    assert died >= saves * 10 // every  # every save opens, writes, syncs, renames and syncs, twice


def test_only_the_newest_two_are_kept(tmp_path):
    save_until(tmp_path, 5)
    assert saved_marks(tmp_path) == [4, 5]
    assert len(list(tmp_path.glob("step-*.pt"))) == 2


def damages():
    """Ways to damage a checkpoint, by name: (state or mark, function of its bytes and a generator)."""

    def flip(data, rng):
        changed = bytearray(data)
        changed[rng.integers(len(data))] ^= 1 << rng.integers(8)
        return bytes(changed)

    def cut(data, rng):
        return data[: rng.integers(len(data))]

    def zero(data, rng):
        start = rng.integers(max(1, len(data) - 512))
        return data[:start] + bytes(min(512, len(data) - start)) + data[start + 512 :]

    def edit(data, rng):
        mark = json.loads(data)
        key = sorted(mark)[rng.integers(len(mark))]
        mark[key] = mark[key] + 1 if isinstance(mark[key], int) else mark[key][::-1]
        return json.dumps(mark).encode()

    return {
        "bit of the state": (".pt", flip),
        "bit of the mark": (".json", flip),
        "cut state": (".pt", cut),
        "cut mark": (".json", cut),
        "zeroed state": (".pt", zero),
        "empty state": (".pt", lambda data, rng: b""),
        "empty mark": (".json", lambda data, rng: b""),
        "edited mark": (".json", edit),
        "swapped": (".pt", None),
    }


def damage(directory, step, kind, rng):
    suffix, change = damages()[kind]
    path = directory / f"step-{step:08d}{suffix}"
    if change is None:
        other = directory / f"step-{step - 1:08d}{suffix}"
        mine, theirs = path.read_bytes(), other.read_bytes()
        path.write_bytes(theirs)
        other.write_bytes(mine)
        return
    before = path.read_bytes()
    path.write_bytes(change(before, rng))
    assert path.read_bytes() != before or kind == "zeroed state"


def corrupted(tmp_path, rounds, seed):
    """Damage the newest of two checkpoints in ``rounds`` random ways; return (caught, harmless, silent)."""
    rng = np.random.default_rng(seed)
    pristine = tmp_path / "pristine"
    pristine.mkdir()
    save_until(pristine, 2)
    originals = {path.name: path.read_bytes() for path in pristine.iterdir()}
    kinds, caught, harmless = list(damages()), 0, 0
    for i in range(rounds):
        directory = tmp_path / f"round{i}"
        directory.mkdir()
        for name, data in originals.items():
            (directory / name).write_bytes(data)
        kind = kinds[i % len(kinds)]
        damage(directory, 2, kind, rng)
        unchanged = all((directory / name).read_bytes() == data for name, data in originals.items())
        try:
            loaded = checkpoints.load(directory)
        except CheckpointError:
            assert kind == "swapped", kind  # both are bad then
            caught += 1
            continue
        assert is_whole(loaded), kind
        if unchanged or meaningless(directory, originals):
            harmless += 1
            continue
        assert loaded.position.step == 1, kind
        assert len(loaded.notes) == 1
        assert "damaged" in loaded.notes[0] or "schema" in loaded.notes[0]
        assert saved_marks(directory) == [1]  # the damaged one is gone
        caught += 1
    return caught, harmless


def meaningless(directory, originals):
    """Whether the mark still says the same, as after a flipped bit in white space or in the case of \\u00E4."""
    mark = directory / "step-00000002.json"
    try:
        same = json.loads(mark.read_bytes()) == json.loads(originals[mark.name])
    except (OSError, ValueError):
        return False
    return same and (directory / "step-00000002.pt").read_bytes() == originals["step-00000002.pt"]


def test_no_damage_is_loaded(tmp_path):
    caught, harmless = corrupted(tmp_path, 180, seed=0)
    assert caught + harmless == 180
    assert caught >= 170


@pytest.mark.battery
def test_no_damage_is_loaded_a_thousand_times(tmp_path, scoreboard):
    caught, harmless = corrupted(tmp_path, 1000, seed=1)
    known = caught + harmless
    scoreboard("F5", "damaged checkpoints", tried=1000, good=known, noticed=caught, **{"without meaning": harmless})
    assert caught + harmless == 1000


@pytest.mark.parametrize("kind", damages())
def test_where_all_are_damaged_nothing_starts_over_silently(tmp_path, kind):
    save_until(tmp_path, 2)
    rng = np.random.default_rng(3)
    for step in (2, 1) if kind != "swapped" else (2,):
        damage(tmp_path, step, kind, rng)
    if kind == "bit of the mark" and saved_marks_or_none(tmp_path):
        pytest.skip("the bit had no meaning")
    with pytest.raises(CheckpointError, match="delete") as error:
        checkpoints.load(tmp_path)
    assert error.value.exit_code == 4
    assert len(str(error.value).splitlines()) <= 4


def saved_marks_or_none(directory):
    try:
        return [unsealed(path)["step"] for path in directory.glob("step-*.json")]
    except CheckpointError:
        return None


def test_a_directory_without_a_finished_save_is_a_fresh_start(tmp_path):
    assert checkpoints.load(tmp_path) is None
    (tmp_path / "step-00000001.pt").write_bytes(b"half a save")
    (tmp_path / "step-00000001.pt.tmp.77-abcdef").write_bytes(b"less")
    sweep_fold(tmp_path, older_than_seconds=0)
    checkpoints.sweep_unfinished(tmp_path)
    assert checkpoints.load(tmp_path) is None
    assert not list(tmp_path.iterdir())


def test_a_newer_schema_is_named(tmp_path):
    save_until(tmp_path, 1)
    mark = tmp_path / "step-00000001.json"
    values = unsealed(mark)
    mark.write_bytes(sealed({**values, "schema": 99}))
    with pytest.raises(CheckpointError, match="schema 99, this version reads 1"):
        checkpoints.load(tmp_path)


class Payload:
    def __init__(self, canary):
        self.canary = canary

    def __reduce__(self):
        return (os.mkdir, (str(self.canary),))


def test_a_checkpoint_with_code_in_it_is_not_executed(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    checkpoints.save(tmp_path, Position(1, 1), {"weights": Payload(tmp_path / "canary")})
    with pytest.raises(CheckpointError, match="cannot be read"):
        checkpoints.load(tmp_path)
    assert not (tmp_path / "canary").exists()


def test_a_full_disk_is_noticed_before_the_old_checkpoint_is_touched(tmp_path, monkeypatch):
    save_until(tmp_path, 2)
    usage = os.statvfs(tmp_path)
    monkeypatch.setattr(files.shutil, "disk_usage", lambda path: type("U", (), {"free": 100, "total": usage.f_blocks}))
    with pytest.raises(StorageError, match=r"disk full \(need 0\.0 MiB, free 0 MiB\)"):
        checkpoints.save(tmp_path, Position(1, 3), state(3))
    assert checkpoints.load(tmp_path).position.step == 2
    assert not list(tmp_path.glob("*.tmp.*"))


def test_partial_files_of_a_shared_directory_are_swept_when_they_are_old(tmp_path):
    young, old = tmp_path / "cv.json.tmp.1-aaaaaa", tmp_path / "cv.json.tmp.2-bbbbbb"
    for path in (young, old):
        path.write_text("half")
    os.utime(old, (1, 1))
    sweep_run(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [young.name]


def test_a_sealed_record_is_only_read_as_it_was_written(tmp_path):
    path: Path = tmp_path / "DONE"
    write_bytes(path, sealed({"score": 0.5, "name": "真好", "none": None, "list": [1, 2.5]}))
    assert unsealed(path) == {"score": 0.5, "name": "真好", "none": None, "list": [1, 2.5]}
    path.write_bytes(path.read_bytes().replace(b"0.5", b"0.6"))
    with pytest.raises(CheckpointError, match="was changed after it was written"):
        unsealed(path)
