import multiprocessing
import sys
import threading

import pytest
import torch

from trainer.run.steps import parallel
from trainer.run.steps.parallel import CUDA_CONTEXT_BYTES, count_workers, fitting_into_memory, starts_new_processes
from trainer.run.steps.threads import same_threads

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _eight_cores(monkeypatch):
    monkeypatch.setattr(parallel, "usable_cores", lambda: 8)
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: False)
    with same_threads():
        yield


def counted(parallel, n_folds=5, threads=1):
    torch.set_num_threads(threads)
    return count_workers(parallel, n_folds, CPU)


def test_auto_divides_the_cores_by_the_threads_of_a_fold_and_stops_at_the_folds(monkeypatch):
    monkeypatch.setattr("trainer.run.steps.parallel.fitting_into_memory", lambda: 100)
    assert [counted("auto", 10, threads)[0] for threads in (1, 2, 3, 8)] == [8, 4, 2, 1]
    assert counted("auto", 5) == (5, [])
    assert counted("auto", 1) == (1, [])
    torch.set_num_threads(1)
    assert count_workers("auto", 10, CPU, n_loaders=3) == (2, [])  # loader processes count


def test_a_number_is_taken_and_what_it_does_not_mean_is_said():
    assert counted(1) == (1, [])
    assert counted(3) == (3, [])
    n_workers, notes = counted(9, 5)
    assert n_workers == 5
    assert "5 folds are to be trained" in notes[0]
    n_workers, notes = counted(5, 5, threads=2)
    assert n_workers == 5
    assert "more than the 8 cores" in notes[0]
    assert counted(4, 1) == (1, [])


def test_where_it_cannot_be_done_folds_come_one_after_the_other_and_that_is_said(monkeypatch):
    assert count_workers(2, 5, torch.device("mps")) == (
        1,
        ["cv.parallel=2 has no effect: on mps the folds are trained one after the other"],
    )
    with monkeypatch.context() as changed:
        changed.setattr(sys, "platform", "darwin")
        assert "Linux" in counted(2)[1][0]
    monkeypatch.setitem(multiprocessing.current_process()._config, "daemon", True)
    assert counted("auto") == (1, [])
    assert "a process of a pool" in counted(2)[1][0]


def test_where_a_gpu_is_seen_processes_are_started_anew_and_only_when_a_number_is_asked_for(monkeypatch):
    assert not starts_new_processes(CPU)
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: True)
    assert starts_new_processes(CPU)
    assert counted(2) == (2, [])
    assert counted("auto") == (1, [])


def test_a_gpu_trains_as_many_folds_at_a_time_as_its_free_memory_holds(monkeypatch):
    torch.set_num_threads(8)
    free, emptied = 4 * CUDA_CONTEXT_BYTES, []
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free, 2 * free))
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: emptied.append(True))

    def on_gpu(peak_bytes=None, wanted=3):
        return count_workers(wanted, 5, torch.device("cuda"), peak_bytes=peak_bytes)

    assert on_gpu() == (3, [])  # nothing measured
    assert on_gpu(CUDA_CONTEXT_BYTES // 4) == (3, [])
    note = "cv.parallel=3: 2 folds at a time fit into the free memory of cuda"
    assert on_gpu(CUDA_CONTEXT_BYTES) == (2, [note])
    note = "cv.parallel=3: 1 fold at a time fits into the free memory of cuda"
    assert on_gpu(9 * CUDA_CONTEXT_BYTES) == (1, [note])
    assert emptied
    assert on_gpu(1, "auto") == (1, [])


def test_auto_takes_no_more_memory_than_is_free(monkeypatch):
    monkeypatch.setattr(parallel, "own_bytes", lambda: 100)
    monkeypatch.setattr(parallel, "available_bytes", lambda: 350)
    assert fitting_into_memory() == 3
    assert counted("auto")[0] == 3
    monkeypatch.setattr(parallel, "own_bytes", lambda: 0)  # not known
    assert fitting_into_memory() >= 1000


def test_living_threads_of_users_mean_new_processes_and_the_same_number_of_them(monkeypatch):
    monkeypatch.setattr("trainer.run.steps.parallel.fitting_into_memory", lambda: 100)
    ended = threading.Event()
    own = threading.Thread(target=ended.wait, name="foldwise-heartbeat", daemon=True)
    theirs = threading.Thread(target=ended.wait, name="prefetch of my_pkg", daemon=True)
    own.start()
    try:
        assert not starts_new_processes(CPU)
        theirs.start()
        assert starts_new_processes(CPU)
        n_workers, (note,) = counted("auto")
        assert n_workers == 5
        assert "threads that are alive: prefetch of my_pkg" in note
        assert counted(1) == (1, [])
    finally:
        ended.set()
        theirs.join()
        own.join()
    assert not starts_new_processes(CPU)
