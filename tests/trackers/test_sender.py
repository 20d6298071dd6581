"""What is sent to a tracker: once, in order, without secrets, and counted where it cannot be."""

import json
import math
import queue

import pytest

from tests.trackers.sinks import Kept
from trainer.trackers import sender
from trainer.trackers.mlflow import clean

SINK = "tests.trackers.sinks:Kept"


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    monkeypatch.setattr(Kept, "sent", [])
    monkeypatch.setattr(Kept, "fails", 0)
    monkeypatch.setattr(sender, "FIRST_WAIT_SECONDS", 0.0)


def values(step, fold="0", of="epoch"):
    return {"kind": "values", "fold": fold, "of": of, "step": step, "values": {"loss": 1.0 / step}}


def delivered(directory, *messages):
    waiting = queue.Queue()
    for message in (*messages, None):
        waiting.put(message)
    return sender.deliver({"sink": SINK, "directory": str(directory), "options": {}}, waiting)


def test_a_fold_that_goes_on_sends_no_step_twice(tmp_path):
    assert delivered(tmp_path, values(1), values(2), values(2, of="step"))["sent"] == 3
    again = delivered(tmp_path, values(2), values(3), values(2, fold="1"), values(3, of="step"))
    assert (again["lost"], again["why"]) == (0, "")
    told = [(one["fold"], one["of"], one["step"]) for one in Kept.sent if one != "closed"]
    assert told[:3] == [("0", "epoch", 1), ("0", "epoch", 2), ("0", "step", 2)]
    assert told[3:] == [("0", "epoch", 3), ("1", "epoch", 2), ("0", "step", 3)]
    assert sender.tracked(tmp_path, "sinks")["steps"] == {"0/epoch": 3, "0/step": 3, "1/epoch": 2}
    assert not sender.tracked(tmp_path, "sinks")["finished"]


def test_a_server_that_is_away_for_a_moment_is_asked_again_and_one_that_stays_away_is_told(tmp_path):
    Kept.fails = sender.TRIES - 1
    assert delivered(tmp_path, values(1)) == {"sent": 1, "lost": 0, "why": ""}
    Kept.fails = 10 * sender.TRIES
    outcome = delivered(tmp_path, values(2), values(3))
    assert outcome == {"sent": 0, "lost": 2, "why": "ConnectionError: the server is away"}
    assert sender.tracked(tmp_path, "sinks")["steps"] == {"0/epoch": 1}


def test_damaged_ids_begin_again(tmp_path):
    (tmp_path / "tracker-sinks.json").write_text("[1")
    assert sender.tracked(tmp_path, "sinks") == {}
    assert delivered(tmp_path, values(1))["sent"] == 1


def test_settings_are_flat_and_without_secrets(tmp_path, monkeypatch):
    monkeypatch.setenv("MY_API_KEY", "abcdefgh12345")
    config = {
        "seed": 42,
        "model": {"hidden": [8]},
        "data": {"token": "x", "path": "s3://me:hunter22@host/abcdefgh12345"},
        "tracker": {"mlflow": {"uri": "u"}},
    }
    (tmp_path / "config.yaml").write_text(json.dumps(config))
    assert sender.settings(tmp_path) == {
        "seed": "42",
        "model.hidden": "[8]",
        "data.token": "***",
        "data.path": "s3://***@host/***",
    }


def test_only_numbers_are_sent_under_names_that_are_taken():
    assert sender.defined({"a": 1, "b": math.nan, "c": math.inf, "d": None}) == {"a": 1.0}
    assert clean("held_out/recall_at_specificity@0.9 (↑)") == "held_out/recall_at_specificity_at_0.9 ___"
