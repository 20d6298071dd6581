import os
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from itertools import product

import pytest
import torch

from tests.battery import some_of
from tests.executors.parallel_cases import Noted, begun_anew, children, is_running, side_by_side, unable_to_begin
from tests.places import REPOSITORY
from trainer.errors import (
    CheckpointError,
    ConfigError,
    DataError,
    FoldwiseError,
    Interrupted,
    NonFiniteError,
    UnexpectedError,
)
from trainer.executors import pool
from trainer.executors.messages import FoldsFailed
from trainer.executors.pool import train_side_by_side
from trainer.run.steps.threads import same_threads
from trainer.system import interrupts


def computed(size=400):
    """Compute what OpenMP's threads take part in, forward and backward."""
    torch.manual_seed(0)
    values = torch.randn(size, size, requires_grad=True)
    (values @ values).relu().exp().clamp(max=1e3).sum().backward()
    return values.grad


def test_what_folds_say_and_tell_arrives_and_every_fold_is_trained_once(tmp_path):
    def train(fold, observers, print_line):
        print_line(f"fold {fold} says")
        observers[0].fold_started(fold, 10, 3)
        observers[1].step(fold, 0.5, 0.1)
        with (tmp_path / str(fold)).open("a") as file:
            file.write(str(os.getpid()))

    said, shown, progress_on = side_by_side(train)
    assert sorted(said) == [f"fold {fold} says" for fold in range(5)]
    assert sorted(shown) == [("fold_started", fold, 10, 3) for fold in range(5)]
    assert sorted(progress_on) == [("step", fold, 0.5, 0.1) for fold in range(5)]
    pids = {(tmp_path / str(fold)).read_text() for fold in range(5)}
    assert 1 <= len(pids) <= 2
    assert str(os.getpid()) not in pids
    assert children() == []


def test_two_folds_are_trained_at_the_same_time(tmp_path):
    def train(fold, observers, print_line):
        (tmp_path / str(fold)).touch()
        until = time.monotonic() + 20
        while not (tmp_path / str(1 - fold)).exists():
            assert time.monotonic() < until, "alone"
            time.sleep(0.01)

    side_by_side(train, range(2))


@pytest.mark.parametrize(("threads", "times"), some_of(product([1, 2], [3, 20]), {(1, 3), (2, 3)}))
def test_repeated_forks_never_hang_though_this_process_has_computed_with_threads(threads, times):
    with same_threads():
        torch.set_num_threads(2)
        computed()
        torch.set_num_threads(threads)
        expected = computed()

        def train(fold, observers, print_line):
            assert torch.get_num_threads() == threads
            assert torch.equal(computed(), expected)

        with no_hang(60):
            for _ in range(times):
                side_by_side(train, range(3))
    assert children() == []


class no_hang:
    """Kills the processes that are still there after some seconds, so that a hang becomes a failure."""

    def __init__(self, seconds):
        self.timer = threading.Timer(seconds, self.end)

    def end(self):
        for child in children():
            os.kill(child, signal.SIGKILL)

    def __enter__(self):
        self.timer.start()

    def __exit__(self, *_):
        self.timer.cancel()


def test_a_fold_that_fails_is_named_and_the_others_are_trained(tmp_path):
    def train(fold, observers, print_line):
        if fold == 1:
            raise NonFiniteError("the training loss is nan\ntry this")
        (tmp_path / str(fold)).touch()

    with pytest.raises(NonFiniteError) as raised:
        side_by_side(train)
    assert str(raised.value) == "fold 1: the training loss is nan\ntry this"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0", "2", "3", "4"]


def test_a_killed_process_is_an_error_in_words_and_the_others_go_on(tmp_path):
    def train(fold, observers, print_line):
        if fold == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        (tmp_path / str(fold)).touch()

    with pytest.raises(FoldwiseError) as raised:
        side_by_side(train)
    message = str(raised.value)
    assert message.startswith("fold 2: its process was ended by SIGKILL\n")
    assert "cv.parallel" in message
    assert "run=a1" in message
    assert len(message.splitlines()) <= 5
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0", "1", "3", "4"]
    assert children() == []


