import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress

import pytest

from tests.places import REPOSITORY
from trainer.errors import Interrupted, guarded
from trainer.system import interrupts


def send(number):
    os.kill(os.getpid(), number)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGUSR1, 138)])
def test_outside_of_training_a_signal_ends_the_run_at_once(number, code):
    def work():
        with interrupts.handled():
            send(number)
            raise AssertionError("went on")

    assert guarded(work) == code


def test_it_stays_noted_after_a_block_within_the_block():
    """Folds that are trained together end one after the other; the signal must not break into a step of the others."""
    steps = []
    with interrupts.handled(), pytest.raises(Interrupted), interrupts.deferred():  # noqa: PT012
        with interrupts.deferred():
            pass
        send(signal.SIGTERM)
        steps.append("rest of the step")
        interrupts.check()
    assert steps == ["rest of the step"]


def test_while_a_fold_trains_it_is_answered_where_nothing_is_lost(capfd):
    steps = []
    with interrupts.handled(), pytest.raises(Interrupted) as stop, interrupts.deferred():  # noqa: PT012
        send(signal.SIGTERM)
        steps.append("rest of the step")
        interrupts.check()
        steps.append("next step")
    assert steps == ["rest of the step"]
    assert stop.value.exit_code == 143
    assert "finishing the step and saving" in capfd.readouterr().err


def test_a_signal_while_the_last_files_are_written_is_answered_after_them():
    with interrupts.handled(), pytest.raises(Interrupted):  # noqa: PT012
        with interrupts.deferred():
            send(signal.SIGINT)
            written = True
        raise AssertionError("went on")
    assert written


@pytest.mark.parametrize(("seconds", "code"), [(interrupts.SAME_SECONDS + 0.1, 143), (0, 7)])
def test_a_second_signal_exits_at_once_and_the_same_one_twice_does_not(seconds, code):
    pid = os.fork()
    if pid == 0:
        with interrupts.handled(), interrupts.deferred():
            send(signal.SIGTERM)
            time.sleep(seconds)
            send(signal.SIGTERM)
            os._exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == code


def test_the_handlers_before_are_put_back_and_a_launchers_stays():
    mine = lambda number, frame: None  # noqa: E731
    before = signal.signal(signal.SIGUSR1, mine)
    try:
        with interrupts.handled():
            assert signal.getsignal(signal.SIGUSR1) is mine
            assert signal.getsignal(signal.SIGTERM) is interrupts._on_signal
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_a_signal_of_an_earlier_run_is_forgotten():
    with interrupts.handled(), pytest.raises(Interrupted):
        send(signal.SIGTERM)
    with interrupts.handled():
        interrupts.check()


def test_in_another_thread_signals_are_left_alone():
    found = []

    def work():
        with interrupts.handled():
            found.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [signal.SIG_DFL]


def test_a_signal_that_also_ended_the_loader_processes_is_answered_as_a_signal():
    from trainer.engine.fit import _same_signal
    from trainer.errors import DataError

    with interrupts.handled(), pytest.raises(Interrupted), interrupts.deferred(), _same_signal():  # noqa: PT012
        send(signal.SIGTERM)
        raise DataError("the loader process was ended by SIGTERM")
    with interrupts.handled(), interrupts.deferred(), pytest.raises(DataError), _same_signal():
        raise DataError("row 7 cannot be read")


STUCK = """
import ctypes, threading
from trainer.system import interrupts
interrupts.END_SECONDS = interrupts.LAST_SECONDS = 0.1
lock, mutex = ctypes.CDLL(None).pthread_mutex_lock, ctypes.create_string_buffer(64)  # no signal ends its wait
with interrupts.handled(), interrupts.deferred():
    print("ready", flush=True)
    {wait}
"""
WAYS = {
    "waits for a lock": "threading.Event().wait()",
    "in C code, where Python's handlers have no turn": "lock(mutex); lock(mutex)",
}


