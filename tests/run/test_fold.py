import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from tests.iris_cases import IRIS
from trainer.config.cv import CvConfig
from trainer.config.schema import AmpConfig, FitConfig, RunConfig, RuntimeConfig
from trainer.data.loading.batch_order import training_order
from trainer.data.samples import Samples
from trainer.engine.fit import fit
from trainer.errors import ConfigError, DataError
from trainer.run.factories import fresh_learner, loss_arguments
from trainer.run.fold_data import fold_rows, inner_split, prepare_fold, preprocess
from trainer.run.prepare import prepare
from trainer.tasks import MULTICLASS, MULTILABEL

STEP = "torch.optim.lr_scheduler."


def config(**changes):
    return RunConfig(**{**IRIS, "max_epochs": 2, **changes})


def trained(exp, fold, epochs=None):
    """Train a fold without saving it, as a run does."""
    it, settings = fresh_learner(exp.recipe, exp.spec, fold), exp.recipe.settings
    settings = replace(settings, max_epochs=epochs or settings.max_epochs)
    result, weights = fit(it, fold.data, fold.rows, settings, exp.spec)
    scaler = it.precision.scaler
    amp = {"skipped_steps": scaler.skipped_steps, "loss_scale": scaler.scale}
    return SimpleNamespace(result=result, weights=weights, amp=amp, preprocess=fold.fitted.to_json())


def plain_fold(exp, number):
    """A fold whose body, frozen or not, is run with each batch."""
    return preprocess(exp, fold_rows(exp, number))


def run_number(exp, number):
    return trained(exp, prepare_fold(exp, number))


def experiment(**changes):
    return prepare(config(**changes))


def built(exp, number=0):
    fold = prepare_fold(exp, number)
    return fresh_learner(exp.recipe, exp.spec, fold), fold.data, fold.rows


def weights_of(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def test_each_fold_starts_afresh_and_from_seed_repeat_and_fold_alone():
    exp = experiment()
    first, second, again = built(exp, 0)[0], built(exp, 1)[0], built(exp, 0)[0]
    assert first.model is not second.model
    assert not torch.equal(weights_of(first.model), weights_of(second.model))
    torch.manual_seed(99)
    assert torch.equal(weights_of(first.model), weights_of(again.model))
    assert not torch.equal(weights_of(first.model), weights_of(built(experiment(seed=0), 0)[0].model))
    repeated = experiment(cv=CvConfig(repeats=2))
    assert not torch.equal(weights_of(built(repeated, 0)[0].model), weights_of(built(repeated, 5)[0].model))


def test_a_folds_scaler_and_optimizer_do_not_know_the_fold_before():
    exp = experiment(amp=AmpConfig("O2", dtype="fp16"))
    first, data, rows = built(exp, 0)
    first.model.head.weight.register_hook(lambda gradient: gradient * float("inf"))
    first.precision.backward(
        first.loss(first.precision.forward(first.model, data.batch(rows.train).inputs), data.target[rows.train]).mean()
    )
    first.precision.step(first.optimizer, None)
    assert first.precision.scaler.scale == 2.0**15
    second = built(exp, 1)[0]
    assert second.precision.scaler.scale == 2.0**16
    assert second.precision.scaler.skipped_steps == 0
    assert second.precision.scaler is not first.precision.scaler
    assert second.optimizer.state == {}


@pytest.mark.parametrize(("select", "n_train"), [("last", 120), ("fold", 120), ("inner", 108)])
def test_the_schedule_is_as_long_as_the_fold(select, n_train):
    """Under inner selection the fold trains on fewer rows than the split says; the whole data set has 150."""
    section = {"_target_": STEP + "CosineAnnealingLR", "T_max": "total_steps"}
    exp = experiment(scheduler=section, cv=CvConfig(select=select), batch_size=7, fit=FitConfig(accumulate_steps=2))
    it, _, rows = built(exp)
    assert len(rows.train) == n_train
    steps = math.ceil(math.ceil(n_train / 7) / 2)
    assert it.scheduler.T_max == 2 * steps
    warm = replace(exp, recipe=replace(exp.recipe, fit=FitConfig(accumulate_steps=2, warmup_steps=3)))
    assert built(warm)[0].scheduler._schedulers[1].T_max == 2 * steps - 3


def test_the_schedule_ends_with_the_fold():
    section = {"_target_": STEP + "LinearLR", "start_factor": 1.0, "end_factor": 0.0, "total_iters": "total_steps"}
    trained = run_number(experiment(scheduler=section, fit=FitConfig(warmup_steps=2)), 0)
    assert [epoch.lr for epoch in trained.result.epochs] == pytest.approx([0.1 * 4 / 6, 0.0], abs=1e-8)


def test_a_fold_is_what_a_loop_written_by_hand_gives():
    exp = experiment(batch_size=16)
    trained = run_number(exp, 2)
    it, data, rows = built(exp, 2)
    model = it.model
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for epoch in (1, 2):
        for batch_rows in training_order(rows.train, 16, (42, 0, 2, epoch), None):
            batch = data.batch(batch_rows)
            optimizer.zero_grad()
            losses = F.cross_entropy(model(**batch.inputs), batch.target, reduction="none")
            (losses.sum() / len(batch_rows)).backward()
            optimizer.step()
    with torch.no_grad():
        expected = model(**data.batch(rows.held_out).inputs)
    assert np.array_equal(trained.result.logits, expected.numpy())
    assert all(torch.equal(trained.weights[name], value) for name, value in model.state_dict().items())
    assert trained.amp == {"skipped_steps": 0, "loss_scale": 1.0}
    assert (trained.result.repeat, trained.result.fold) == (0, 2)


def test_the_preprocessing_sees_the_training_rows_only():
    exp = experiment()
    fold = prepare_fold(exp, 0)
    rows, numeric = fold.rows, fold.data.rows.inputs["numeric"]
    torch.testing.assert_close(numeric[rows.train].mean(0), torch.zeros(4), atol=1e-5, rtol=0)
    assert not torch.allclose(numeric.mean(0), torch.zeros(4), atol=1e-3)


def test_folds_of_repeats_are_numbered_through():
    exp = experiment(cv=CvConfig(repeats=2, n_splits=3))
    assert exp.plan.n_folds == 6
    rows = [fold_rows(exp, number) for number in range(6)]
    assert [(r.repeat, r.fold) for r in rows] == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]
    for number, found in enumerate(rows):
        train, held_out = exp.plan.rows(*divmod(number, 3))
        assert np.array_equal(found.train, train)
        assert np.array_equal(found.held_out, held_out)
        assert found.monitor is None


