"""A run that is asked to stop: the processes that train it save and end, wherever they run."""

import signal
import threading

from trainer.store.stop_request import ask_to_stop, obeyed


def signalled(run, before):
    """Ask in the middle of the block; return whether this process got SIGTERM."""
    came = threading.Event()
    kept = signal.signal(signal.SIGTERM, lambda *_: came.set())
    try:
        if before:
            ask_to_stop(run)
        with obeyed(run, look_seconds=0.01):
            if not before:
                ask_to_stop(run)
            return came.wait(5 if not before else 0.2)
    finally:
        signal.signal(signal.SIGTERM, kept)


def test_a_process_ends_when_it_is_asked_while_it_trains(tmp_path):
    assert signalled(tmp_path, before=False)
    assert signalled(tmp_path, before=False)  # a second time is another word


def test_a_word_of_before_is_none_to_a_process_that_begins_later(tmp_path):
    assert not signalled(tmp_path, before=True)


def test_a_link_in_place_of_the_word_is_not_followed(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "elsewhere").write_text("x")
    came = threading.Event()
    kept = signal.signal(signal.SIGTERM, lambda *_: came.set())
    try:
        with obeyed(tmp_path / "run", look_seconds=0.01):
            (tmp_path / "run/STOP").symlink_to(tmp_path / "elsewhere")
            assert not came.wait(0.2)
    finally:
        signal.signal(signal.SIGTERM, kept)
