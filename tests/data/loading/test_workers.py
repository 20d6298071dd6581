import os
import signal
import subprocess
import sys
import time
from itertools import product
from multiprocessing import active_children
from pathlib import Path

import pytest
import torch

from tests.battery import some_of
from tests.data.loading.streamed_cases import (
    KEY,
    N_ROWS,
    Drawers,
    NamedDrawers,
    batches_of,
    children,
    note_others,
    open_files,
)
from tests.places import REPOSITORY
from trainer.data.loading.batches import TrainingSet
from trainer.data.loading.streamed import StreamedRows
from trainer.errors import DataError, Interrupted

TIMEOUT_SECONDS = 0.6


def setup_function():
    note_others()


def failure(fault, num_workers, at_batch=5):
    """Return a fault's message, its row and how long it took from the first batch asked for."""
    order = batches_of()
    row = int(order[at_batch][3])
    rows = StreamedRows(NamedDrawers(fault, row), num_workers=num_workers, timeout_seconds=TIMEOUT_SECONDS)
    started = time.monotonic()
    with pytest.raises(DataError) as caught:
        list(rows.stream(order, KEY))
    seconds = time.monotonic() - started
    return str(caught.value).splitlines(), f"row {row + 1} (id 'photo-{row}.jpg')", seconds


SAID = {
    "raise": " cannot be read: OSError: broken stream",
    "kill": ": the loader process that read it was ended by SIGKILL",
    "exit": ": the loader process that read it ended with exit code 3",
    "hang": ": not read within 0.6 seconds",
    "stop": ": not read within 0.6 seconds",
}


@pytest.fixture(scope="module")
def _has_shared_a_tensor():
    """The first tensor ever shared leaves files open."""
    note_others()
    failure("raise", 2)


@pytest.mark.usefixtures("_has_shared_a_tensor")
@pytest.mark.parametrize(
    ("fault", "num_workers"), some_of(product(SAID, (2, 4)), {*product(SAID, (2,)), ("kill", 4), ("hang", 4)})
)
def test_a_worker_that_raises_dies_or_hangs_ends_the_pass_and_names_the_row(fault, num_workers):
    files = open_files()
    lines, row, seconds = failure(fault, num_workers)
    assert lines[0] == row + SAID[fault]
    assert len(lines) <= 5
    assert seconds < TIMEOUT_SECONDS + 5
    assert not children()
    assert open_files() <= files


def test_a_full_shared_memory_is_called_that(capfd):
    lines, row, _ = failure("bus", 2)
    assert lines[0] == f"{row}: the loader process that read it was ended by SIGBUS"
    assert "/dev/shm" in lines[1]


def test_the_timeout_counts_from_when_a_batch_is_waited_for():
    """Rows that are slow, and a main process that is slower, are no hang."""
    rows = StreamedRows(Drawers(read_seconds=0.03), num_workers=2, timeout_seconds=0.8)
    for number, _ in enumerate(rows.stream(batches_of(8, 96), KEY)):  # 12 batches, each read in 0.24 s
        time.sleep(1.0 if number == 0 else 0.0)
    with pytest.raises(DataError, match="not read within"):
        list(rows.stream(batches_of(64, 64), KEY))  # one batch, read in 1.9 s


def test_a_worker_killed_from_outside_is_no_surprise_elsewhere():
    """The death is told where the next batch is asked for, not in the middle of whatever runs."""
    stream = StreamedRows(Drawers(), num_workers=2).stream(batches_of(), KEY)
    next(stream)
    os.kill(min(children()), signal.SIGKILL)
    time.sleep(0.4)
    with pytest.raises(DataError, match="was ended by SIGKILL"):
        list(stream)
    assert not children()


def test_the_answer_to_a_childs_death_is_put_back():
    def note(number, frame):
        """Stands for torch's own, which raises."""

    before = signal.signal(signal.SIGCHLD, note)
    try:
        stream = StreamedRows(Drawers(), num_workers=2).stream(batches_of(), KEY)
        next(stream)
        assert signal.getsignal(signal.SIGCHLD) == signal.SIG_DFL
        stream.close()
        assert signal.getsignal(signal.SIGCHLD) is note
    finally:
        signal.signal(signal.SIGCHLD, before)