def test_the_fold_itself_picks_under_select_fold():
    rows = fold_rows(experiment(cv=CvConfig(select="fold")), 1)
    assert np.array_equal(rows.monitor, rows.held_out)


@pytest.mark.parametrize("fraction", [0.1, 0.25])
def test_the_inner_slice_is_stratified_and_comes_from_the_training_rows(fraction):
    exp = experiment(cv=CvConfig(select="inner", inner_fraction=fraction))
    train, held_out = exp.plan.rows(0, 0)
    rows = fold_rows(exp, 0)
    assert np.array_equal(np.union1d(rows.train, rows.monitor), train)
    assert not len(np.intersect1d(rows.train, rows.monitor))
    assert np.array_equal(rows.held_out, held_out)
    assert (np.diff(rows.monitor) > 0).all()
    assert (np.diff(rows.train) > 0).all()
    counts = np.bincount(exp.samples.target[rows.monitor])
    assert counts.tolist() == [round(120 * fraction / 3)] * 3
    again, other = fold_rows(exp, 0), fold_rows(experiment(seed=1, cv=exp.cv), 0)
    assert np.array_equal(again.monitor, rows.monitor)
    assert not np.array_equal(other.monitor, rows.monitor)


def split_inner(exp, train):
    return inner_split(exp.samples, exp.spec, exp.plan, exp.cv, train, seed=0)


def with_target(exp, target):
    samples = Samples(exp.samples.ids_N[: len(target)], exp.samples.inputs, target)
    task = MULTILABEL if target.ndim == 2 else MULTICLASS
    return replace(exp, samples=samples, spec=replace(exp.spec, task=task))


def test_a_multilabel_inner_slice_spreads_the_labels():
    exp = experiment(cv=CvConfig(select="inner", inner_fraction=0.2))
    target = (np.random.default_rng(0).random((150, 3)) < [0.1, 0.3, 0.6]).astype(np.int64)
    train = np.arange(0, 150, 2)
    rest, inner = split_inner(with_target(exp, target), train)
    assert np.array_equal(np.union1d(rest, inner), train)
    assert not len(np.intersect1d(rest, inner))
    assert abs(len(inner) - 15) <= 1
    assert np.abs(target[inner].sum(0) - target[train].sum(0) / 5).max() <= 1


