"""Comparisons of runs whose predictions the test chose: the figures, the sentence, and what cannot be compared."""

import json
import re
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import t
from sklearn.metrics import accuracy_score, roc_auc_score

from tests.inference.blend_cases import make_plan, noisy_logits, write_predictions
from trainer.cli.main import main
from trainer.errors import CheckpointError, ConfigError, DataError
from trainer.evidence.not_defined import NotDefined
from trainer.inference.blend_run import blend_runs
from trainer.inference.compare import compare
from trainer.inference.compare_answer import answer
from trainer.inference.compare_html import whole_page
from trainer.inference.compare_page import as_text, to_dict
from trainer.tasks import BINARY, MULTILABEL, REGRESSION

N = 120
TARGET = np.arange(N) % 2


def run(path: Path, *, strength=1.0, seed=1, target=TARGET, **options) -> Path:
    n = len(target)
    options = {"task": BINARY, "metrics": ("accuracy", "roc_auc"), "plan": make_plan(n), **options}
    logits = options.pop("logits") if "logits" in options else noisy_logits(target, 2, strength, seed)
    return write_predictions(path, logits, target, **options)


@pytest.fixture(scope="module")
def weak(tmp_path_factory) -> Path:
    return run(tmp_path_factory.mktemp("runs") / "weak")


@pytest.fixture(scope="module")
def strong(tmp_path_factory) -> Path:
    return run(tmp_path_factory.mktemp("runs") / "strong", strength=4.0, seed=2)


def by_hand(target, plan, proba_a, proba_b):
    """Accuracy of each, and mean, standard error and p of the corrected t-test over the folds of one repeat."""
    right = [(proba.argmax(axis=1) == target) for proba in (proba_a, proba_b)]
    lead = np.array(
        [np.subtract(*[one[plan.fold_of_row[0] == fold].mean() for one in right[::-1]]) for fold in range(4)]
    )
    se = np.sqrt((1 / 4 + 1 / 3) * lead.var(ddof=1))
    return [one.mean() for one in right], lead.mean(), se, 2 * t.sf(abs(lead.mean()) / se, 3)


def test_a_clear_difference_is_said_first_and_has_the_figures_of_its_definition(weak, strong):
    found = compare([weak, strong])
    one, two = (run.run.proba_RNC[0] for run in found.runs)
    (a, b), mean, se, p = by_hand(TARGET, make_plan(N), one, two)
    [pair] = found.pairs
    assert [run.score for run in found.runs] == pytest.approx([a, b])
    assert (pair.lead, pair.folds.mean, pair.folds.se, pair.folds.p) == pytest.approx((b - a, mean, se, p))
    low, high = pair.rows.ci95
    assert low < b - a < high
    assert pair.mcnemar.only_b - pair.mcnemar.only_a == round((b - a) * N)
    assert pair.delong is None
    assert answer(found).startswith(f"strong is better than weak: accuracy {b:.4f} against {a:.4f}, by {b - a:.4f}")
    assert "the folds bear it out (corrected t-test, p = " in answer(found)
    assert answer(compare([strong, weak])) == answer(found)
    assert "is this trained model better? 95 % CI over rows, McNemar\n" in as_text(found)
    assert "is this way of training better? corrected and Bayesian t-test over folds" in as_text(found)


def test_areas_are_compared_by_delong_and_in_every_repeat(tmp_path):
    plan = make_plan(N, repeats=3)
    logits = [np.stack([noisy_logits(TARGET, 2, 1.0, seed + r) for r in range(3)]) for seed in (10, 20)]
    paths = [run(tmp_path / name, logits=one, plan=plan) for name, one in zip("ab", logits, strict=True)]
    found = compare(paths, metric="roc_auc")
    expected = [np.mean([roc_auc_score(TARGET, proba[:, 1]) for proba in one.run.proba_RNC]) for one in found.runs]
    assert [run.score for run in found.runs] == pytest.approx(expected)
    [pair] = found.pairs
    assert pair.delong.area_b - pair.delong.area_a == pytest.approx(pair.lead)
    assert pair.folds.df == 3 * 4 - 1
    assert pair.smallest.repeats == 6
    assert pair.smallest.then < pair.smallest.now


def test_everything_is_said_in_chinese_to_who_reads_chinese(monkeypatch, weak, strong):
    monkeypatch.setenv("FOLDWISE_LANG", "zh")
    found = compare([weak, strong], metric="roc_auc")
    rest = re.sub("weak|strong|ROC AUC|DeLong|p [=<]", "", as_text(found))
    assert not re.search("[a-zA-Z]{2,}", rest.replace("cv.repeats", "")), rest
    assert "校正 t 检验" in rest
    assert "differences" not in whole_page(found).partition("<script")[0].lower()


