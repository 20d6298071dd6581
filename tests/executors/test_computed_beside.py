import os
import signal
import time
from functools import partial

import pytest

from tests.executors.parallel_cases import children
from tests.fake_results import make_result
from trainer.errors import ConfigError, Interrupted
from trainer.executors import computed_beside as module
from trainer.executors.computed_beside import computed_beside
from trainer.report.markdown import draw_pictures, write_report
from trainer.run import report_pictures
from trainer.run.report_pictures import pictures_of
from trainer.system import interrupts


def test_it_is_computed_in_another_process_while_this_one_goes_on(tmp_path):
    def compute():
        until = time.monotonic() + 20
        while not (tmp_path / "gone on").exists() and time.monotonic() < until:
            time.sleep(0.01)
        return os.getpid(), (tmp_path / "gone on").exists()

    with computed_beside(compute) as wait:
        (tmp_path / "gone on").touch()
        pid, gone_on = wait()
    assert gone_on
    assert pid != os.getpid()
    assert children() == []


def _raises(here):
    if os.getpid() != here:
        raise ValueError("not here")
    return "here"


def _dies(here):
    if os.getpid() != here:
        os.kill(os.getpid(), signal.SIGKILL)
    return "here"


def _hangs(here):
    if os.getpid() != here:
        time.sleep(600)
    return "here"


@pytest.mark.parametrize("compute", [_raises, _dies, _hangs])
def test_where_the_process_fails_it_is_computed_here(monkeypatch, compute):
    monkeypatch.setattr(module, "STALL_SECONDS", 1.0)
    with computed_beside(partial(compute, os.getpid())) as wait:
        assert wait() == "here"
    assert children() == []


def test_where_no_process_can_be_started_it_is_computed_here(monkeypatch):
    def refused(n_workers):
        raise ConfigError("no process")

    class Refusing:
        __enter__ = lambda self: refused  # noqa: E731
        __exit__ = lambda self, *error: None  # noqa: E731

    monkeypatch.setattr(module, "starting", lambda train: Refusing())
    with computed_beside(os.getpid) as wait:
        assert wait() == os.getpid()


@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_both(signal_number):
    def interrupted():
        with computed_beside(partial(time.sleep, 600)):
            os.kill(os.getpid(), signal_number)
            time.sleep(10)

    with interrupts.handled(), pytest.raises(Interrupted):
        interrupted()
    assert children() == []


class Merging:
    def __init__(self, result):
        self.task, self.facts = result.task, {"metrics": [result.primary], "classes": list(result.classes)}


@pytest.mark.parametrize("cores", [1, 2])
def test_pictures_are_the_same_wherever_they_are_drawn(monkeypatch, tmp_path, cores):
    result, oof, folds = make_result()
    drawn = draw_pictures(oof, folds, primary=result.primary, classes=result.classes, task=result.task)
    assert sorted(drawn) == [
        f"plots/{name}.png" for name in ("confusion_matrix", "learning_curves", "precision_recall")
    ]
    monkeypatch.setattr(report_pictures, "usable_cores", lambda: cores)
    asked = []
    monkeypatch.setattr(report_pictures, "computed_beside", lambda draw: asked.append(1) or computed_beside(draw))
    with pictures_of(Merging(result), folds, oof, beside=True) as wait:
        assert wait() == drawn
    assert len(asked) == cores - 1
    with pictures_of(Merging(result), folds, oof, beside=False) as wait:
        write_report(tmp_path, result, oof, folds, {}, pictures=wait())
    assert len(asked) == cores - 1
    assert {f"plots/{path.name}": path.read_bytes() for path in (tmp_path / "plots").iterdir()} == drawn
