"""F15: many folds in one process leave nothing behind: memory, files, threads, hooks, models, temporary files."""

import json
import statistics
import time

import pytest

from tests.faults.fingerprints import leftovers
from tests.faults.harness import LONGEST_SECONDS, finish, record, start, wanted_count

ARGUMENTS = (
    "data=iris",
    "cv.parallel=1",
    "plugins=[soak_plugin]",
    "max_epochs=1",
    "model.hidden=[16]",
    "cv.n_splits=2",
    "preflight=off",
    "checkpoint.every_n_steps=2",
    "runtime.progress=plain",
)
MOST_GROWTH = 0.05
WARM_UP = 0.2  # share of the folds


def soaked(shop, name, n_folds, *overrides, stack=1):
    """Train folds in one process, as many as ``stack`` as one model; return what it held after each of these."""
    report, temporary = shop.directory / f"{name}.held", shop.directory / f"{name}-temporary"
    temporary.mkdir()
    environment = {"FOLDWISE_TEST_SOAK": str(report), "TMPDIR": str(temporary)}
    repeats = f"cv.repeats={n_folds // 2}"
    stacked = f"cv.stack={stack if stack > 1 else 'off'}"
    process = start(shop, f"run={name}", *ARGUMENTS, repeats, stacked, *overrides, environment=environment)
    assert finish(process, LONGEST_SECONDS + 2 * n_folds) == 0, process.out[-2000:] + process.err
    assert [path.name for path in temporary.iterdir() if "torchinductor" not in path.name] == []  # torch's own, empty
    assert leftovers(shop.runs / name) == []
    held = [json.loads(line) for line in report.read_text().splitlines()]
    assert len(held) == n_folds // stack
    return held


def growth(held):
    """Return by how much the memory grew after the warm-up: the last tenth of the folds against the first after it."""
    tenth = max(2, len(held) // 10)
    memory = [moment["rss_kib"] for moment in held][int(len(held) * WARM_UP) :]
    return statistics.median(memory[-tenth:]) / statistics.median(memory[:tenth]) - 1


def leaked(held):
    """Return what is held after the last folds and was not after the fold that ended the warm-up.

    The last two: what ends with a fold, such as the thread that keeps its lock, may be there for a moment longer.
    """
    first, *last = held[int(len(held) * WARM_UP)], *held[-2:]
    kept = {name: min(moment[name] for moment in last) for name in first}
    return {name: (first[name], kept[name]) for name in first if name != "rss_kib" and kept[name] > first[name]}


def test_what_is_leaked_is_seen():
    held = [{"rss_kib": 1000 + 10 * fold, "files": 7 + (fold > 15), "threads": 2} for fold in range(20)]
    assert growth(held) == pytest.approx(1185 / 1045 - 1)
    assert leaked(held) == {"files": (7, 8)}
    assert leaked(held[:16]) == leaked(held[:17]) == {}


@pytest.mark.parametrize("stack", [1, 2])
def test_folds_in_one_process_leave_nothing_behind(shop, stack):
    held = soaked(shop, f"soak-{stack}", 20, "tracker.name=none", "profile.enabled=false", stack=stack)
    assert leaked(held) == {}
    assert growth(held) < MOST_GROWTH


@pytest.mark.battery
@pytest.mark.parametrize(("tracker", "stack"), [("none", 1), ("tensorboard", 1), ("none", 4)])
def test_many_folds_in_one_process(shop, tracker, stack):
    wanted, began = wanted_count("F15", 200), time.perf_counter()
    held = soaked(shop, f"soak-{tracker}-{stack}", wanted, f"tracker.name={tracker}", stack=stack)
    first, last = (held[place]["rss_kib"] / 1024 for place in (int(len(held) * WARM_UP), -1))
    figures = {
        "MiB after the warm-up": round(first, 1),
        "MiB at the end": round(last, 1),
        "growth, %": round(100 * growth(held), 2),
        "leaked": str(leaked(held) or "nothing"),
    }
    good = wanted if not leaked(held) and growth(held) < MOST_GROWTH else 0
    seconds = round(time.perf_counter() - began)
    what = f"folds in one process, tracker {tracker}" + (f", {stack} as one model" if stack > 1 else "")
    record("F15", what, tried=wanted, good=good, seconds=seconds, figures=figures)
    assert good
