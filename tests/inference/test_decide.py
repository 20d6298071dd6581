"""Decisions of runs: fitted on held-out rows, scored cross-fitted, kept in the run."""

import json
import shutil

import numpy as np
import pytest

from tests.inference.blend_cases import make_plan, noisy_logits, write_predictions
from trainer.cli.main import main as foldwise
from trainer.errors import CheckpointError, ConfigError, DataError
from trainer.inference import decide, decision_run
from trainer.inference.decide import Wanted, decide_run
from trainer.inference.decision import load_decision
from trainer.inference.held_out import read_held_out
from trainer.run.copies import open_copy
from trainer.tasks import BINARY, MULTILABEL, REGRESSION

N = 200
TARGET = (np.random.default_rng(0).random(N) < 0.25).astype(np.int64)
METRICS = ("accuracy",)
CLASSES = ("no", "yes")
pytestmark = pytest.mark.usefixtures("without_pictures")


@pytest.fixture(autouse=True, scope="module")
def _without_its_own_picture():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decision_run, "png_bytes", lambda figure: b"picture")
        yield


def two_classes(path, seed=1, strength=1.0, repeats=2, **options):
    logits = np.stack([2 * noisy_logits(TARGET, 2, strength, seed + r) for r in range(repeats)])
    return write_predictions(path, logits, TARGET, task=BINARY, classes=CLASSES, metrics=METRICS, **options)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return two_classes(tmp_path_factory.mktemp("run") / "a")


def test_on_noise_the_cross_fitted_figure_is_no_better_than_chance_and_the_other_is(tmp_path):
    gains, flattered = [], []
    for seed in range(10):
        place = two_classes(tmp_path / str(seed), seed=100 + seed, strength=0.0, repeats=1)
        [figures] = decide_run(place, Wanted("mcc")).figures
        gains.append(figures.cross_fitted)
        flattered.append(figures.in_sample)
    error = np.std(gains, ddof=1) / np.sqrt(len(gains))
    assert abs(np.mean(gains)) < 3 * error
    assert np.mean(flattered) > 0.08


def test_what_a_fold_is_decided_by_comes_from_no_row_of_it_in_any_repeat(run, monkeypatch):
    used, fit = [], decide._fit

    def spy(held_out, rows, used_M, *options):
        used.append(set(rows.row_M[used_M].tolist()))
        return fit(held_out, rows, used_M, *options)

    monkeypatch.setattr(decide, "_fit", spy)
    plan = decide_run(run, Wanted("f1_macro", calibrate="platt")).run.plan
    everything = set(range(N))
    held_out = [set(plan.rows(repeat, fold)[1].tolist()) for repeat in range(2) for fold in range(4)]
    assert used == [everything, *(everything - rows for rows in held_out)]


def test_a_decision_is_kept_read_back_and_applied_to_probabilities_alone(run):
    decided = decide_run(run, Wanted("f1_macro", calibrate="temperature", coverage=0.9))
    decision_run.save_decision(run, decided)
    found = load_decision(open_copy(run))
    assert found == decided.decision
    held_out = read_held_out(run)
    labels, proba = found.apply(held_out.proba_RNC[0].astype(np.float32))
    exact, exact_proba = found.apply(held_out.proba_RNC[0], held_out.scores_RNC[0])
    np.testing.assert_allclose(proba, exact_proba, atol=1e-5)
    assert (labels == exact).mean() > 0.99
    assert labels.sum() > (held_out.proba_RNC[0].argmax(axis=1)).sum() * 0.2
    kept = json.loads((run / "decision.json").read_text())
    assert kept["thresholds"] == list(found.thresholds)
    assert kept["after"]["log_loss"] < kept["before"]["log_loss"]
    assert found.conformal.sets(np.stack([held_out.proba_RNC[0]] * 4)).any(axis=1).all()


def test_a_decision_of_folds_that_were_trained_again_is_refused(tmp_path, run):
    decision_run.save_decision(run, decide_run(run, Wanted("mcc")))
    again = two_classes(tmp_path / "a", seed=7)
    shutil.copy(run / "decision.json", again / "decision.json")
    with pytest.raises(CheckpointError, match="fitted on other folds"):
        load_decision(open_copy(again))
    changed = json.loads((run / "decision.json").read_text())
    changed["offsets"][1] += 1
    (again / "decision.json").write_text(json.dumps(changed))
    with pytest.raises(CheckpointError, match="changed after it was written"):
        load_decision(open_copy(again))


