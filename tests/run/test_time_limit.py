"""``budget.hours``: what is begun, stopped, merged and told when the time of a run is up, by a clock of the tests."""

import json
import shlex
from types import SimpleNamespace

import pyarrow.parquet as pq
import pytest
from sklearn.metrics import accuracy_score

from tests.executors.parallel_cases import side_by_side
from tests.run.merge_cases import make_run
from trainer.errors import BudgetError, OutOfTime
from trainer.run import time_limit
from trainer.run.missing import missing_folds
from trainer.store.fold_files import fold_directory, read_done
from trainer.store.status import survey
from trainer.system import interrupts

STEP_SECONDS = 10.0
IRIS = ("data=iris", "model.hidden=[8]", "max_epochs=4", "run=a", "tracker=none", "profile=off", "cv.parallel=1")
FOLD_SECONDS = 16 * STEP_SECONDS  # four epochs of four steps


class Clock:
    """Stands still but for what a test adds."""

    def __init__(self) -> None:
        self.now = interrupts.BEGAN

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch) -> Clock:
    """A clock by which every optimizer step takes ten seconds, and nothing else takes any time."""
    from trainer.engine import fit

    clock, after_step = Clock(), fit._after_step

    def slowly(*arguments):
        on_step = after_step(*arguments)

        def told(totals):
            clock.now += STEP_SECONDS
            on_step(totals)

        return told

    monkeypatch.setattr(fit, "_after_step", slowly)
    for module in ("fit", "loops", "scoring"):
        monkeypatch.setattr(f"trainer.engine.{module}.time", SimpleNamespace(perf_counter=clock))
    monkeypatch.setattr(interrupts, "clock", clock)
    return clock


@pytest.fixture
def whole(train, tmp_path) -> bytes:
    """What the run without a limit predicts."""
    assert train(*IRIS, "baseline=off", "run=whole").code == 0
    return (tmp_path / "runs/whole/oof.parquet").read_bytes()


def test_folds_that_cannot_finish_are_not_begun_and_the_others_are_merged(train, tmp_path, clock, whole):
    clock.now = interrupts.BEGAN
    outcome, run = train(*IRIS, "baseline=linear", "budget.hours=0.1"), tmp_path / "runs/a"
    assert outcome.code == 75
    said = outcome.out.splitlines()
    assert [line for line in said if "not begun" in line] == [  # 342 of 360 seconds, 320 of them spent
        f"fold {fold}: not begun, it needs about 2 min 56 s and 22 s are left" for fold in (2, 3, 4)
    ]
    assert outcome.err.splitlines() == [
        "out of time: runs/a: 3 of 5 folds are not finished: 2,3,4 (budget.hours=0.1)",
        "what the others found: partial.json and partial_oof.parquet in it",
        f"go on with: python train.py {shlex.join((*IRIS[:3], *IRIS[4:]))} baseline=linear budget.hours=0.1 run=a",
    ]
    partial, oof = json.loads((run / "partial.json").read_text()), pq.read_table(run / "partial_oof.parquet")
    assert (partial["missing"], len(partial["metrics"]["accuracy"]["folds"]), oof.num_rows) == ([2, 3, 4], 2, 60)
    proba = oof.select([name for name in oof.column_names if name.startswith("proba")]).to_pandas().to_numpy()
    assert partial["metrics"]["accuracy"]["oof"] == accuracy_score(oof["target"].to_numpy(), proba.argmax(axis=1))
    assert "of 2 of 5 folds only" in outcome.out
    assert not (run / "cv.json").exists()

    assert train(*IRIS, "baseline=off").code == 0
    assert (run / "oof.parquet").read_bytes() == whole
    assert [path.name for path in run.glob("partial*")] == []


