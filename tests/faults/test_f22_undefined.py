"""Undefined metrics never decide, rank or enter a mean, and are told with counts: slices, folds, resamples, sweeps."""

import json
import math
from collections import Counter

import numpy as np
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import average_precision_score, balanced_accuracy_score, f1_score, roc_auc_score

from tests.faults.harness import battery
from trainer.engine.fit_state import Selection
from trainer.metrics.find import metric_named
from trainer.results import EpochRecord

LEADING = ("average_precision", "roc_auc", "f1_macro")
SCIKIT_LEARN = {
    "average_precision": average_precision_score,
    "roc_auc": roc_auc_score,
    "f1_macro": lambda target, proba: f1_score(target, proba > 0.5, average="macro"),
    "balanced_accuracy": lambda target, proba: balanced_accuracy_score(target, proba > 0.5),
}
SPLITS = ("cv=kfold", "cv=stratified", "cv=time", "cv=group")
SELECT = ("last", "inner", "fold")
OPTIONS = (
    *("max_epochs=3", "cv.n_splits=3", "cv.parallel=1", "baseline=linear"),
    *("profile=off", "tracker=none", "preflight=false", "audit=off"),
)


def arguments(number: int, path) -> list[str]:
    """Write a table with very few positive rows; return how run ``number`` splits it and picks its epochs."""
    random = np.random.default_rng(number)
    n_rows, n_positive = int(random.integers(24, 60)), int(random.integers(1, 7))
    target = random.permutation(np.repeat([1, 0], [n_positive, n_rows - n_positive]))
    cells = np.column_stack([random.normal(size=(n_rows, 2)).round(3) + target[:, None], np.arange(n_rows) // 4])
    lines = [f"{a},{b},{int(group)},{place},{y}" for place, (a, b, group) in enumerate(cells) for y in [target[place]]]
    path.write_text("\n".join(["a,b,group,day,y", *lines]) + "\n")
    split, leading = SPLITS[number % 4], LEADING[number % 3]
    rest = [name for name in LEADING if name != leading]
    columns = {"cv=time": "data.time=day data.drop=[group]", "cv=group": "data.group=group data.drop=[day]"}
    return [
        *("data=csv_tabular", f"data.path={path}", "data.label=y", split, f"cv.select={SELECT[(number // 4) % 3]}"),
        *columns.get(split, "data.drop=[group,day]").split(),
        *(["cv.rare=allow"] if split == "cv=stratified" else []),
        f"metrics.names=[{','.join([leading, *rest, 'balanced_accuracy'])}]",
        *OPTIONS,
    ]


def check(outcome, run) -> str:
    """Hold one run against scikit-learn on its out-of-fold rows, and against its own curves; say how it ended."""
    if outcome.code == 3:
        assert len(outcome.err.splitlines()) <= 5
        assert any(character.isdigit() for character in outcome.err)
        return "refused with counts"
    assert outcome.code == 0, outcome.err
    result, table = json.loads((run / "cv.json").read_text()), pq.read_table(run / "oof.parquet")
    oof, undefined = {name: table[name].to_numpy() for name in ("fold", "target", "proba_1")}, 0
    for name, reference in SCIKIT_LEARN.items():
        wanted = [scored(reference, oof, oof["fold"] == fold) for fold in range(result["n_splits"])]
        found = result["metrics"][name]
        known = [value for value in wanted if value is not None]
        assert [value is None for value in found["folds"]] == [value is None for value in wanted]
        assert found["mean"] == (pytest.approx(np.mean(known)) if known else None)
        assert (name in result["undefined"]) == (len(known) < len(wanted) or found["oof"] is None)
        undefined += len(wanted) - len(known)
        assert all(lead is None or math.isfinite(lead) for lead in result["baselines"]["linear"]["lead"][name]["folds"])
    for fold in range(result["n_splits"]):
        picked_rightly(json.loads((run / f"fold_{fold}/DONE").read_text()), result["primary"])
    return "undefined in some folds, and said" if undefined else "defined in all folds"


def scored(reference, oof, rows_N):
    target, proba = oof["target"][rows_N], oof["proba_1"][rows_N]
    return reference(target, proba) if 0 < target.sum() < len(target) else None


def picked_rightly(done, primary):
    scores = [epoch["monitor"].get(primary) for epoch in done["epochs"] if epoch["monitor"]]
    if scores:
        assert done["best_epoch"] == first_best(np.array(scores, dtype=float))


@pytest.mark.parametrize("number", [4, 9, 18])  # an inner slice, a fold that picks, a group; each of another metric
def test_a_run_with_hardly_a_positive_row(train, tmp_path, number):
    said = check(train(*arguments(number, tmp_path / "few.csv"), "run=a"), tmp_path / "runs/a")
    assert said


@pytest.mark.battery
def test_battery_of_runs_with_hardly_a_positive_row(train, tmp_path):
    def one(number: int, figures: Counter[str]) -> None:
        run = f"run=a{number}"
        figures[check(train(*arguments(number, tmp_path / "few.csv"), run), tmp_path / f"runs/a{number}")] += 1

    battery("F22", "runs with 1 to 6 positive rows", 60, one)


def test_a_score_that_is_undefined_neither_picks_an_epoch_nor_stops_a_fold():
    """Against the plain definition: the first best of the defined scores, the last epoch while all are the same."""
    random = np.random.default_rng(0)
    for _ in range(300):
        scores = np.where(random.random(12) < random.random(), np.nan, random.integers(0, 4, 12) / 4)
        name = str(random.choice(["accuracy", "log_loss"]))
        selection, stopped = Selection(name, patience_epochs=3), None
        for epoch, score in enumerate(scores.tolist(), 1):
            selection.update(EpochRecord(epoch, epoch, 0.0, 0.1, 0.0, monitor={name: score}), dict)
            stopped = stopped or (epoch if selection.stops_early() else None)
        sign = 1 if metric_named(name).greater_is_better else -1
        known = np.isfinite(scores)
        assert selection.epoch == first_best(sign * scores)
        assert selection.same == (len(set(scores[known].tolist())) < 2)
        assert stopped == first_stop(sign * scores)


def first_best(scores: np.ndarray) -> int:
    """Return the epoch of the best score, the first of equals; of equals that it begins with, the last."""
    (known,) = np.nonzero(np.isfinite(scores))
    if not len(known):
        return len(scores)
    if np.ptp(scores[known]) == 0:  # nothing is told: the last that has a score
        return int(known[-1]) + 1
    if scores[known[0]] == scores[known].max():
        differs = next(place for place in known if scores[place] != scores[known[0]])
        return int(known[known < differs][-1]) + 1
    return int(np.nanargmax(scores)) + 1


def first_stop(scores: np.ndarray) -> int | None:
    """Return the epoch after three scores in a row that were no better than the best before; None = never.

    Neither undefined ones count, nor those before the first that differs.
    """
    best, waited, seen = -np.inf, 0, set()
    for epoch, score in enumerate(scores.tolist(), 1):
        if not math.isnan(score):
            seen.add(score)
            best, waited = (score, 0) if score > best or len(seen) == 1 else (best, waited + 1)
        if waited == 3:
            return epoch
    return None


def test_a_sweep_ranks_no_job_without_a_mean(train, tmp_path):
    lines = [f"{i % 5},{(2 * i) % 7},{int(i == 17)}" for i in range(40)]  # only one fold holds a positive row out
    (tmp_path / "one.csv").write_text("\n".join(["a,b,y", *lines]) + "\n")
    table = ("data=csv_tabular", "data.path=one.csv", "data.label=y", "cv=kfold", "cv.n_splits=2", "cv.parallel=1")
    quick = ("max_epochs=1", "profile=off", "tracker=none", "preflight=false", "audit=off", "metrics.names=[roc_auc]")
    outcome = train("-m", *table, *quick, "optimizer.lr=0.01,0.1")
    assert outcome.code == 0
    board = next((tmp_path / "runs/sweeps").glob("*/leaderboard.md")).read_text()
    assert "nan" not in board.casefold()
    assert outcome.out.count("mean over 1 of 2 folds") + outcome.out.count("no row of class '1'") >= 2
