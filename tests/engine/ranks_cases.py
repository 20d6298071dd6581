"""Training by several processes that are forked, so that they begin at once; what each finds comes back."""

import multiprocessing
import os
import pickle

import torch.distributed as dist

from trainer.engine.process_group import Ranks

SECONDS = 60


def in_ranks(size, work, folder, dies=None):
    """Return ``work(ranks)`` of each of ``size`` processes but that which dies; an error there is raised here."""
    context = multiprocessing.get_context("fork")
    store = f"file://{folder}/store-{os.urandom(4).hex()}"
    pipes = [context.Pipe(duplex=False) for _ in range(size)]
    processes = [
        context.Process(target=_rank, args=(number, size, work, store, theirs), daemon=True)
        for number, (_, theirs) in enumerate(pipes)
    ]
    for process in processes:
        process.start()
    try:
        pipes = [pipe for number, pipe in enumerate(pipes) if number != dies]
        assert all(ours.poll(SECONDS) for ours, _ in pipes), "a rank has said nothing"
        found = [pickle.loads(ours.recv_bytes()) for ours, _ in pipes]
    finally:
        for process in processes:
            process.kill()
            process.join()
    for one in found:
        if isinstance(one, AssertionError):
            raise one
    return found


def _rank(number, size, work, store, pipe):
    dist.init_process_group("gloo", init_method=store, rank=number, world_size=size)
    try:
        found = work(Ranks(number, size))
    except BaseException as error:
        found = AssertionError(f"rank {number}: {type(error).__name__}: {error}")
    pipe.send_bytes(pickle.dumps(found))
    os._exit(0)