@pytest.mark.parametrize("way", WAYS)
def test_sigterm_ends_a_process_that_is_stuck(way):
    command = [sys.executable, "-c", STUCK.format(wait=WAYS[way])]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=REPOSITORY) as process:
        assert process.stdout.readline() == b"ready\n"
        process.terminate()
        assert process.wait(20) == 143
        assert b"did not end in time" in process.stderr.read()


def test_a_forked_process_says_nothing_of_its_signals_to_its_parent(monkeypatch):
    monkeypatch.setattr(interrupts, "END_SECONDS", 0.0)
    monkeypatch.setattr(interrupts, "LAST_SECONDS", 0.1)
    with interrupts.handled():
        pid = os.fork()
        if pid == 0:
            with suppress(Interrupted), interrupts.deferred():
                os.kill(os.getpid(), signal.SIGTERM)
            os._exit(0)
        assert os.waitpid(pid, 0)[1] == 0
        time.sleep(0.4)  # the parent would be gone by now
    assert "foldwise-signals" not in [thread.name for thread in threading.enumerate()]


KEPT = """
import sys, threading, time
from trainer.system.interrupts import end_soon
threading.Thread(target=time.sleep, args=(60,), name="sender of my_pkg").start()
print("done")
sys.exit(end_soon({code}, seconds=0.2, signal_seconds=0.1))
"""


@pytest.mark.parametrize(("code", "said"), [(0, "a plugin or library still live: sender of my_pkg"), (143, "")])
def test_a_thread_that_never_ends_keeps_no_process(code, said):
    command = [sys.executable, "-c", KEPT.format(code=code)]
    ended = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=30)
    assert (ended.returncode, ended.stdout) == (code, "done\n")
    assert said in ended.stderr
    assert bool(said) == bool(ended.stderr)


LEFT = """
import atexit, logging, os, sys, threading, time, weakref
from trainer.system.interrupts import end_soon
class Held:
    def __del__(self):
        os.write(1, b"taken apart")
held, kept = Held(), set()
weakref.finalize(kept, os.write, 1, b"finalized ")
atexit.register(os.write, 1, b"registered ")
threading.Thread(target=lambda: (time.sleep(0.3), os.write(1, b"thread "))).start()
{before}
print("printed ", end="")
code = end_soon({code})
{after}
sys.exit(code)
"""
HELPER = "from multiprocessing.util import Finalize; Finalize(None, os.write, (1, b'helper '), exitpriority=0)"


@pytest.mark.parametrize("code", [0, 4, 143])
@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("", "", "thread registered finalized printed "),
        (HELPER, "", "thread helper registered finalized printed "),
        ("", "atexit.register(os.write, 1, b'late ')", "thread late registered finalized printed taken apart"),
    ],
    ids=["as it is", "a library's own end", "something registered later"],
)
def test_what_is_to_be_done_at_the_end_is_done_and_nothing_is_taken_apart(code, before, after, said):
    command = [sys.executable, "-c", LEFT.format(code=code, before=before, after=after)]
    ended = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=30)
    assert (ended.returncode, ended.stderr) == (code, "")
    assert sorted(ended.stdout.split()) == sorted(said.split())


def test_whoever_runs_a_script_goes_on_after_it(tmp_path):
    script = f"import sys; sys.path.insert(0, {str(REPOSITORY)!r})\n" + LEFT.format(before="", after="", code=3)
    (tmp_path / "script.py").write_text(script)
    runner = "import runpy, sys\ntry: runpy.run_path('script.py', run_name='__main__')\nexcept SystemExit: sys.exit(5)"
    ended = subprocess.run([sys.executable, "-c", runner], cwd=tmp_path, capture_output=True, text=True, timeout=30)
    assert ended.returncode == 5, ended.stderr


def test_a_process_that_goes_on_is_left_alone():
    assert interrupts.end_soon(0, seconds=0.01) == 0
    time.sleep(0.1)