def test_equal_predictions_are_no_difference(tmp_path, weak):
    found = compare([weak, run(tmp_path / "copy")])
    assert answer(found) == "no difference: the predictions of weak and copy are the same"
    assert found.pairs[0].folds == NotDefined("the predictions are the same")
    assert found.pairs[0].rows.ci95 == (0.0, 0.0)
    assert "copy differs from weak in nothing" in as_text(found)
    assert "way of training" not in as_text(found)


def test_rows_that_are_right_alike_are_no_difference(tmp_path, weak):
    other = run(tmp_path / "b", logits=2 * noisy_logits(TARGET, 2, 1.0, 1))
    found = compare([weak, other])
    assert answer(found).startswith("no difference: weak and b have the same accuracy (0.")
    assert found.pairs[0].folds.why == "every fold differs by 0: there is no spread to test by"


def test_no_difference_says_what_the_folds_can_show(tmp_path, weak):
    other = run(tmp_path / "other", seed=5)
    said = answer(compare([weak, other]))
    assert said.startswith("no difference is shown between ")
    assert "the smallest difference these folds can show is" in said
    assert "cv.repeats=4 would make it" in said


def test_folds_that_do_not_bear_out_what_the_rows_say(tmp_path):
    plan = make_plan(N)
    logits = 4.0 * np.eye(2)[TARGET]
    better, worse = logits.copy(), logits.copy()
    worse[(plan.fold_of_row[0] == 0) & (np.arange(N) % 4 < 2)] *= -1  # all of the difference is in one fold
    paths = [run(tmp_path / name, logits=one) for name, one in (("b", better), ("w", worse))]
    found = compare(paths)
    assert answer(found).startswith("b is ahead of w on these rows")
    assert "the folds do not bear it out (corrected t-test, p = 0.5" in answer(found)


def test_folds_that_say_the_opposite_of_all_rows_together_bear_nothing_out(tmp_path):
    """Scores on a scale of their own in each fold rank well within it, and badly among the others' rows."""
    plan, lift = make_plan(N), np.array([[0.0, 0.0], [0.0, 6.0], [0.0, -6.0], [0.0, 3.0]])
    logits = noisy_logits(TARGET, 2, 1.5, 3)
    apart = noisy_logits(TARGET, 2, 2.0, 3) + lift[plan.fold_of_row[0]]
    found = compare([run(tmp_path / "even", logits=logits), run(tmp_path / "apart", logits=apart)], metric="roc_auc")
    [pair] = found.pairs
    assert pair.lead < 0 < pair.folds.mean
    assert pair.p["folds"] < 0.05
    assert pair.by_folds is False
    assert answer(found).startswith("even is ahead of apart on these rows")
    assert "but the mean of the folds leans the other way (corrected t-test, p = 0.0" in answer(found)


def test_more_than_two_runs_are_corrected_for_their_number(tmp_path):
    drawn = {"weak": (1.0, 1), "strong": (4.0, 2), "other": (1.0, 5)}
    plan = make_plan(N, 10)
    paths = [run(tmp_path / name, strength=k, seed=seed, plan=plan) for name, (k, seed) in drawn.items()]
    found = compare(paths)
    alone = [compare(list(two)).pairs[0].folds.p for two in combinations(paths, 2)]
    smallest = int(np.argmin(alone))
    assert found.pairs[smallest].p["folds"] == pytest.approx(3 * alone[smallest])
    assert answer(found).startswith("strong scores best (accuracy ")
    assert "better than weak and other (corrected for 3 pairs)" in answer(found)
    assert "rank runs over data sets" in as_text(found)


