import threading
import time

import pytest

from trainer.system.thread_map import AHEAD, FIRST, ahead, threaded


def with_threads(seconds, n_items, n_threads=4):
    """Return the results and the threads that computed what comes after the first items."""
    used = set()

    def one(item):
        if item >= FIRST:
            used.add(threading.get_ident())
        if seconds:
            time.sleep(seconds)
        return item * item

    return list(threaded(one, range(n_items), n_threads)), used


@pytest.mark.parametrize("n_items", [0, 1, FIRST, FIRST + 1, FIRST + AHEAD + 30])
@pytest.mark.parametrize("seconds", [0, 0.002])
def test_results_come_in_order_however_long_one_takes(seconds, n_items):
    assert with_threads(seconds, n_items)[0] == [item * item for item in range(n_items)]


def test_threads_work_only_where_one_item_takes_long():
    assert with_threads(0.0, 100)[1] == {threading.get_ident()}
    slow = with_threads(0.005, 100)[1]
    assert 1 < len(slow) <= 4
    assert threading.get_ident() not in slow


def test_no_more_is_computed_in_advance_than_said():
    done = []

    def one(item):
        time.sleep(0.001)
        done.append(item)
        return item

    results = threaded(one, range(1000), 2)
    for _ in range(FIRST + 1):
        next(results)
    time.sleep(0.3)
    assert len(done) <= FIRST + AHEAD + 1
    results.close()


@pytest.mark.parametrize("broken", [3, FIRST + 10])
def test_an_error_reaches_the_caller_at_its_place(broken):
    def one(item):
        time.sleep(0.001)
        if item == broken:
            raise KeyError(item)
        return item

    results = threaded(one, range(100), 2)
    with pytest.raises(KeyError, match=str(broken)):
        list(results)


def test_the_next_item_is_made_while_one_is_used():
    made = []

    def items():
        for number in range(4):
            made.append(number)
            yield number

    for number in ahead(items()):
        deadline = time.monotonic() + 10
        while len(made) < min(number + 2, 4) and time.monotonic() < deadline:
            time.sleep(0.001)
        assert made == list(range(min(number + 2, 4)))


def test_an_error_of_an_item_comes_where_it_would_have_been():
    def items():
        yield 1
        raise ValueError("second")

    found = ahead(items())
    assert next(found) == 1
    with pytest.raises(ValueError, match="second"):
        next(found)
