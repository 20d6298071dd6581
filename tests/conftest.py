"""What tests share: one thread, and the command line in process."""

import gc
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from tests import composed_once, known_once, quick_runs
from tests.browser import browser_page
from tests.fake_results import make_fold, make_result
from tests.places import REAL_DATA, REPOSITORY

if str(REPOSITORY) not in sys.path:
    sys.path.insert(0, str(REPOSITORY))

gc.set_threshold(200_000, 50, 1000)  # until all is imported and collected: little of that is ever garbage
os.environ["FOLDWISE_LANG"] = "en"  # wherever the tests run, also in the processes they start

QUICK = ("max_epochs=1", "profile.enabled=false", "tracker.name=none", "baseline=off", "cv.parallel=1")


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(autouse=True, scope="session")
def _composed_once() -> Iterator[None]:
    """Most of the time of a command line that is refused; processes that tests start compose as ever."""
    with pytest.MonkeyPatch.context() as patch:
        for owner, name, instead in composed_once.patches():
            patch.setattr(owner, name, instead)
        yield


@pytest.fixture(autouse=True, scope="session")
def _not_flushed() -> Iterator[None]:
    """No waiting for the disk, a quarter of a second of a short run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", composed_once.not_flushed)
        yield


@pytest.fixture(autouse=True, scope="session")
def _quick_runs() -> Iterator[None]:
    """Half the time of a run of the default data, a quarter of that of a tiny table."""
    with pytest.MonkeyPatch.context() as patch:
        for module, name, instead in quick_runs.patches():
            patch.setattr(module, name, instead)
        yield


@pytest.fixture(autouse=True, scope="session")
def _one_fold_at_a_time() -> Iterator[None]:
    """In this process ``cv.parallel=auto`` is 1, whatever the machine: the numbers are the same by contract.

    Processes for tiny folds cost more than they save, seconds each where a test before has left a thread alive, which
    has them started and not forked. What ``auto`` is: tests/run/steps/test_parallel.py, tests/executors.
    """
    from trainer.run.steps.parallel import AUTO, count_workers

    def counted(wanted: int | str, *arguments: Any, **options: Any) -> tuple[int, list[str]]:
        return count_workers(1 if wanted == AUTO else wanted, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("trainer.run.cross_validate.count_workers", counted)
        patch.setattr("trainer.run.steps.profile.count_workers", counted)
        yield


@pytest.fixture(scope="module")
def without_pictures() -> Iterator[None]:
    """Reports without their figures, where a test makes many: slow, and tests/report draws them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("trainer.report.markdown.draw_pictures", lambda *_, **__: {})
        yield


def pytest_collection_finish() -> None:
    """Keep the garbage collector from what stays: modules and collected tests, a twentieth of the suite's time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name bytes by their length: gzip writes the time into them, and all processes must call a test the same."""
    return f"{argname} of {len(val)} bytes" if isinstance(val, bytes) else None


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    if config.getvalue("dist") != "loadfile":
        return None
    from tests.dealt import Dealing

    return Dealing(config, log)


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("real_data") and not REAL_DATA.is_dir():
        pytest.fail("set FOLDWISE_REAL_DATA to the directory of the public data sets (CONTRIBUTING.md)", pytrace=False)
    marked = item.get_closest_marker("renders_figures") is not None
    known_once.Asked.again = not draws(item, *known_once.ANEW)
    quick_runs.Plots.rendered = marked or draws(item, "tests/report/", "tests/trackers/")
    quick_runs.Plots.made = quick_runs.Plots.rendered or draws(item, "tests/pages/", "tests/faults/", "tests/api/")


def draws(item: pytest.Item, *folders: str) -> bool:
    """Whether a test lies in one of the folders whose runs make the figures of their reports."""
    return item.nodeid.startswith(folders)


@pytest.fixture
def scoreboard() -> Callable[..., None]:
    """``scoreboard("F5", "damaged checkpoints", tried=1000, good=1000)``: note it for the page of ``make battery``."""
    from tests.faults.harness import record

    began = time.perf_counter()

    def note(fault: str, what: str, *, tried: int, good: int, **figures: int) -> None:
        record(fault, what, tried=tried, good=good, seconds=round(time.perf_counter() - began), figures=figures)

    return note


@dataclass(frozen=True)
class Outcome:
    """What a command printed and how it ended."""

    code: int
    out: str
    err: str


@pytest.fixture
def train(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Callable[..., Outcome]:
    """``train("loss=focal", ...)``: train.py in this process, in an empty directory."""
    import train as script
    from trainer.config.compose import composed
    from trainer.errors import guarded

    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["train.py", *arguments])
        capsys.readouterr()
        code = guarded(lambda: composed(script.main, script.check))
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return run


@pytest.fixture
def fake_result():
    return make_result


@pytest.fixture
def fake_fold():
    return make_fold


@pytest.fixture(scope="module")
def page():
    """An empty page of a headless browser, which must have had nothing to complain of in the end."""
    with browser_page() as page:
        yield page
        assert page.complaints == []
