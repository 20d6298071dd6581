"""A tracker of the user's own is told everything, and one that raises loses neither the run nor its numbers."""

import hashlib
import sys

import pytest

OWN = """
told = []


class Noted:
    def __init__(self, directory, raises_at=""):
        self.directory, self.raises_at = directory, raises_at

    def told(self, what):
        told.append((what, self.directory.name))
        if what == self.raises_at:
            raise KeyError(what)

    def fold_started(self, fold, total_steps, steps_before):
        self.told("fold_started")

    def step(self, step, loss, lr):
        self.told("step")

    def epoch(self, record):
        self.told("epoch")

    def fold_finished(self, result, target_V, classes, task):
        self.told("fold_finished")

    def finished(self, result, hparams):
        self.told("finished")


class Deaf:
    def fold_started(self, fold, total_steps, steps_before):
        pass


def deaf():
    return Deaf()
"""
QUICK = (
    "data=iris",
    "max_epochs=2",
    "cv.n_splits=2",
    "cv.parallel=1",
    "profile=off",
    "preflight=off",
    "audit=off",
    "baseline=off",
)
MINE = ("plugins=[noting_package]", "tracker=none")


@pytest.fixture(autouse=True)
def package(tmp_path, monkeypatch):
    (tmp_path / "noting_package.py").write_text(OWN)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    sys.modules.pop("noting_package", None)


def test_a_tracker_that_raises_is_told_no_more_and_the_numbers_are_the_same(train, tmp_path):
    assert train(*QUICK, "tracker=none", "run=without").code == 0
    mine = (*QUICK, *MINE, "cv.stack=off", "tracker.mine._target_=noting_package.Noted", "tracker.mine.raises_at=epoch")
    outcome = train(*mine, "tracker.other._target_=noting_package.Noted", "run=with")
    assert outcome.code == 0, outcome.err
    (warning,) = [line for line in outcome.out.splitlines() if line.startswith("warning: ")]
    assert warning.startswith("warning: tracker.mine is told no more, it raised KeyError: 'epoch' (")
    assert "noting_package.py:" in warning
    bytes_of = {name: (tmp_path / f"runs/{name}/oof.parquet").read_bytes() for name in ("with", "without")}
    assert len({hashlib.sha256(content).hexdigest() for content in bytes_of.values()}) == 1
    calls = [what for what, directory in sys.modules["noting_package"].told if directory == "with"]
    assert {what: calls.count(what) for what in ("fold_started", "epoch", "fold_finished", "finished")} == {
        "fold_started": 3,
        "epoch": 5,
        "fold_finished": 2,
        "finished": 2,
    }


@pytest.mark.parametrize("target", ["Deaf", "deaf"])
def test_what_lacks_a_method_is_refused_before_training(train, tmp_path, target):
    outcome = train(*QUICK, *MINE, f"tracker.mine._target_=noting_package.{target}")
    assert outcome.code == 2
    assert f"noting_package.{target} has no step, epoch, fold_finished, finished" in outcome.err
    assert not list(tmp_path.glob("runs/*/fold_*"))


def test_several_trackers_by_name(train, tmp_path):
    own = tmp_path / "own" / "tracker"
    own.mkdir(parents=True)
    (own / "mine.yaml").write_text("# mine\nmine:\n  _target_: noting_package.Noted\n")
    own_conf = ("--config-dir", str(own.parent))
    outcome = train(*own_conf, *QUICK, "plugins=[noting_package]", "tracker=[tensorboard,mine]", "run=r")
    assert outcome.code == 0, outcome.err
    assert list((tmp_path / "runs/r").rglob("events.*"))
    assert ("finished", "r") in sys.modules["noting_package"].told


def test_the_former_name_of_the_choice_is_understood_and_the_last_one_counts(train, tmp_path):
    assert train(*QUICK, "tracker=none", "tracker.name=tensorboard", "tracker.name=none", "run=r").code == 0
    assert not list((tmp_path / "runs/r").rglob("events.*"))