def test_where_every_process_is_killed_another_trains_what_is_left(tmp_path):
    def train(fold, observers, print_line):
        (tmp_path / str(fold)).touch()
        while not (tmp_path / "1").exists():
            time.sleep(0.01)
        if fold in (0, 1, 4):
            os.kill(os.getpid(), signal.SIGKILL)
        print_line(f"fold {fold} says")

    said = []
    with pytest.raises(FoldwiseError, match=r"^fold 0: its process was ended by SIGKILL(\n.*)*fold 1, 4$"):
        side_by_side(train, print_line=said.append)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0", "1", "2", "3", "4"]
    assert [line for line in said if line.endswith("says")] == ["fold 2 says", "fold 3 says"]
    deaths = [line for line in said if "SIGKILL" in line]
    assert [line.endswith("(the other folds go on)") for line in deaths] == [True, True, False]
    assert children() == []


def test_a_process_that_dies_is_missed_though_one_that_it_started_holds_its_pipe(tmp_path):
    def train(fold, observers, print_line):
        if fold == 1:
            left = os.fork()
            if left == 0:
                time.sleep(30)
                os._exit(0)
            (tmp_path / "left").write_text(str(left))
            os.kill(os.getpid(), signal.SIGKILL)

    started = time.monotonic()
    try:
        with pytest.raises(FoldwiseError, match="fold 1: its process was ended by SIGKILL"):
            side_by_side(train)
    finally:
        os.kill(int((tmp_path / "left").read_text()), signal.SIGKILL)
    assert time.monotonic() - started < 20


def test_a_thread_of_the_models_does_not_keep_the_run_from_ending():
    def train(fold, observers, print_line):
        threading.Thread(target=time.sleep, args=(60,)).start()

    started = time.monotonic()
    side_by_side(train)
    assert time.monotonic() - started < 30
    assert children() == []


def test_a_terminal_that_is_gone_ends_the_run_and_its_processes():
    def gone(line):
        raise OSError(5, "Input/output error")

    with pytest.raises(OSError, match="Input/output"), no_hang(30):
        side_by_side(lambda fold, observers, print_line: print_line("words"), print_line=gone)
    assert children() == []


def test_a_fold_that_waits_for_ever_is_named_and_the_rest_is_not_begun(tmp_path):
    def train(fold, observers, print_line):
        (tmp_path / str(fold)).touch()
        if fold == 1:
            threading.Event().wait()  # nobody sets it: the thread that would is in another process
        while not (tmp_path / "1").exists():
            time.sleep(0.01)
        until = time.monotonic() + 2  # computes for longer than is waited for a process that does nothing
        while time.monotonic() < until:
            computed(50)

    started = time.monotonic()
    with pytest.raises(UnexpectedError, match=r"fold 1: its process has said and computed nothing for 1 seconds"):
        side_by_side(train, range(4), stall_seconds=1.0)
    assert time.monotonic() - started < 20
    assert {path.name for path in tmp_path.iterdir()} <= {"0", "1", "2"}
    assert children() == []


def test_sigterm_ends_a_run_whose_folds_do_not_answer(monkeypatch):
    monkeypatch.setattr(interrupts, "END_SECONDS", 0.5)

    def train(fold, observers, print_line):
        print_line("stuck")
        with interrupts.deferred():
            threading.Event().wait()

    def stuck(line):
        os.kill(os.getpid(), signal.SIGTERM)

    with no_hang(30), pytest.raises(Interrupted) as stopped:
        side_by_side(train, [0], print_line=stuck)
    assert stopped.value.exit_code == 143
    assert children() == []


def test_what_cannot_be_sent_to_a_new_process_is_an_error():
    with pytest.raises(ConfigError, match=r"cv.parallel=2: the processes cannot be started"):
        side_by_side(None, in_new_process=lambda: None)


@pytest.mark.battery  # three fresh processes; test_pool_runs trains in two
def test_processes_that_are_not_forked_say_tell_and_die_alike(tmp_path):
    with same_threads():
        torch.set_num_threads(2)
        with pytest.raises(FoldwiseError, match="fold 2: its process was ended by SIGKILL"):
            side_by_side(None, in_new_process=partial(begun_anew, tmp_path))
    written = {path.name: path.read_text().split() for path in tmp_path.iterdir()}
    assert sorted(written) == ["0", "1", "3", "4"]
    assert {threads for _, threads in written.values()} == {"2"}
    assert not any(is_running(int(pid)) for pid, _ in written.values())
    with pytest.raises(DataError, match=r"^fold 0: not the same data\n.*fold 1"):
        side_by_side(None, range(2), in_new_process=unable_to_begin)