def test_workers_leave_signals_to_the_main_process():
    order = batches_of()
    rows = StreamedRows(Drawers(), num_workers=2)
    stream = rows.stream(order, KEY)
    found = [next(stream)["numeric"] for _ in range(2)]  # one of each: both have begun
    for pid in children():
        os.kill(pid, signal.SIGINT)
        os.kill(pid, signal.SIGUSR1)
        ignored = int(Path(f"/proc/{pid}/status").read_text().partition("SigIgn:")[2].split()[0], 16)
        caught = int(Path(f"/proc/{pid}/status").read_text().partition("SigCgt:")[2].split()[0], 16)
        blocked = int(Path(f"/proc/{pid}/status").read_text().partition("SigBlk:")[2].split()[0], 16)
        assert ignored & 1 << signal.SIGINT - 1
        assert not (ignored | caught) & 1 << signal.SIGTERM - 1
        assert not blocked
    found += [batch["numeric"] for batch in stream]
    expected = [batch["numeric"] for batch in StreamedRows(Drawers()).stream(order, KEY)]
    assert all(map(torch.equal, found, expected))
    assert not children()


def test_workers_use_one_thread_each():
    class Threads(Drawers):
        def read(self, row, random):
            return {"threads": torch.tensor(torch.get_num_threads())}

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        batches = list(StreamedRows(Threads(), num_workers=2).stream(batches_of(), KEY))
    finally:
        torch.set_num_threads(before)
    assert {int(threads) for batch in batches for threads in batch["threads"]} == {1}


@pytest.mark.parametrize("read_seconds", [0.0, 0.05])
def test_nothing_is_left_after_a_pass_that_is_broken_off(read_seconds):
    data = TrainingSet(
        StreamedRows(Drawers(read_seconds=read_seconds), num_workers=2), torch.zeros(N_ROWS), torch.ones(N_ROWS)
    )
    batches = data.batches(batches_of(), KEY)
    next(batches)
    assert len(children()) == 2
    batches.close()
    assert not children()
    for _ in data.batches(batches_of(), KEY):
        assert len(children()) == 2
        break
    assert not children()


def test_passes_leave_no_open_files_or_processes():
    rows = StreamedRows(Drawers(), num_workers=2)
    list(rows.stream(batches_of(n_rows=64), KEY))
    files = open_files()
    for epoch in range(8):
        list(rows.stream(batches_of(n_rows=64), (7, 0, 0, epoch)))
    assert open_files() == files
    assert not active_children()


def test_a_signal_while_a_batch_is_waited_for_gets_through():
    def stop(number, frame):
        raise Interrupted(number)

    before = signal.signal(signal.SIGALRM, stop)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.5)
        started = time.monotonic()
        with pytest.raises(Interrupted):
            list(StreamedRows(Drawers("hang", 3), num_workers=2).stream(batches_of(), KEY))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert time.monotonic() - started < 2
    assert not children()


ORPHANS = """
import os, signal, sys
sys.path.insert(0, {root!r})
from tests.data.loading.streamed_cases import KEY, Drawers, batches_of, children
from trainer.data.loading.streamed import StreamedRows

for number, batch in enumerate(StreamedRows(Drawers("hang", {row}), num_workers=2).stream(batches_of(), KEY)):
    if number == 1:
        print(*children(), flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_workers_do_not_outlive_a_killed_main_process():
    script = ORPHANS.format(root=str(REPOSITORY), row=int(batches_of()[3][0]))
    # the workers hold the pipe too: the output ends when they have ended
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.returncode == -signal.SIGKILL, done.stderr
    pids = done.stdout.split()
    assert len(pids) == 2
    until = time.monotonic() + 10
    while any("State:\tZ" not in _status(pid) for pid in pids) and time.monotonic() < until:
        time.sleep(0.01)  # the files of a process are closed a moment before it is gone
    assert all("State:\tZ" in _status(pid) for pid in pids)


FORGOTTEN = """
import sys
sys.path.insert(0, {root!r})
from tests.data.loading.streamed_cases import KEY, Drawers, batches_of
from trainer.data.loading.streamed import StreamedRows

stream = StreamedRows(Drawers(), num_workers=2).stream(batches_of(), KEY)
next(stream)
"""


def test_a_pass_that_nobody_closed_does_not_keep_the_process():
    script = FORGOTTEN.format(root=str(REPOSITORY))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def _status(pid):
    try:
        return Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return "State:\tZ"