def test_groups_are_drawn_whole_and_stop_what_takes_rows_for_independent(tmp_path):
    groups = (np.arange(N) // 6).astype(str)
    paths = [run(tmp_path / name, seed=seed, groups=groups) for name, seed in (("a", 1), ("b", 2))]
    found = compare(paths)
    assert found.n_groups == 20
    assert found.pairs[0].mcnemar.unit == "group"
    assert "over 20 groups" in as_text(found)
    assert "those of a group are alike" in compare(paths, metric="roc_auc").pairs[0].delong.why
    one_group = [run(tmp_path / name, seed=seed, groups=np.full(N, "g")) for name, seed in (("c", 1), ("d", 2))]
    assert "one group" in compare(one_group).pairs[0].rows.why


def test_labels_and_numbers_are_compared_too(tmp_path):
    rng = np.random.default_rng(0)
    labels, numbers = rng.integers(0, 2, size=(N, 3)), rng.normal(size=N)
    paths = [
        run(tmp_path / f"l{seed}", target=labels, logits=rng.normal(size=(N, 3)) + seed * labels, task=MULTILABEL,
            metrics=("subset_accuracy",))
        for seed in (0, 6)
    ]  # fmt: skip
    found = compare(paths)
    assert found.pairs[0].mcnemar.p < 1e-4
    assert answer(found).startswith("l6 is better than l0: subset accuracy")
    paths = [
        run(tmp_path / f"n{noise}", target=numbers, logits=(numbers + noise * rng.normal(size=N))[:, None],
            task=REGRESSION, metrics=("rmse",))
        for noise in (1, 3)
    ]  # fmt: skip
    found = compare(paths)
    assert answer(found).startswith("n1 is better than n3: RMSE")
    assert found.pairs[0].lead < 0  # of the second, which is worse though its RMSE is greater
    assert found.rope == pytest.approx(found.runs[0].score / 100)


def test_a_fold_without_a_class_stops_the_tests_over_folds_and_is_named(tmp_path):
    target = np.zeros(N, dtype=int)
    target[:40] = 1
    plan = replace(make_plan(N), fold_of_row=np.where(np.arange(N) < 40, np.arange(N) % 3, np.arange(N) % 4)[None])
    paths = [run(tmp_path / name, seed=seed, target=target, plan=plan) for name, seed in (("a", 1), ("b", 2))]
    [pair] = compare(paths, metric="roc_auc").pairs
    assert pair.folds.why == "undefined in 1 of 4 folds: fold 3 holds out no row of class 'c1'"
    assert pair.rows.ci95[0] < pair.lead < pair.rows.ci95[1]
    assert pair.delong.p == pytest.approx(pair.rows.p, abs=0.1)


def test_rows_of_one_class_have_no_area(tmp_path):
    paths = [run(tmp_path / name, seed=seed, target=np.zeros(N, dtype=int)) for name, seed in (("a", 1), ("b", 2))]
    found = compare(paths, metric="roc_auc")
    assert answer(found) == "nothing can be said: ROC AUC is undefined on the held-out rows"
    assert found.pairs[0].delong == NotDefined("0 positive rows: a variance takes two")
    assert json.dumps(to_dict(found), allow_nan=False)


def test_one_fold_says_nothing_of_other_training_rows(tmp_path):
    fold_of_row = np.where(np.arange(N) < 80, 0, -1)[None]
    plan = replace(make_plan(N), strategy="holdout", n_splits=1, fold_of_row=fold_of_row)
    paths = [run(tmp_path / name, strength=k, plan=plan) for name, k in (("a", 0.2), ("b", 5.0))]
    found = compare(paths)
    assert "of models trained on other rows nothing can be said (one fold" in answer(found)
    assert "is this way of training better? nothing here answers this" in as_text(found)
    assert found.pairs[0].rows.n_draws == 1000
    assert accuracy_score(TARGET[:80], found.runs[0].run.proba_RNC[0, :80].argmax(axis=1)) == found.runs[0].score
    all_held_out = make_plan(N, n_splits=1)  # nothing is left to train on, as where a program has written the run
    paths = [run(tmp_path / name, strength=k, plan=all_held_out) for name, k in (("c", 0.2), ("d", 5.0))]
    assert "of models trained on other rows nothing can be said (one fold" in answer(compare(paths))


def test_tiny_folds_are_told(tmp_path):
    target, plan = TARGET[:8], make_plan(8)
    paths = [run(tmp_path / name, seed=seed, target=target, plan=plan) for name, seed in (("a", 1), ("b", 2))]
    assert "the smallest fold holds out 2 rows" in compare(paths).notes[0]


def test_a_blend_is_a_run(tmp_path, weak, strong):
    blend_runs([weak, strong], tmp_path / "blend", method="mean")
    found = compare([strong, tmp_path / "blend"])
    assert "blend is a blend: the weights of a fold's rows come from the other folds" in found.notes


REFUSED = {
    "folds": ({"plan": make_plan(N, seed=5)}, DataError, "other folds: .*\n.*or add --unpaired"),
    "repeats": (
        {"plan": make_plan(N, repeats=2), "logits": np.zeros((2, N, 2))},
        DataError,
        "4 folds x 2 there, kfold, 4 folds x 1 here",
    ),
    "labels": ({"target": 1 - TARGET}, DataError, "120 rows have other labels"),
    "class order": ({"classes": ["c1", "c0"]}, DataError, "the classes in another order: c1, c0 there"),
    "rows": ({"ids": np.array([f"other{i}" for i in range(N)])}, DataError, "other rows: .*\n.*add --unpaired"),
    "not finite": ({"logits": np.full((N, 2), np.nan)}, CheckpointError, "are not finite"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_runs_that_cannot_be_compared_are_refused_with_what_differs(tmp_path, weak, what):
    options, kind, said = REFUSED[what]
    with pytest.raises(kind, match=said):
        compare([weak, run(tmp_path / "b", **options)])


def test_what_is_asked_for_is_checked_first(tmp_path, weak, strong):
    unfinished = run(tmp_path / "unfinished")
    (unfinished / "fold_2" / "DONE").unlink()
    for options, kind, said in (
        ({"directories": [weak]}, ConfigError, "two runs at least"),
        ({"directories": [weak, weak]}, ConfigError, "does not differ from itself"),
        ({"directories": [weak, unfinished]}, CheckpointError, "1 of 4 folds are not finished: 2"),
        ({"metric": "rmse"}, ConfigError, "--metric: 'rmse' is not for a binary task"),
        ({"rope": -1.0}, ConfigError, "--rope -1"),
    ):
        with pytest.raises(kind, match=said):
            compare(**{"directories": [weak, strong], **options})


def test_unpaired_takes_other_rows_and_is_wider(tmp_path, weak):
    same_rows = run(tmp_path / "b", logits=noisy_logits(TARGET, 2, 1.0, 1) + noisy_logits(TARGET, 2, 0.1, 3) / 3)
    paired, apart = (compare([weak, same_rows], unpaired=unpaired).pairs[0].rows for unpaired in (False, True))
    assert np.ptp(apart.ci95) > 1.5 * np.ptp(paired.ci95)
    others = run(tmp_path / "c", target=TARGET[:60], ids=np.array([f"x{i}" for i in range(60)]), strength=5.0)
    found = compare([weak, others], unpaired=True)
    assert answer(found).startswith("c is better than weak")
    assert "as runs that have nothing in common" in answer(found)
    assert "takes the same rows in the same folds" in found.pairs[0].folds.why


def page_data(page: str):
    return json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL)[1])["compared"]


def test_the_page_draws_both_runs_on_the_same_axes(tmp_path, weak, strong):
    drawn = page_data(whole_page(compare([weak, strong])))
    assert (drawn["runs"], drawn["folds"]) == (["weak", "strong"], ["0", "1", "2", "3"])
    for one, run_drawn in zip(compare([weak, strong]).runs, drawn["classes"][0]["runs"], strict=True):
        x, y = run_drawn["roc"]
        assert np.trapezoid(y, x) == pytest.approx(roc_auc_score(TARGET, one.run.proba_RNC[0, :, 1]), abs=2e-3)
    others = run(tmp_path / "c", target=TARGET[:60], ids=np.array([f"x{i}" for i in range(60)]))
    apart = page_data(whole_page(compare([weak, others], unpaired=True)))
    assert apart["folds"] == []
    assert len(apart["classes"][0]["runs"]) == 2


def test_the_page_of_numbers_and_of_labels_and_of_names_that_are_markup(tmp_path):
    value = np.linspace(-1, 1, N)
    logits = [value[:, None] + 0.1 * np.random.default_rng(seed).normal(size=(N, 1)) for seed in (1, 2)]
    numbers = {"task": REGRESSION, "metrics": ("rmse",), "target": value}
    paths = [run(tmp_path / f"<b>{i}", logits=one, **numbers) for i, one in enumerate(logits)]
    page = whole_page(compare(paths))
    assert page_data(page)["classes"] == []
    assert "<b>0" not in page
    labels = np.random.default_rng(0).integers(0, 2, (N, 3))
    several = {"task": MULTILABEL, "metrics": ("f1_macro",), "target": labels}
    scores = [4.0 * labels - 2 + np.random.default_rng(seed).normal(size=(N, 3)) for seed in (1, 2)]
    paths = [run(tmp_path / f"l{i}", logits=one, **several) for i, one in enumerate(scores)]
    assert len(page_data(whole_page(compare(paths)))["classes"]) == 3


def test_the_command_prints_json_and_writes_pictures_and_a_page(tmp_path, weak, strong, capsys):
    picture, page = tmp_path / "d.png", tmp_path / "d.html"
    assert main(["compare", str(weak), str(strong), "--json", "--plot", str(picture)]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads(json.dumps(to_dict(compare([weak, strong]))))
    assert printed["pairs"][0]["mcnemar"]["p"] < 0.05
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert main(["compare", str(weak), str(strong), "--plot", str(page)]) == 0
    assert capsys.readouterr().out.startswith("strong is better than weak")
    text = page.read_text(encoding="utf-8")
    assert text == whole_page(compare([weak, strong]))
    assert "<h1>strong is better than weak" in text
    assert main(["compare", str(weak), str(strong), "--plot", "d.pdf"]) == 2
    assert "ends in .png or .html" in capsys.readouterr().err
