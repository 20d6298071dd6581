"""How many folds are trained side by side; the numbers do not depend on it."""

import multiprocessing
import sys

import torch

from trainer.system.living_threads import foreign_threads
from trainer.system.resources import available_bytes, own_bytes, usable_cores

AUTO = "auto"
CUDA_CONTEXT_BYTES = 1 << 30  # a process keeps on its GPU, next to what it computes with: context, kernels, workspaces


def count_workers(
    wanted: int | str, n_folds: int, device: torch.device, *, n_loaders: int = 0, peak_bytes: int | None = None
) -> tuple[int, list[str]]:
    """Return how many processes train folds side by side, and what a person who asked for another number should know.

    ``auto`` is one per so many cores as a fold has threads and loader processes, and no more than fit into memory, each
    counted as large as this process is now; where torch sees a GPU it is one. On a GPU no more are started than its
    free memory holds.

    Args:
        wanted: ``cv.parallel``; the number of torch threads is set already.
        n_folds: to train.
        device: to train on.
        n_loaders: processes that read the rows of one fold.
        peak_bytes: of one training step, as the profile has measured it.
    """
    cores, threads = usable_cores(), torch.get_num_threads()
    reason = why_not(device)
    if reason:
        return 1, [f"cv.parallel={wanted} has no effect: {reason}"] if wanted not in (1, AUTO) else []
    if wanted == AUTO and sees_gpu(device):
        return 1, []
    if wanted == AUTO:
        busy = threads + n_loaders
        n_workers = max(1, min(n_folds, cores // busy, fitting_into_memory()))
        return n_workers, living_threads_note(n_workers)
    n_workers = min(int(wanted), n_folds)
    notes = living_threads_note(n_workers)
    if 1 < n_workers < int(wanted):
        notes.append(f"cv.parallel={wanted}: {n_workers} folds are to be trained, so {n_workers} processes train them")
    fitting = fitting_on_gpu(device, peak_bytes)
    if fitting < n_workers:
        n_workers = max(1, fitting)
        at_a_time = "1 fold at a time fits" if n_workers == 1 else f"{n_workers} folds at a time fit"
        notes.append(f"cv.parallel={wanted}: {at_a_time} into the free memory of {device}")
    if n_workers > 1 and n_workers * threads > cores and device.type == "cpu":
        notes.append(f"{n_workers} folds at a time x {threads} threads is more than the {cores} cores of this machine")
    return n_workers, notes


def why_not(device: torch.device) -> str:
    """Return why folds cannot be trained side by side here, or nothing."""
    if sys.platform != "linux":
        return "folds are trained side by side on Linux only"
    if multiprocessing.current_process().daemon:
        return "this is a process of a pool, which may not start others"
    if device.type not in ("cpu", "cuda"):
        return f"on {device.type} the folds are trained one after the other"
    return ""


def starts_new_processes(device: torch.device) -> bool:
    """Return whether the processes are started, not forked.

    Torch cannot train in forked ones where it sees a GPU, and a fork takes no thread along: what waits for one of a
    user's (a pool in a plugin, say) would wait for ever.
    """
    return sees_gpu(device) or bool(foreign_threads())


def sees_gpu(device: torch.device) -> bool:
    """Return whether torch trains on, or could use, a GPU."""
    return device.type == "cuda" or torch.accelerator.is_available()


def living_threads_note(n_workers: int) -> list[str]:
    """Say why several processes start slower than they would if they were forked."""
    alive = foreign_threads()
    if n_workers == 1 or not alive:
        return []
    return [f"folds are trained in new processes, for a fork would leave behind threads that are alive: {alive[0]}"]


def fitting_on_gpu(device: torch.device, peak_bytes: int | None) -> int:
    """Return how many processes fit into the free memory of a GPU; without a measured step there is no limit."""
    if device.type != "cuda" or not peak_bytes:
        return sys.maxsize
    torch.cuda.empty_cache()  # what this process keeps for itself and no longer needs
    free, _ = torch.cuda.mem_get_info(device)
    return int(free // (peak_bytes + CUDA_CONTEXT_BYTES))


def fitting_into_memory() -> int:
    """Return how many processes as large as this one fit into the memory that is free."""
    own = own_bytes()
    return available_bytes() // own if own else sys.maxsize