def test_several_failures_are_one_message_of_five_lines():
    class OddError(CheckpointError):
        def __init__(self, one, two):
            super().__init__(f"{one} {two}")

    def train(fold, observers, print_line):
        raise OddError("a\nb\nc\nd\ne", "f") if fold else ValueError("odd")

    with pytest.raises(FoldwiseError) as raised:
        side_by_side(train, range(3))
    lines = str(raised.value).splitlines()
    assert lines[0].startswith("fold 0: ValueError: odd (")
    assert lines[-1] == "not trained either: fold 1, 2"
    assert len(lines) <= 5
    assert "Traceback" in raised.value.__notes__[0]
    with pytest.raises(CheckpointError, match=r"^fold 1: a\n"):
        side_by_side(train, range(1, 3))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
def test_a_signal_reaches_the_folds_and_ends_the_run_as_that_signal(tmp_path, number, capfd):
    def train(fold, observers, print_line):
        with interrupts.deferred():
            (tmp_path / f"{fold} began").touch()
            try:
                while True:
                    interrupts.check()
                    time.sleep(0.01)
            except Interrupted:
                (tmp_path / f"{fold} saved").touch()
                raise

    def send():
        while len(list(tmp_path.glob("* began"))) < 2:
            time.sleep(0.01)
        for pid in [*children(), os.getpid()]:  # as a terminal or a job does
            os.kill(pid, number)

    said, sender = [], threading.Thread(target=send)
    sender.start()
    with pytest.raises(Interrupted) as stop:
        side_by_side(train, print_line=said.append)
    assert said == []  # no fold has failed
    sender.join()
    assert stop.value.exit_code == 128 + number
    assert sorted(path.name for path in tmp_path.glob("* saved")) == ["0 saved", "1 saved"]
    assert len(list(tmp_path.glob("* began"))) == 2
    assert children() == []
    assert "finishing the step and saving" in capfd.readouterr().err


@pytest.mark.parametrize("goes", [True, False], ids=["gone", "done"])
def test_no_fold_is_begun_after_a_signal_has_come(goes, monkeypatch):
    handed, hand_out = [], pool._Team._hand_out

    def train(fold, observers, print_line):
        if goes:
            os._exit(1)

    def late(running, news=pool._news):
        for worker in running:
            worker.process.join() if goes else worker.pipe.poll(None)
        os.kill(os.getpid(), signal.SIGTERM)  # it has been looked for a moment ago
        yield from news(running)

    def noted(team, worker):
        hand_out(team, worker)
        handed.extend([] if worker.work is None else [worker.work])

    monkeypatch.setattr(pool, "_news", late)
    monkeypatch.setattr(pool._Team, "_hand_out", noted)
    with pytest.raises(Interrupted):
        side_by_side(train)
    assert handed == [0, 1]


def test_an_observer_that_fails_ends_the_processes(tmp_path):
    def train(fold, observers, print_line):
        observers[0].epoch(None)
        time.sleep(60)

    with pytest.raises(AttributeError):  # what is told is no longer listened to
        side_by_side(train)
    assert children() == []


class Slow:
    """A tracker that draws until all folds are trained."""

    def __init__(self, directory, n_folds):
        self.directory, self.n_folds, self.steps = directory, n_folds, []

    def step(self, step, loss, lr):
        until = time.monotonic() + 20
        while len(list(self.directory.iterdir())) < self.n_folds:
            assert time.monotonic() < until, "a fold waits for its tracker"
            time.sleep(0.01)
        self.steps.append(step)


def test_no_fold_waits_for_a_tracker_and_every_tracker_is_told_in_the_end(tmp_path):
    def train(fold, observers, print_line):
        observers[1].step(fold, 0.5, 0.1)
        (tmp_path / str(fold)).touch()

    tracker = Slow(tmp_path, 5)
    side_by_side(train, tracker=tracker)
    assert sorted(tracker.steps) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("fails_at", [0, 4])
def test_a_tracker_that_fails_ends_the_run_and_its_processes(fails_at):
    class Full:
        def step(self, step, loss, lr):
            if step == fails_at:
                raise CheckpointError("no space left on device")

    def train(fold, observers, print_line):
        observers[1].step(fold, 0.5, 0.1)
        if fold == fails_at == 0:
            time.sleep(60)

    with pytest.raises(CheckpointError, match="no space left"), no_hang(30):
        side_by_side(train, tracker=Full())
    assert children() == []


def test_processes_that_cannot_be_started_are_an_error_with_the_option(monkeypatch):
    def refuse():
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(os, "fork", refuse)
    with pytest.raises(ConfigError, match=r"cv.parallel=2: the processes cannot be started: .*unavailable"):
        side_by_side(lambda *_: None)


