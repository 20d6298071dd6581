"""A tracker in a process of its own never makes training wait, and says what was lost."""

import subprocess
import threading
import time

import pytest

from tests.places import REPOSITORY
from trainer.trackers.courier import Courier


@pytest.fixture
def courier(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    said = []

    def make(sink, **options):
        options |= {"directory": tmp_path, "options": {}, "print_line": said.append}
        made = Courier(f"tests.trackers.sinks:{sink}", "t", **options)
        made.said = said
        return made

    return make


def test_what_finds_no_room_is_dropped_and_counted_without_waiting(courier, monkeypatch):
    go_on, begin = threading.Event(), subprocess.Popen

    def slow_to_start(*arguments, **named):
        go_on.wait(30)
        return begin(*arguments, **named)

    monkeypatch.setattr(subprocess, "Popen", slow_to_start)
    full, started = courier("Kept", most_waiting=10), time.perf_counter()
    for step in range(30):
        full.tell({"kind": "values", "fold": "0", "of": "step", "step": step, "values": {}})
    assert time.perf_counter() - started < 1
    go_on.set()
    full.close(60)
    assert full.report == {"sent": 10, "lost": 0, "why": ""}
    assert full.said == ["note: tracker.t: 20 messages were dropped, it was too slow"]


def test_why_nothing_could_be_sent_is_told_without_secrets(courier, monkeypatch):
    monkeypatch.setenv("MY_API_TOKEN", "tok-1234567")
    refused = courier("Refuses")
    refused.tell({"kind": "fold_started", "fold": "0"})
    refused.close(60)
    assert refused.said == [
        "note: tracker.t: 1 messages could not be sent: RuntimeError: no access to http://***@host/x with ***"
    ]


def test_the_end_of_a_run_waits_for_a_moment_only(courier):
    slow = courier("Sleeps")
    slow.tell({"kind": "fold_started", "fold": "0"})
    started = time.perf_counter()
    slow.close(0.3)
    assert time.perf_counter() - started < 1.5
    assert slow.said == ["note: tracker.t: is still sending, and goes on by itself for five minutes at most"]
    slow._thread.join(60)
    assert slow.report["sent"] == 1


def test_one_that_was_told_nothing_starts_no_process(courier):
    quiet = courier("Kept")
    quiet.close(0)
    assert (quiet.said, quiet._thread.is_alive()) == ([], False)
