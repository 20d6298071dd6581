"""The same work on many files: in threads where one takes long enough for them to pay."""

import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Any, TypeVar

from trainer.system.resources import usable_cores

Item = TypeVar("Item")
Result = TypeVar("Result")

FIRST = 16  # items that are timed
LEAST_SECONDS = 5e-4  # of one item: of shorter ones threads do less together than one alone, waiting for Python's lock
AHEAD = 64  # results computed before they are asked for
MOST_THREADS = 16


def threaded(one: Callable[[Item], Result], items: Sequence[Item], n_threads: int | None = None) -> Iterator[Result]:
    """Yield ``one(item)`` for every item, in order; the first are timed, and threads do the others if that pays.

    Args:
        one: may be called in any thread.
        items: N of them.
        n_threads: at most; None = one per core this process may use, at most 16.
    """
    took, results = [], []
    for item in items[:FIRST]:
        started = time.perf_counter()
        results.append(one(item))
        took.append(time.perf_counter() - started)
    yield from results
    rest = islice(items, FIRST, None)
    if len(items) <= FIRST or statistics.median(took) < LEAST_SECONDS:
        yield from map(one, rest)
        return
    with ThreadPoolExecutor(n_threads or min(MOST_THREADS, usable_cores())) as threads:
        pending: list[Future[Result]] = [threads.submit(one, item) for item in islice(rest, AHEAD)]
        while pending:
            result = pending.pop(0).result()
            pending += [threads.submit(one, item) for item in islice(rest, 1)]
            yield result


def ahead(items: Iterable[Item]) -> Iterator[Item]:
    """Yield the items in order; a thread makes the next one while one is used."""
    nothing = object()
    with ThreadPoolExecutor(1) as thread:
        rest = iter(items)
        following: Future[Any] = thread.submit(next, rest, nothing)
        while (item := following.result()) is not nothing:
            following = thread.submit(next, rest, nothing)
            yield item