def test_a_fold_in_training_is_saved_when_the_time_is_up_and_goes_on_bit_for_bit(train, tmp_path, clock, whole):
    clock.now = interrupts.BEGAN
    outcome = train(*IRIS, "budget.hours=0.02")  # 68.4 seconds and the reserve
    assert outcome.code == 75
    assert "fold 0: cannot finish, its 3 epochs need about 2 min 00 s and 28 s are left: it is" in outcome.out
    assert outcome.err.splitlines()[1] == "fold 0: stopped at epoch 2 step 7"
    assert not (tmp_path / "runs/a/partial.json").exists()
    assert train(*IRIS, "budget.hours=0.02").err.splitlines() == [
        "out of time: runs/a: budget.hours=0.02 was used up before the first fold began"
    ]
    assert train(*IRIS, "baseline=off").code == 0
    assert (tmp_path / "runs/a/oof.parquet").read_bytes() == whole


@pytest.mark.parametrize("fold", ["3", "all"])
def test_a_fold_that_is_trained_alone_is_saved_likewise(train, clock, fold):
    outcome = train(*IRIS, "budget.hours=0.02", f"cv.fold={fold}")
    assert (outcome.code, outcome.err.splitlines()[1]) == (75, f"fold {fold}: stopped at epoch 2 step 7")
    clock.now = interrupts.BEGAN
    assert train(*IRIS, "budget.hours=1", f"cv.fold={fold}").code == 0


def test_inner_folds_end_too_and_those_that_are_done_are_kept(train, tmp_path, clock):
    nested = ("cv.select=inner", "cv.inner.n_splits=2", "cv.inner.grid={optimizer.lr:[1e-3,1e-2]}")
    outcome = train(*IRIS, *nested, "budget.hours=0.04", "baseline=off")  # 136.8 s; an inner fit: 4 x 2 steps
    assert (outcome.code, outcome.err.splitlines()[1]) == (75, "fold 0: stopped after 1 inner fit")


def test_processes_are_told_when_the_time_is_up(monkeypatch):
    def train(fold, observers, print_line):
        while True:
            interrupts.check()

    ends = interrupts.clock() + 0.2
    with pytest.raises(OutOfTime), interrupts.until(ends):
        side_by_side(train)
    assert interrupts.clock() >= ends


@pytest.mark.parametrize("value", ["-1", "0", "soon", "inf", "9000", "[1,2]"])
def test_a_budget_that_is_none_is_refused(train, value):
    outcome = train(*IRIS, f"budget.hours={value}")
    assert (outcome.code, outcome.err.count("budget.hours")) == (2, 1)


def test_begun_folds_come_first_and_only_what_this_start_measured_counts(tmp_path, monkeypatch):
    run = make_run(tmp_path / "runs/a", (0, 1))
    assert [state.done for state in survey(run, range(5), 3)] == [True, True, False, False, False]
    assert missing_folds(run) == [2, 3, 4]
    done = read_done(fold_directory(run, 0))
    shares = {"fold_3": SimpleNamespace(epoch=3, step=8)}
    monkeypatch.setattr(time_limit, "newest_position", lambda folder: shares.get(folder.name))
    assert time_limit.in_order([2, 3, 4, 10], run, 3) == [3, 2, 4, 10]
    facts = {"run": run, "n_train": lambda _: 2 * done["n_train"], "folds": range(5), "max_epochs": 3}
    needed = time_limit.seconds_needed(2, before=frozenset({1}), **facts)
    assert needed == pytest.approx(time_limit.MARGIN * 2 * done["seconds"])
    assert time_limit.seconds_needed(3, before=frozenset({1}), **facts) == pytest.approx(needed / 3)
    assert time_limit.seconds_needed(2, before=frozenset({0, 1}), **facts) is None


def test_the_time_of_a_call_in_python_begins_with_the_call(tmp_path, clock):
    clock.now += 100_000
    with pytest.raises(BudgetError):
        time_limit.budget_of(8.5, "python train.py", tmp_path, [0])
    found = time_limit.budget_of(8.5, "trainer.cross_validate", tmp_path, [0])
    assert found.seconds_left == pytest.approx(8.5 * 3600 - time_limit.MOST_RESERVE_SECONDS)
    assert not time_limit.budget_of(None, "python train.py", tmp_path, [0]).is_limited