def test_a_rare_class_and_a_rare_label_are_in_the_inner_slice():
    exp = experiment(cv=CvConfig(select="inner", inner_fraction=0.1))
    rare = (np.arange(150) % 37 == 0).astype(np.int64)  # 5 rows: a tenth of them is none
    labels = np.stack([rare, np.arange(150) % 2, 1 - rare], axis=1)
    for target in (rare, labels):
        for seed in range(5):
            made = with_target(exp, target)
            rest, inner = inner_split(made.samples, made.spec, made.plan, made.cv, np.arange(149), seed=seed)
            assert {int(rare[rest].sum()), int(rare[inner].sum())} == {4, 1}
            assert abs(len(inner) - 15) <= 1


def test_a_class_too_rare_for_the_inner_slice_is_an_error():
    exp = with_target(experiment(cv=CvConfig(select="inner")), np.array([0] * 99 + [1]))
    with pytest.raises(
        DataError, match=r"cv\.select=inner cannot cut a stratified 10% off the training rows"
    ) as caught:
        split_inner(exp, np.arange(100))
    assert "use cv.inner.n_splits=3, or cv.select=last" in str(caught.value)


@pytest.mark.parametrize(
    ("n_rare", "train", "fraction", "helps"),
    [
        (2, np.arange(99), 0.1, "cv.rare=keep_in_train, cv.inner.n_splits=3, or cv.select=last"),
        (20, np.arange(98), 0.01, "another cv.inner_fraction, or cv.select=last"),
    ],
)
def test_what_is_said_to_help_a_rare_class_does(n_rare, train, fraction, helps):
    exp = experiment(cv=CvConfig(select="inner", inner_fraction=fraction))
    exp = with_target(exp, np.array([0] * (100 - n_rare) + [1] * n_rare))
    with pytest.raises(DataError, match=f"use {helps}"):
        split_inner(exp, train)
    if "inner_fraction" in helps:
        exp = replace(exp, cv=CvConfig(select="inner", inner_fraction=0.2))
    _, inner = split_inner(exp, np.arange(100))  # all rows of the rare class are trained on
    assert len(inner) == (20 if "inner_fraction" in helps else 10)


def test_class_counts_are_those_of_the_training_rows():
    exp = experiment()
    fold = prepare_fold(exp, 0)
    rows = replace(fold.rows, train=fold.rows.train[:70])
    arguments = loss_arguments(exp.spec, exp.samples.target[rows.train])
    assert arguments == {
        "task": MULTICLASS,
        "n_classes": 3,
        "class_counts": np.bincount(exp.samples.target[rows.train], minlength=3).tolist(),
        "n_rows": 70,
    }
    labels = np.eye(3, dtype=np.int64)[exp.samples.target]
    assert (
        loss_arguments(replace(exp.spec, task=MULTILABEL), labels[rows.train])["class_counts"]
        == arguments["class_counts"]
    )


def test_the_average_follows_what_the_optimizer_steps():
    it, _, _ = built(experiment(fit=FitConfig(ema_decay=0.9), amp=AmpConfig("O2", dtype="bf16")))
    assert {value.dtype for value in it.average.average} == {torch.float32}
    assert all(a is b for a, b in zip(it.average.parameters, it.precision.parameters, strict=True))
    assert built(experiment())[0].average is None


def test_the_compiled_call_is_of_the_folds_own_model_and_the_profilers_copy_stays_plain():
    exp = experiment(runtime=RuntimeConfig(compile=True))
    fold = prepare_fold(exp, 0)
    it = fresh_learner(exp.recipe, exp.spec, fold)
    assert it.call is not it.model
    assert it.call._orig_mod is it.model
    assert fresh_learner(exp.recipe, exp.spec, fold, it.model).call is it.model
    assert built(experiment())[0].compiled is None


def test_sample_weights_reach_the_training_set():
    exp = experiment()
    weights = np.linspace(0, 2, 150)
    weighted = replace(exp, samples=replace(exp.samples, weights_N=weights))
    plain, data = prepare_fold(exp, 0).data, prepare_fold(weighted, 0).data
    torch.testing.assert_close(data.weights_N, torch.from_numpy(weights).float())
    assert torch.equal(plain.weights_N, torch.ones(150))
    assert plain.unweighted
    assert not data.unweighted


def test_adam_with_a_tiny_epsilon_is_refused_under_fp16_o3():
    section = {"_target_": "torch.optim.Adam", "lr": 1e-3, "eps": 1e-8}
    with pytest.raises(ConfigError, match=r"optimizer\.eps=1e-08 is zero in float16"):
        built(experiment(optimizer=section, amp=AmpConfig("O3", dtype="fp16")))