@pytest.mark.parametrize("end", some_of(["SIGKILL", "two SIGTERM"], ["two SIGTERM"]))
def test_no_process_outlives_its_parent(tmp_path, end):
    code = (
        "import sys, time; sys.path.insert(0, sys.argv[1]); from pathlib import Path\n"
        "from tests.executors.parallel_cases import *\n"
        "def train(fold, observers, say):\n"
        "    with interrupts.deferred():\n"
        "        (Path(sys.argv[2]) / str(fold)).touch(); time.sleep(60)\n"
        "side_by_side(train)"
    )
    process = subprocess.Popen([sys.executable, "-c", code, REPOSITORY, tmp_path], stderr=subprocess.DEVNULL)
    while len(list(tmp_path.iterdir())) < 2:
        assert process.poll() is None
        time.sleep(0.02)
    begun = children(process.pid)
    assert len(begun) == 2
    for number in [signal.SIGKILL] if end == "SIGKILL" else [signal.SIGTERM, signal.SIGTERM]:
        process.send_signal(number)
        time.sleep(0.2 + interrupts.SAME_SECONDS)
    assert process.wait(10) == (-9 if end == "SIGKILL" else 143)
    until = time.monotonic() + 5
    while any(map(is_running, begun)) and time.monotonic() < until:
        time.sleep(0.02)
    assert not any(map(is_running, begun))


@pytest.mark.parametrize("trouble", ["hangs", "dies"])
def test_a_process_that_hangs_or_dies_before_it_begins_is_replaced(monkeypatch, trouble):
    from trainer.executors import processes

    begin, tried = processes._work, []

    def work(*arguments):
        if len(tried) == 1:
            os._exit(1) if trouble == "dies" else time.sleep(60)
        begin(*arguments)

    def fork(train):
        tried.append(train)
        return real_fork(train)

    real_fork = processes._fork
    monkeypatch.setattr(processes, "_work", work)
    monkeypatch.setattr(processes, "_fork", fork)
    monkeypatch.setattr(processes, "READY_SECONDS", 1.0 if trouble == "hangs" else 20.0)
    said, _, _ = side_by_side(lambda fold, observers, print_line: print_line(str(fold)))
    assert sorted(said) == [str(fold) for fold in range(5)]
    assert len(tried) == 3
    assert children() == []


def test_folds_that_are_trained_as_one_have_observers_of_their_own_and_fail_by_themselves():
    """Each fold of a stack has its lane; of the ones that failed the first is told, with the names of the others."""
    lanes = []

    def observed():
        lanes.append([])
        return [Noted(lanes[-1]), Noted([])]

    def train(work, observers, print_line):
        if not isinstance(work, tuple):
            observers[0].fold_started(work, 10, 0)
            return
        for lane, fold in enumerate(work):
            observers[0].beside(lane).fold_started(fold, 10, 0)
        raise FoldsFailed({fold: DataError(f"fold {fold}: no rows") for fold in work[1:]})

    said = []
    with interrupts.handled(), pytest.raises(DataError) as raised:
        train_side_by_side([(0, 1, 2), 3], train, 1, observed=observed, print_line=said.append, run="a1")
    told = [[fold for _, fold, *_ in lane] for lane in lanes]
    assert told == [[0, 3], [1], [2]]
    assert str(raised.value).splitlines() == ["fold 1: no rows", "not trained either: fold 2"]


def test_a_stack_whose_process_dies_is_named():
    def train(work, observers, print_line):
        os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(UnexpectedError, match=r"^folds 0, 1: its process was ended by SIGKILL"):
        side_by_side(train, [(0, 1)], n_workers=1)


def test_what_is_done_beside_the_last_folds_is_done_here_once_and_before_the_end(tmp_path):
    done = []

    def train(fold, observers, print_line):
        until = time.monotonic() + 20
        while fold == 2 and not (tmp_path / "idle").exists() and time.monotonic() < until:
            time.sleep(0.01)
        if fold == 2:
            print_line(f"seen: {(tmp_path / 'idle').exists()}")

    def when_idle():
        done.append(os.getpid())
        (tmp_path / "idle").touch()

    said, *_ = side_by_side(train, range(3), when_idle=when_idle)
    assert said == ["seen: True"]
    assert done == [os.getpid()]


def test_where_one_process_trains_nothing_is_done_beside_it():
    side_by_side(lambda *_: None, range(2), n_workers=1, when_idle=lambda: pytest.fail("no core was idle"))