def test_labels_numbers_and_costs_of_several_classes_are_decided_too(tmp_path):
    rng = np.random.default_rng(0)
    labels = (rng.random((N, 3)) < 0.3).astype(np.int64)
    logits = rng.normal(size=(N, 3)) + 2 * labels - 2.5
    place = write_predictions(tmp_path / "l", logits, labels, task=MULTILABEL, metrics=("f1_macro",))
    decided = decide_run(place, Wanted("f1_macro", calibrate="isotonic"))
    assert decided.figures[0].cross_fitted > decided.figures[0].before + 0.1
    numbers = rng.normal(size=N)
    place = write_predictions(
        tmp_path / "n", (numbers + rng.normal(size=N))[:, None], numbers, task=REGRESSION, metrics=("rmse",)
    )
    decided = decide_run(place, Wanted(coverage=0.8))
    assert abs(decided.coverage.share - 0.8) < 0.1
    assert decided.decision.conformal.intervals(np.zeros((4, 3))).shape == (3, 2)
    three = rng.integers(0, 3, N)
    place = write_predictions(tmp_path / "c", noisy_logits(three, 3, 1.5, 0), three, metrics=METRICS)
    decided = decide_run(place, Wanted(cost="0,1,1;9,0,1;9,1,0", calibrate="vector"))
    assert decided.figures[0].name == "mean cost"
    assert decided.figures[0].cross_fitted < decided.figures[0].before
    said, proba = decided.decision.apply(np.array([[0.4, 0.3, 0.3]]))
    expected = proba @ np.array([[0, 1, 1], [9, 0, 1], [9, 1, 0]])
    assert said[0] == expected[0].argmin() != 0


def test_rows_that_are_never_held_out_count_nowhere(tmp_path):
    plan = make_plan(N)
    fold_of_row = plan.fold_of_row.copy()
    fold_of_row[0, :50] = -1
    plan = type(plan)("kfold", 4, 1, 0, fold_of_row, "e" * 64)
    place = two_classes(tmp_path / "a", repeats=1, plan=plan)
    decided = decide_run(place, Wanted("mcc", calibrate="temperature", coverage=0.9))
    assert sum(map(len, decided.decision.conformal.scores)) == N - 50
    assert np.isfinite([decided.figures[0].cross_fitted, decided.figures[0].in_sample, decided.after.ece]).all()


def test_a_single_fold_and_what_is_never_reached_are_refused(tmp_path, run):
    logits = noisy_logits(TARGET, 2, 1.0, 1)
    options = {"task": BINARY, "classes": CLASSES, "metrics": METRICS}
    single = write_predictions(tmp_path / "one", logits, TARGET, plan=make_plan(N, 1), **options)
    for wanted in (Wanted("mcc"), Wanted(coverage=0.9)):
        with pytest.raises(DataError, match="single fold"):
            decide_run(single, wanted)
    logits[TARGET == 0, 1] += 9
    worse = write_predictions(tmp_path / "worse", logits, TARGET, **options)
    with pytest.raises(DataError, match=r"no threshold reaches a precision of 1 on the held-out rows; the most is 0\."):
        decide_run(worse, Wanted("recall@precision=1"))


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (Wanted(), "nothing to decide"),
        (Wanted(coverage=1.0), "must lie between 0 and 1"),
        (Wanted(calibrate="plat"), "did you mean 'platt'"),
        (Wanted("log_loss"), "no threshold changes it"),
    ],
)
def test_what_cannot_be_wanted_is_refused(run, wanted, said):
    with pytest.raises(ConfigError, match=said):
        decide_run(run, wanted)


def test_the_command_prints_both_figures_keeps_the_decision_and_removes_it(run, capsys):
    assert foldwise(["decide", str(run), "--metric", "mcc", "--calibrate", "platt", "--coverage", "0.9"]) == 0
    said = capsys.readouterr().out
    assert "cross-fitted" in said
    assert "on the rows it was fitted on" in said
    assert "expected where calibrated" in said
    assert "covered by class: no " in said
    assert (run / "plots" / "reliability.png").read_bytes() == b"picture"
    assert load_decision(open_copy(run)).calibration.method == "platt"
    assert foldwise(["report", str(run)]) == 0
    assert "## Decision" in (run / "report.md").read_text()
    assert "calibrated by platt scaling" in (run / "report.md").read_text()
    assert foldwise(["decide", str(run), "--metric", "f1_macro"]) == 0
    assert not (run / "plots" / "reliability.png").exists()
    assert foldwise(["decide", str(run), "--remove"]) == 0
    assert load_decision(open_copy(run)) is None
    assert foldwise(["report", str(run)]) == 0
    assert "## Decision" not in (run / "report.md").read_text()
    assert foldwise(["decide", str(run), "--remove", "--metric", "mcc"]) == 2
    assert foldwise(["decide", str(run / "absent"), "--metric", "mcc"]) == 4
    capsys.readouterr()
