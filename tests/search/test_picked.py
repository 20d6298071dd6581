"""Picking among runs: what is read of each, which runs may be picked from, what is said."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import accuracy_score

from tests.conftest import QUICK
from tests.inference.blend_cases import make_plan, noisy_logits, write_predictions
from trainer.cli.main import main
from trainer.errors import CheckpointError
from trainer.evidence.not_defined import NotDefined
from trainer.run.merge import merge
from trainer.search.leaderboard import leaderboard
from trainer.search.picked import drawn_run, pick, picked_line
from trainer.store.result_files import read_oof
from trainer.tasks import BINARY

N = 80
TARGET = np.arange(N) % 2


def written(run: Path, seed: int, *, repeats=1, target=TARGET, metrics=("accuracy", "roc_auc"), **options) -> Path:
    logits = np.stack([noisy_logits(target, 2, 1.0, seed + 100 * repeat) for repeat in range(repeats)])
    plan = make_plan(len(target), repeats=repeats)
    write_predictions(run, logits, target, task=BINARY, metrics=metrics, plan=plan, **options)
    merge(run)
    return run


@pytest.fixture(scope="module")
def runs(tmp_path_factory, without_pictures):
    folder = tmp_path_factory.mktemp("runs")
    return [written(folder / f"s{seed}", seed, repeats=2) for seed in range(4)]


def test_repeats_are_means_and_rows_are_drawn_with_all_of_them(runs):
    drawn = drawn_run(runs[0], "s0")
    oof = read_oof(runs[0] / "oof.parquet")
    units = np.random.default_rng(0).integers(N, size=(N, 1000))
    right_RN = (oof.proba.argmax(axis=1) == oof.target).reshape(2, N)
    assert drawn.score == pytest.approx(accuracy_score(oof.target, oof.proba.argmax(axis=1)))
    for draw in (0, 999):
        rest = np.setdiff1d(np.arange(N), units[:, draw])
        assert drawn.drawn_D[draw] == pytest.approx(right_RN[:, units[:, draw]].mean())
        assert drawn.left_out_D[draw] == pytest.approx(right_RN[:, rest].mean())


def test_the_line_says_which_is_the_best_and_what_it_is_worth(runs):
    found = [drawn_run(run, run.name) for run in runs]
    best = max(found, key=lambda one: one.score)
    line = picked_line(found)
    assert line.startswith(f"best of 4 out of fold ({best.name}): {best.score:.4f}, corrected for picking: 0.")
    assert pick(found).corrected < best.score


def test_runs_of_other_rows_metrics_or_repeats_are_not_picked_from(runs, tmp_path, without_pictures):
    first = drawn_run(runs[0], "s0")
    swapped = np.roll(TARGET, 1)
    others = {
        "was scored on other rows, labels or groups than s0": written(tmp_path / "y", 9, target=swapped, repeats=2),
        "leads with roc_auc, s0 with accuracy": written(tmp_path / "auc", 9, metrics=("roc_auc",), repeats=2),
    }
    for why, run in others.items():
        assert pick([first, drawn_run(run, "x")]) == NotDefined(f"x {why}")
    fewer = replace(first, name="x", drawn_D=first.drawn_D[:500])
    assert pick([first, fewer]) == NotDefined("x was drawn from 500 times, s0 1000 times: it has other repeats")
    groups = written(tmp_path / "groups", 9, repeats=2, groups=np.array([f"g{i // 4}" for i in range(N)]))
    assert pick([first, drawn_run(groups, "x")]).why.startswith("x was scored on other rows")
    assert picked_line([first]) == "not corrected for picking the best: a single run: nothing was picked"


def test_a_run_without_its_files_is_refused(runs, tmp_path):
    with pytest.raises(CheckpointError, match="its results cannot be read"):
        drawn_run(tmp_path, "x")


def test_a_sweep_says_it_below_its_leaderboard(train, tmp_path, without_pictures):
    out = train("-m", "seed=1,2", "data=iris", "cv.n_splits=2", "run=s${hydra:job.num}", *QUICK).out
    [sweep] = (tmp_path / "runs" / "sweeps").iterdir()
    expected = picked_line([drawn_run(tmp_path / "runs" / f"s{n}", f"job {n}") for n in (0, 1)])
    assert expected.startswith("best of 2 out of fold (job ")
    assert out.count(expected) == 1
    assert expected.split(": ", 1)[1] in (sweep / "leaderboard.md").read_text()
    assert len(leaderboard(sweep)) == 2  # what is kept for it is no job
    (sweep / "jobs" / "0.drawn.json").write_text("{}")
    assert main(["runs", str(tmp_path / "runs"), "--best"]) == 0
