"""Blends of runs, without run directories: what is fitted where, and that the score is honest."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit, softmax

from tests.inference.blend_cases import make_plan, noisy_logits
from trainer.errors import ConfigError
from trainer.folds.plan import FoldPlan
from trainer.inference.blend import make_blend, member_scores
from trainer.inference.held_out import HeldOut
from trainer.inference.log_scores import log_scores, logit_scores
from trainer.inference.members import Members
from trainer.run.copies import RunCopy
from trainer.tasks import BINARY, MULTICLASS, MULTILABEL, REGRESSION, Task


@dataclass
class Case:
    task: Task
    target: np.ndarray
    plan: FoldPlan

    def members(self, logits_KRNC, *, metrics=("accuracy",), groups=None) -> Members:
        logits = np.where((self.plan.fold_of_row >= 0)[None, :, :, None], logits_KRNC, np.nan)
        proba = logits
        if self.task.has_classes:
            proba = expit(logits) if self.task.several_labels else softmax(logits, axis=-1)
        classes = [f"c{i}" for i in range(logits.shape[-1])]
        facts = {"task": self.task.name, "classes": classes, "metrics": list(metrics)}
        n_rows, n_folds = len(self.target), self.plan.n_folds
        runs = tuple(
            HeldOut(
                RunCopy(Path(f"run{k}"), facts, self.plan),
                np.arange(n_rows).astype(str),
                self.target,
                groups,
                proba[k],
                log_scores(self.task, proba[k]),
                1.0,
                (1,) * n_folds,
            )
            for k in range(len(logits))
        )
        return Members(runs, self.plan, proba, np.stack([run.scores_RNC for run in runs]))


def classes_case(n_rows=120, n_classes=3, repeats=1, **plan) -> Case:
    target = np.arange(n_rows) % n_classes
    return Case(MULTICLASS if n_classes > 2 else BINARY, target, make_plan(n_rows, repeats=repeats, **plan))


def logits_of(case: Case, *strengths: float, n_classes=3):
    repeats = case.plan.repeats
    return np.stack(
        [
            [noisy_logits(case.target, n_classes, strength, 10 * k + r) for r in range(repeats)]
            for k, strength in enumerate(strengths)
        ]
    )


@pytest.mark.parametrize("method", ["rank", "greedy", "nonnegative", "stack"])
@pytest.mark.parametrize("repeats", [1, 2])
def test_the_weights_of_a_fold_do_not_depend_on_its_rows_in_any_repeat(method, repeats):
    case = classes_case(repeats=repeats)
    logits = logits_of(case, 1.5, 1.0)
    before = make_blend(case.members(logits), method)
    changed = logits.copy()
    changed[1][:, case.plan.fold_of_row[0] == 2] = [9, -9, 0]
    after = make_blend(case.members(changed), method)
    assert before.by_fold[2] == after.by_fold[2]
    assert before.by_fold[1] != after.by_fold[1]
    assert before.fitted != after.fitted


def test_every_held_out_row_is_predicted_once_per_repeat_by_its_own_fold():
    case = classes_case(repeats=2)
    made = make_blend(case.members(logits_of(case, 1.5, 1.0)), "mean")
    for part in made.folds:
        np.testing.assert_array_equal(part.rows, np.flatnonzero(case.plan.fold_of_row[part.repeat] == part.fold))
        expected = made.members.proba_KRNC[:, part.repeat, part.rows].mean(axis=0)
        np.testing.assert_allclose(part.proba, expected, rtol=1e-6)
    assert [(part.repeat, part.fold) for part in made.folds] == [(r, f) for r in range(2) for f in range(4)]


@pytest.mark.parametrize("method", ["greedy", "nonnegative", "stack"])
def test_on_noise_the_cross_fitted_score_is_that_of_chance_and_the_other_is_not(method):
    cross_fitted, in_sample = [], []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        case = Case(BINARY, rng.integers(0, 2, 160), make_plan(160, seed=seed))
        made = make_blend(case.members(rng.normal(size=(12, 1, 160, 2))), method, "accuracy")
        right = [part.proba.argmax(axis=1) == case.target[part.rows] for part in made.folds]
        cross_fitted.append(np.concatenate(right).mean())
        in_sample.append(made.in_sample)
    error = np.std(cross_fitted, ddof=1) / np.sqrt(len(cross_fitted))
    assert abs(np.mean(cross_fitted) - 0.5) < max(3 * error, 0.02)
    assert np.mean(in_sample) > 0.55


def test_rows_that_no_fold_holds_out_are_fitted_on_by_none():
    case = classes_case(n_splits=3)
    fold_of_row = case.plan.fold_of_row.copy()
    fold_of_row[0, :30] = -1
    case = replace(case, plan=replace(case.plan, fold_of_row=fold_of_row))
    for method in ("mean", "rank", "greedy", "nonnegative", "stack"):
        made = make_blend(case.members(logits_of(case, 1.5, 1.0)), method)
        assert sorted(np.concatenate([part.rows for part in made.folds])) == list(range(30, 120))
        assert np.isfinite(made.in_sample)


def test_a_single_fold_leaves_nothing_to_score_fitted_weights_on():
    case = classes_case(n_splits=1)
    members = case.members(logits_of(case, 1.5, 1.0))
    with pytest.raises(ConfigError, match="hold out a single fold"):
        make_blend(members, "greedy")
    assert make_blend(members, "mean").in_sample > 0.7


def test_groups_are_drawn_whole_by_greedy_selection():
    case = classes_case()
    logits = logits_of(case, 1.0, 1.0)
    alone, together = (
        make_blend(case.members(logits, groups=groups), "greedy").fitted for groups in (None, np.arange(120) // 20)
    )
    assert alone.weights != together.weights


def test_labels_and_numbers_are_blended_too():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, (80, 3))
    case = Case(MULTILABEL, labels, make_plan(80))
    logits = np.stack([rng.normal(size=(1, 80, 3)) + s * (2 * labels - 1) for s in (2.0, 0.0)])
    made = make_blend(case.members(logits, metrics=("f1_micro",)), "nonnegative")
    assert made.fitted.weights[0] > 0.95
    numbers = rng.normal(size=80)
    case = Case(REGRESSION, numbers, make_plan(80))
    logits = numbers[None, None, :, None] + rng.normal(size=(2, 1, 80, 1))
    members = case.members(logits, metrics=("rmse",))
    made = make_blend(members, "greedy")
    assert made.in_sample < min(member_scores(members, "rmse"))
    assert made.folds[0].proba.dtype == np.float64


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("gredy", None), "did you mean 'greedy'"),
        (("greedy", "rmse"), "'rmse' is not for a multiclass task"),
        (("greedy", "acuracy"), "unknown metric 'acuracy'"),
    ],
)
def test_methods_and_metrics_that_cannot_be_are_refused(options, said):
    case = classes_case()
    with pytest.raises(ConfigError, match=said):
        make_blend(case.members(logits_of(case, 1.0, 1.0)), *options)


def test_scores_come_from_logits_where_float32_probabilities_have_lost_them():
    logits = np.array([[30.0, 0.0], [0.0, 18.0], [-1.0, 1.0]])
    proba = softmax(logits, axis=1).astype(np.float32)
    exact = logit_scores(BINARY, proba, logits.astype(np.float32))
    np.testing.assert_allclose(exact[:, 1] - exact[:, 0], logits[:, 1] - logits[:, 0], rtol=1e-6)
    one = logit_scores(BINARY, proba, (logits[:, 1:] - logits[:, :1]).astype(np.float32))
    np.testing.assert_allclose(one, exact, rtol=1e-6, atol=1e-12)
    other = logit_scores(BINARY, proba, np.zeros((3, 2), dtype=np.float32))  # a loss of another kind made these
    np.testing.assert_allclose(other, log_scores(BINARY, proba))
    many = np.array([[40.0, -40.0, 0.5]])
    np.testing.assert_allclose(logit_scores(MULTILABEL, expit(many).astype(np.float32), many.astype(np.float32)), many)
