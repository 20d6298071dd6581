"""Trials that memory does not hold: failed, or tried again with half the batch, and never begun for ever."""

import csv
import json
import signal

import pytest
import torch

from tests.search.test_search import Killed
from tests.search.test_search import searched as search_of
from trainer.errors import Interrupted, NonFiniteError
from trainer.models.mlp import MLP
from trainer.search import trial as trials
from trainer.search.memory import MOST_BEGUN, is_of_memory

pytest.importorskip("optuna")

SPACE = "search.space={model.hidden: [[4],[6]]}"


def searched(place, *options, name="grid"):
    return search_of(place, "search.prune=off", *options, space=SPACE, name=name)


def trials_of(place):
    rows = list(csv.DictReader((place / "s/search.csv").read_text().splitlines()))
    return sorted(rows, key=lambda row: int(row["trial"]))


def too_large(n_rows, forward=MLP.forward):
    """Return a forward pass that asks for a petabyte where a batch has more rows."""

    def wants_memory(self, **inputs):
        if self.training and len(inputs["numeric"]) > n_rows:
            torch.empty(1 << 50, dtype=torch.uint8)
        return forward(self, **inputs)

    return wants_memory


def test_what_torch_says_of_too_little_memory_is_known():
    with pytest.raises(RuntimeError) as refused:
        torch.empty(1 << 50, dtype=torch.uint8)
    outer = ValueError("of the model")
    outer.__cause__ = torch.OutOfMemoryError("CUDA out of memory")
    assert is_of_memory(refused.value)
    assert is_of_memory(outer)
    assert not is_of_memory(ValueError("no"))


def test_a_trial_out_of_memory_is_a_failed_one(tmp_path, monkeypatch):
    monkeypatch.setattr(MLP, "forward", too_large(8))
    with pytest.raises(NonFiniteError, match=r"out of memory: .*; batch_size=16"):
        searched(tmp_path, "batch_size=16")
    assert [row["state"] for row in trials_of(tmp_path)] == ["failed", "failed"]


@pytest.mark.parametrize("name", ["grid", "random"])
def test_where_asked_it_is_tried_again_with_half_the_batch_and_the_same_rows_per_step(tmp_path, monkeypatch, name):
    monkeypatch.setattr(MLP, "forward", too_large(8))
    searched(tmp_path, "batch_size=32", "search.halve_batch=2", "search.trials=2", "search.final=refit", name=name)
    rows = trials_of(tmp_path)
    assert [row["state"] for row in rows] == ["failed", "failed", "complete"] * 2
    assert rows[0]["why"].endswith("tried again with batch_size=16 and twice the steps per update")
    assert len({row["model.hidden"] for row in rows[:3]}) == 1
    assert name == "random" or {row["model.hidden"] for row in rows} == {"[4]", "[6]"}
    for trial in ("0002", "0005"):
        manifest = json.loads((tmp_path / f"s/trials/{trial}/manifest.json").read_text())
        settings = manifest["identity"]["config"]
        assert (settings["batch_size"], settings["fit.accumulate_steps"]) == (8, 4)
        assert "batch_size=8" in manifest["command"]
    assert list((tmp_path / "s/trials").glob("*/fold_all/DONE"))
    searched(tmp_path, "batch_size=32", "search.halve_batch=2", "search.trials=2", name=name)
    assert trials_of(tmp_path) == rows


def test_a_process_that_ends_at_one_place_again_and_again_fails_the_trial(tmp_path, monkeypatch):
    whole = trials.train_fold

    def dies(*arguments, **options):
        raise Killed

    for _ in range(MOST_BEGUN):
        monkeypatch.setattr(trials, "train_fold", dies)
        with pytest.raises(Killed):
            searched(tmp_path)
    monkeypatch.setattr(trials, "train_fold", whole)
    searched(tmp_path)
    first, second = trials_of(tmp_path)
    assert (first["state"], second["state"]) == ("failed", "complete")
    assert first["why"].startswith(f"its process ended {MOST_BEGUN} times at one place without a word")


def test_a_trial_that_a_signal_ended_may_be_begun_as_often_as_one_likes(tmp_path, monkeypatch):
    whole = trials.train_fold

    def stopped(*arguments, **options):
        raise Interrupted(signal.SIGTERM)

    for _ in range(MOST_BEGUN + 1):
        monkeypatch.setattr(trials, "train_fold", stopped)
        with pytest.raises(Interrupted):
            searched(tmp_path)
    monkeypatch.setattr(trials, "train_fold", whole)
    searched(tmp_path)
    assert [row["state"] for row in trials_of(tmp_path)] == ["complete", "complete"]
