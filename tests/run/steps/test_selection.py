"""A metric that cannot pick is refused before the first step, with the fold, what its rows lack, and what helps."""

from dataclasses import replace

import numpy as np
import pytest

from tests.folds.fold_cases import plan
from tests.run.test_fold import experiment
from trainer.config.cv import CvConfig, InnerConfig
from trainer.data.samples import Samples
from trainer.errors import DataError
from trainer.run.fold_data import fold_rows
from trainer.run.steps.selection import selection_start
from trainer.tasks import BINARY

TARGET = np.repeat([0, 1], [130, 20])


def made(cv, *, strategy="kfold", metric="average_precision", target=TARGET, groups=None, times=None):
    """Rows of two classes under a plan; the features are those of the flowers."""
    base = experiment(cv=cv)
    samples = Samples(base.samples.ids_N, base.samples.inputs, target, None, groups, times)
    given = {"groups_N": groups} if groups is not None else {}
    made_plan = plan(target, strategy, n_splits=3, shuffle=strategy == "kfold", times_N=times, **given)
    recipe = base.recipe.with_settings(metrics=(metric,))
    spec = replace(base.spec, task=BINARY, classes=("no", "yes"))
    return replace(base, samples=samples, spec=spec, plan=made_plan, recipe=recipe)


def refusal(exp, wanted=(0, 1, 2)):
    with pytest.raises(DataError) as caught:
        selection_start(exp, wanted)
    return str(caught.value).splitlines()


def test_a_held_out_group_of_one_class_cannot_pick_its_epoch():
    groups = np.repeat(["a", "b", "c"], 50)
    exp = made(CvConfig(select="fold"), strategy="leave_one_group_out", groups=groups)
    assert refusal(exp) == [
        "fold 0: average precision cannot pick on its held-out rows (50 rows): no row of class 'yes'; of all 100 "
        "training rows 20 are of 'yes'",
        "use cv.select=last, or lead metrics.names with another metric",
    ]
    assert selection_start(exp, [2]) == []
    accurate = made(CvConfig(select="fold"), strategy="leave_one_group_out", groups=groups, metric="accuracy")
    assert selection_start(accurate, [0, 1, 2]) == []


def test_the_latest_rows_may_lack_a_class():
    times = np.arange(150.0)
    exp = made(CvConfig(select="inner"), strategy="time", metric="roc_auc", target=TARGET[::-1].copy(), times=times)
    said, helps = refusal(exp, wanted=[1])
    assert said.startswith("fold 1: ROC AUC cannot pick on the slice that picks")
    assert "no row of class 'yes'" in said
    assert helps == "use another cv.inner_fraction, cv.select=last, or lead metrics.names with another metric"


def test_a_slice_of_rows_has_the_rare_class_and_is_not_refused():
    rare = np.repeat([0, 1], [145, 5])
    exp = made(CvConfig(select="inner"), target=rare, strategy="stratified", metric="roc_auc")
    notes = selection_start(exp, [0, 1, 2])
    assert rare[fold_rows(exp, 0).monitor].sum() == 1
    few = "ROC AUC picks on 1 row of class 'yes' ({} in training): fewer than 5 decide by chance; use cv.select=last"
    assert notes == [f"fold 0: {few.format(4)}", f"folds 1, 2: {few.format(3)}"]
    accurate = made(CvConfig(select="inner"), target=rare, strategy="stratified", metric="accuracy")
    assert selection_start(accurate, [0, 1, 2]) == []


def test_a_larger_slice_is_named_where_it_has_enough_of_the_rarest_class():
    exp = made(CvConfig(select="inner"), strategy="stratified", target=np.repeat([0, 1], [126, 24]))
    (note,) = selection_start(exp, [0, 1, 2])
    assert note == (
        "folds 0, 1, 2: average precision picks on 2 rows of class 'yes' (16 in training): fewer than 5 decide by "
        "chance; use cv.inner_fraction=0.32 or cv.select=last"
    )
    larger = made(CvConfig(select="inner", inner_fraction=0.32), strategy="stratified", target=exp.samples.target)
    assert selection_start(larger, [0, 1, 2]) == []
    on_folds = made(CvConfig(select="fold"), strategy="stratified", target=np.repeat([0, 1], [141, 9]))
    assert "picks on 3 rows of class 'yes' (6 in training)" in selection_start(on_folds, [0, 1, 2])[0]


def test_without_a_pick_nothing_is_asked():
    groups = np.repeat(["a", "b", "c"], 50)
    assert selection_start(made(CvConfig(), strategy="leave_one_group_out", groups=groups), [0, 1, 2]) == []


def test_inner_folds_that_cannot_pick_are_named_and_refused_where_none_can():
    rare = np.repeat([0, 1], [147, 3])
    nested = CvConfig(select="inner", inner=InnerConfig(3, {}))
    exp = made(nested, target=rare)
    notes = selection_start(exp, [0, 1, 2])
    assert "inner folds (no row of class 'yes'): they have no part in the pick" in notes[0]
    lone = made(nested, target=np.repeat([0, 1], [149, 1]))
    holding = int(lone.plan.fold_of_row[0, 149])  # trains on no row of the class
    said, helps = refusal(lone, wanted=[holding])
    assert said.startswith(f"fold {holding}: average precision cannot pick on any inner fold (34 rows)")
    assert helps == "use fewer cv.inner.n_splits, or lead metrics.names with another metric"
