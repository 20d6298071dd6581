"""Nested cross validation: what inner folds pick, that held-out rows have no part in it, and that it can be killed."""

import hashlib
import json
import os
import signal
from dataclasses import asdict, replace
from types import SimpleNamespace

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score
from sklearn.preprocessing import StandardScaler
from torch.nn import functional as F

import trainer.engine.checkpointer
import trainer.run.nested
from tests.iris_cases import IRIS
from tests.run.test_fold import trained
from trainer.config.cv import CvConfig, InnerConfig
from trainer.config.schema import AmpConfig, RunConfig
from trainer.data.loading.batch_order import training_order
from trainer.data.samples import DataSpec, Samples, TableColumns
from trainer.engine.precision.opt_levels import resolve_opt_level
from trainer.errors import DataError, NonFiniteError
from trainer.folds.plan import make_folds
from trainer.results import EpochRecord
from trainer.run.fold_data import fold_rows, prepare_fold
from trainer.run.nested import choose_recipe, inner_fits, inner_rows, with_candidate
from trainer.run.nested_choice import choose
from trainer.run.prepare import prepare
from trainer.run.steps.profile import batches_per_fold
from trainer.store import checkpoints
from trainer.store.inner_fits import InnerFit, InnerRecords
from trainer.tasks import MULTICLASS, MULTILABEL

GRID = {"optimizer.lr": [0.01, 0.3]}


def config(grid=GRID, select="inner", n_splits=3, **changes):
    cv = CvConfig(n_splits=3, select=select, inner=InnerConfig(n_splits, dict(grid)))
    return RunConfig(**{**IRIS, "max_epochs": 3, "batch_size": 16, "cv": cv, **changes})


def run_nested(exp, number):
    """What the inner folds of a fold pick, and the fold's result, trained so."""
    choice = choose_recipe(exp, prepare_fold(exp, number))
    return choice.picked, trained(replace(exp, recipe=choice.recipe), choice.fold, epochs=choice.epochs).result


@pytest.fixture(scope="module")
def iris():
    return prepare(config())


# --- the rows ---


def split(strategy, target, inner, groups=None, times=None, n_splits=3, **options):
    """An experiment on made-up rows; the features do not matter."""
    n = len(target)
    multi = target.ndim == 2
    cv = CvConfig(strategy=strategy, n_splits=n_splits, select="inner", inner=InnerConfig(inner), rare="allow")
    plan = make_folds(
        strategy,
        target,
        ids_N=np.arange(n).astype(str),
        groups_N=groups,
        classes=tuple("abc"),
        n_splits=n_splits,
        repeats=1,
        shuffle=strategy != "time",
        random_state=7,
        times_N=times,
        **options,
    )
    inputs = TableColumns(np.zeros((n, 1)), np.zeros((n, 0), dtype=object), ("x",))
    samples = Samples(np.arange(n).astype(str), inputs, target, None, groups, times)
    spec = DataSpec("made", MULTILABEL if multi else MULTICLASS, tuple("abc"))
    base = prepare(config())
    return replace(base, cv=cv, samples=samples, spec=spec, plan=plan)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    strategy=st.sampled_from(["kfold", "stratified", "group", "stratified_group", "multilabel", "time", "holdout"]),
    n=st.integers(60, 120),
    inner=st.integers(2, 4),
    outer=st.integers(2, 4),
    seed=st.integers(0, 2**16),
)
def test_inner_folds_lie_within_the_training_rows(strategy, n, inner, outer, seed):
    rng = np.random.default_rng(seed)
    target = rng.integers(0, 2, (n, 3)) if strategy == "multilabel" else np.arange(n) % 3
    groups = rng.integers(0, 20, n).astype(str) if "group" in strategy else None
    times = rng.permutation(n).astype(float) if strategy == "time" else None
    exp = split(strategy, target, inner, groups, times, 1 if strategy == "holdout" else outer)
    for number in (*range(exp.plan.n_folds), "all"):
        rows = fold_rows(exp, number)
        assert rows.monitor is None
        if strategy == "time" and len(rows.train) < 2 * inner:
            continue
        parts = inner_rows(exp, rows)
        assert len(parts) == inner
        for part in parts:
            assert np.isin(part.train, rows.train).all()
            assert np.isin(part.monitor, rows.train).all()
            assert not np.isin(np.concatenate([part.train, part.monitor]), rows.held_out).any()
            assert not np.isin(part.monitor, part.train).any()
            assert not len(part.held_out)
            if groups is not None:
                assert not np.isin(groups[part.monitor], groups[part.train]).any()
            if times is not None:
                assert times[part.train].max() < times[part.monitor].min()
        if strategy != "time":
            together = np.sort(np.concatenate([part.monitor for part in parts]))
            np.testing.assert_array_equal(together, rows.train)


def test_folds_that_were_given_and_go_forward_in_time_are_split_forward_inside_too():
    target, times = np.arange(60) % 3, np.arange(60).astype(float)
    exp = split("time", target, 2, None, times, 3)
    given_folds = replace(exp, plan=replace(exp.plan, strategy="predefined"))
    for part in inner_rows(given_folds, fold_rows(given_folds, 2)):
        assert part.train.max() < part.monitor.min()


def test_a_splitter_that_reaches_beyond_the_training_rows_is_stopped(iris, monkeypatch):
    rows = fold_rows(iris, 0)
    wrong = [(rows.train[1:], rows.held_out[:1])]
    monkeypatch.setattr(trainer.run.nested, "inner_folds", lambda *_, **__: wrong)
    with pytest.raises(AssertionError, match="beyond its training rows"):
        inner_rows(iris, rows)


@settings(max_examples=3, deadline=None)
@given(seed=st.integers(0, 2**16), number=st.integers(0, 2))
def test_held_out_rows_have_no_part_in_the_pick(iris, seed, number):
    """Other features, labels and weights of the held-out rows: the inner fits are the same to the last bit."""
    rng = np.random.default_rng(seed)
    rows = fold_rows(iris, number)
    inputs, target = iris.samples.inputs, iris.samples.target.copy()
    numeric = inputs.numeric_NF.copy()
    numeric[rows.held_out] = rng.normal(size=numeric[rows.held_out].shape) * 10.0 ** rng.integers(-3, 6)
    target[rows.held_out] = rng.integers(0, 3, len(rows.held_out))
    weights = np.ones(len(target))
    other = replace(iris.samples, inputs=replace(inputs, numeric_NF=numeric), target=target, weights_N=weights)
    again = replace(iris, samples=other)
    assert curves(inner_fits(iris, rows)) == curves(inner_fits(again, rows))


def curves(fits_CK):
    return [[[{**asdict(epoch), "seconds": 0} for epoch in fit.epochs] for fit in fits] for fits in fits_CK]


def test_inner_fits_have_no_labels_and_weights_but_the_training_rows(iris):
    rows = fold_rows(iris, 1)
    weighted = replace(iris, samples=replace(iris.samples, weights_N=np.ones(150)))
    inside = trainer.run.nested.inner_experiment(weighted, rows, 0)
    assert (inside.samples.target[rows.held_out] == -1).all()
    assert np.isnan(inside.samples.weights_N[rows.held_out]).all()
    np.testing.assert_array_equal(inside.samples.target[rows.train], iris.samples.target[rows.train])


# --- the pick, against loops written by hand ---


def seed_of(*numbers):
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])


def by_hand(x, y, train, scored, lr, seed, fold, epochs):
    """Train an MLP with plain torch on rows standardised by scikit-learn; accuracy on ``scored`` after each epoch."""
    from trainer.models.mlp import MLP

    x = torch.from_numpy(StandardScaler().fit(x[train]).transform(x)).float()
    torch.manual_seed(seed_of(seed, 0, fold))
    model = MLP(n_features=4, cardinalities=(), n_outputs=3, hidden=[8], dropout=0.0)
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    curve = []
    for epoch in range(1, epochs + 1):
        for batch in training_order(train, 16, (seed, 0, fold, epoch), None):
            optimizer.zero_grad()
            F.cross_entropy(model(x[batch]), torch.from_numpy(y[batch])).backward()
            optimizer.step()
        with torch.no_grad():
            curve.append(accuracy_score(y[scored], model(x[scored]).argmax(dim=1).numpy()))
    return curve


@pytest.mark.parametrize("select", ["inner", "last"])
def test_the_pick_is_that_of_loops_written_by_hand(select):
    exp = prepare(config(select=select, grid={"optimizer.lr": [0.01, 0.3, 0.05]}, max_epochs=4))
    x, y = exp.samples.inputs.numeric_NF, exp.samples.target
    for fold in range(3):
        rows = fold_rows(exp, fold)
        means = []
        for lr in (0.01, 0.3, 0.05):
            inner = [
                by_hand(x, y, part.train, part.monitor, lr, seed_of(42, 0, fold, number + 1), fold, 4)
                for number, part in enumerate(inner_rows(exp, rows))
            ]
            means.append(np.mean(inner, axis=0))
        best = None  # (score, epoch, lr)
        for epoch in range(4) if select == "inner" else [3]:
            for lr, mean in zip((0.01, 0.3, 0.05), means, strict=True):
                if best is None or mean[epoch] > best[0]:
                    best = (mean[epoch], epoch + 1, lr)
        picked, result = run_nested(exp, fold)
        assert picked["values"] == {"optimizer.lr": best[2]}
        assert picked["epoch"] == best[1] == result.best_epoch == len(result.epochs)
        assert picked["score"] == pytest.approx(best[0], abs=1e-9)
        held_out = by_hand(x, y, rows.train, rows.held_out, best[2], 42, fold, best[1])[-1]
        assert result.metrics["accuracy"] == pytest.approx(held_out, abs=1e-9)
        np.testing.assert_array_equal(result.rows, rows.held_out)


def test_the_picked_fold_is_the_plain_fold_of_those_settings_stopped_there():
    """On a schedule that depends on the length: the schedule stays as long as max_epochs."""
    cosine = {"_target_": "torch.optim.lr_scheduler.CosineAnnealingLR", "T_max": "total_steps"}
    asked = config(scheduler=cosine, max_epochs=6)
    picked, result = run_nested(prepare(asked), 1)
    lr, epoch = picked["values"]["optimizer.lr"], picked["epoch"]
    plain = prepare(replace(asked, cv=CvConfig(n_splits=3), optimizer={"_target_": "torch.optim.SGD", "lr": lr}))
    whole = trained(plain, prepare_fold(plain, 1))
    assert [e.train_loss for e in result.epochs] == [e.train_loss for e in whole.result.epochs][:epoch]
    assert [e.lr for e in result.epochs] == [e.lr for e in whole.result.epochs][:epoch]
    stopped = trained(plain, prepare_fold(plain, 1), epochs=epoch)
    assert np.array_equal(result.logits, stopped.result.logits)


def test_candidates_of_one_inner_fold_start_from_the_same_weights(iris, monkeypatch):
    seen = []
    real = trainer.run.nested.fresh_learner

    def watched(*arguments):
        learner = real(*arguments)
        seen.append(torch.cat([p.detach().flatten() for p in learner.model.parameters()]))
        return learner

    monkeypatch.setattr(trainer.run.nested, "fresh_learner", watched)
    inner_fits(iris, fold_rows(iris, 0))
    assert len(seen) == 6
    for first, second in zip(seen[::2], seen[1::2], strict=True):
        assert torch.equal(first, second)
    assert not torch.equal(seen[0], seen[2])


def fit(*scores, diverged=None, metric="accuracy"):
    epochs = (EpochRecord(i + 1, i + 1, 1.0, 0.1, 0.1, monitor={metric: s}) for i, s in enumerate(scores))
    return InnerFit(tuple(epochs), diverged)


def with_metric(experiment, metric, select="inner", n_epochs=3):
    recipe = experiment.recipe.with_settings(metrics=(metric,), max_epochs=n_epochs)
    return replace(experiment, cv=replace(experiment.cv, select=select), recipe=recipe)


NAN = float("nan")


@pytest.mark.parametrize(
    ("metric", "select", "scores", "expected"),
    [
        ("accuracy", "inner", [[(0.5, 0.9, 0.9), (0.5, 0.7, 0.7)], [(0.1, 0.1, 0.7), (0.1, 0.1, 0.9)]], (0, 2, 0.8)),
        ("accuracy", "inner", [[(0.0, 0.0, 0.5)] * 2, [(0.0, 0.5, 0.5)] * 2], (1, 2, 0.5)),
        ("accuracy", "last", [[(0.0, 0.9, 0.3)] * 2, [(0.1, 0.2, 0.3)] * 2], (0, 3, 0.3)),
        ("log_loss", "inner", [[(0.9, 0.2, 0.5)] * 2, [(0.7, 0.3, 0.1)] * 2], (1, 3, 0.1)),
        ("roc_auc", "inner", [[(NAN, NAN, NAN), (0.5, 0.6, 0.5)], [(NAN, NAN, NAN), (0.4, 0.4, 0.7)]], (1, 3, 0.7)),
        ("roc_auc", "inner", [[(NAN, 0.5, 0.5), (0.5, 0.9, 0.5)], [(0.6, 0.6, 0.6), (0.6, 0.6, NAN)]], (0, 2, 0.7)),
    ],
)
def test_the_best_mean_wins_the_earliest_epoch_of_equals_and_nan_never(iris, metric, select, scores, expected):
    fits = [[fit(*one, metric=metric) for one in candidate] for candidate in scores]
    pick = choose(with_metric(iris, metric, select), fits)
    assert (pick.candidate.number, pick.epoch, pytest.approx(pick.score)) == expected


def test_a_candidate_that_diverged_is_never_picked(iris):
    fits = [[fit(1.0, 1.0, 1.0), fit(1.0, diverged="the loss is nan")], [fit(0.1, 0.2, 0.3)] * 2]
    pick = choose(with_metric(iris, "accuracy"), fits)
    assert (pick.candidate.number, pick.epoch, pick.score) == (1, 3, pytest.approx(0.3))
    with pytest.raises(NonFiniteError, match="every candidate diverged on the inner folds, the first so: the loss"):
        choose(with_metric(iris, "accuracy"), [fits[0]] * 2)
    with pytest.raises(DataError, match="roc_auc is not defined on any inner fold"):
        choose(with_metric(iris, "roc_auc"), [[fit(NAN, NAN, NAN, metric="roc_auc")] * 2] * 2)


def test_every_key_of_a_candidate_takes_effect(iris):
    wanted = {"batch_size": [7], "fit.accumulate_steps": [2], "fit.clip_norm": [1], "amp.opt_level": ["O2"]}
    asked = prepare(config(grid={**wanted, "model.hidden": [[3, 3]], "fit.ema_decay": [0.5]}))
    (one,) = asked.candidates
    recipe = with_candidate(iris, one).recipe
    settings = recipe.settings
    assert (settings.batch_size, settings.accumulate_steps, settings.clip_norm) == (7, 2, 1.0)
    assert recipe.fit.ema_decay == 0.5
    assert recipe.sections["model"]["hidden"] == [3, 3]
    assert recipe.level == resolve_opt_level(AmpConfig("O2"), torch.device("cpu"))
    assert recipe.level.opt_level == "O2"
    assert asked.recipe.sections["model"]["hidden"] == iris.recipe.sections["model"]["hidden"] == [8]


def test_the_bill_counts_the_steps_that_are_taken(iris):
    exp = prepare(config(grid={"batch_size": [16, 7], "fit.accumulate_steps": [1, 3]}))
    one = prepare_fold(exp, 0)
    rows = one.rows
    taken = sum(f.epochs[-1].step for fits in inner_fits(exp, rows) for f in fits)
    counts = batches_per_fold(exp, one)
    assert counts["train_batches_per_fold"] == taken + 3 * exp.recipe.settings.steps_per_epoch(len(rows.train))
    plain = batches_per_fold(prepare(config(n_splits=None, select="last", grid={})), one)
    inner = sum(3 * -(-len(p.monitor) // (4 * size)) for p in inner_rows(exp, rows) for size in (16, 16, 7, 7))
    assert counts["eval_batches_per_fold"] == plain["eval_batches_per_fold"] + inner


# --- whole runs ---

QUICK = (
    "tracker.name=none",
    "profile=off",
    "preflight=off",
    "baseline=off",
    "checkpoint.background=false",
    "checkpoint.every_n_steps=3",
)
WINE = ("data=wine", "max_epochs=2", "cv.n_splits=2", "cv.select=inner", "cv.inner.n_splits=2")
NESTED = (*WINE, "cv.inner.grid={optimizer.lr:[0.001,0.03],model.hidden:[[8],[4,4]]}", *QUICK)
FOLD_0 = (*NESTED, "cv.fold=0")
FITS = 8  # 4 candidates on 2 inner folds


class Killed(BaseException):
    """Stands for SIGKILL right after a record is written."""


def bits(run):
    """Everything a run computed; clock times left out."""
    found = {}
    for fold in sorted(run.glob("fold_?")):
        for name in ("model.safetensors", "oof.parquet"):
            found[f"{fold.name} {name}"] = hashlib.sha256((fold / name).read_bytes()).hexdigest()
        found[f"{fold.name} inner"] = json.loads((fold / "inner.json").read_text())
        done = json.loads((fold / "DONE").read_text())
        found[f"{fold.name} picked"] = done["picked"]
        found[f"{fold.name} epochs"] = [{**epoch, "seconds": 0} for epoch in done["epochs"]]
    return found


@pytest.fixture(scope="module")
def known():
    return {}


@pytest.fixture
def straight(train, tmp_path, known):
    """What fold 0 comes to when nothing stops it."""
    if not known:
        assert train(*FOLD_0, "run=straight").code == 0
        known.update(bits(tmp_path / "runs/straight"))
        assert known
    return known


@pytest.fixture
def killed(train, monkeypatch):
    """``killed(3, *overrides)``: run until the third inner fit of the process is recorded, then end there."""

    def run(count, *overrides):
        real, left = InnerRecords.save, [count]

        def dying(self, *arguments):
            real(self, *arguments)
            left[0] -= 1
            if not left[0]:
                raise Killed

        with monkeypatch.context() as patch, pytest.raises(Killed):  # noqa: PT012
            patch.setattr(InnerRecords, "save", dying)
            train(*overrides)

    return run


def test_a_killed_run_skips_what_is_finished_and_ends_like_one_that_was_not(
    train, straight, killed, monkeypatch, tmp_path
):
    killed(3, *FOLD_0, "run=again")
    fold = tmp_path / "runs/again/fold_0"
    assert len(list(fold.glob("inner-*.json"))) == 3
    fitted, real = [], trainer.run.nested.fit_inner

    def counted(*arguments):
        fitted.append(arguments)
        return real(*arguments)

    monkeypatch.setattr(trainer.run.nested, "fit_inner", counted)

    def dying(*arguments):
        checkpoints.save(*arguments)
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):  # noqa: PT012
        failing = SimpleNamespace(**{**vars(checkpoints), "save": dying})
        patch.setattr(trainer.engine.checkpointer, "checkpoints", failing)
        train(*FOLD_0, "run=again")
    assert len(fitted) == FITS - 3
    assert list(fold.glob("step-*.json")), "killed in the fold's own training, after its first checkpoint"
    outcome = train(*FOLD_0, "run=again")
    assert outcome.code == 0, outcome.err
    assert "0 stopped at epoch 1 step 3 -> continue" in " ".join(outcome.out.split())
    assert len(fitted) == FITS - 3
    assert bits(tmp_path / "runs/again") == straight
    assert not list((tmp_path / "runs/again").rglob("inner-*.json"))


def test_a_signal_inside_an_inner_fit_ends_the_run_and_it_goes_on(train, straight, monkeypatch, tmp_path):
    steps, real = [], trainer.run.nested.fit

    def signalled(*arguments):
        steps.append(arguments)
        if len(steps) == 4:
            os.kill(os.getpid(), signal.SIGTERM)
        return real(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(trainer.run.nested, "fit", signalled)
        stopped = train(*FOLD_0, "run=again")
    assert stopped.code == 128 + signal.SIGTERM
    assert len(steps) == 4
    assert len(list((tmp_path / "runs/again/fold_0").glob("inner-*.json"))) == 3
    assert not (tmp_path / "runs/again/fold_0/LOCK").exists()
    assert train(*FOLD_0, "run=again").code == 0
    assert bits(tmp_path / "runs/again") == straight


def test_a_damaged_record_is_fitted_again_and_one_of_other_conditions_refused(train, straight, killed, tmp_path):
    killed(3, *FOLD_0, "run=again")
    fold = tmp_path / "runs/again/fold_0"
    record = fold / "inner-1-0.json"
    record.write_bytes(record.read_bytes().replace(b'"accuracy": 0.', b'"accuracy": 1.', 1))
    refused = train(*FOLD_0, "run=again", "runtime.threads=2")
    assert refused.code == 4
    assert "fold_0/inner-0-0.json was fitted under other conditions:\nthreads: 1 there, 2 here" in refused.err
    torch.set_num_threads(1)
    outcome = train(*FOLD_0, "run=again")
    assert outcome.code == 0, outcome.err
    assert "inner-1-0.json is damaged: it was changed after it was written; fitted again" in outcome.out
    assert bits(tmp_path / "runs/again") == straight


def test_what_was_picked_is_told_everywhere(train, tmp_path):
    outcome = train(*NESTED, "run=told", "profile=default")
    assert outcome.code == 0, outcome.err
    run = tmp_path / "runs/told"
    done = json.loads((run / "fold_1/DONE").read_text())
    picked = done["picked"]
    assert set(picked["values"]) == {"optimizer.lr", "model.hidden"}
    inner = json.loads((run / "fold_1/inner.json").read_text())
    best = next(one for one in inner["candidates"] if one["values"] == picked["values"])
    assert picked["score"] == pytest.approx(np.mean([curve[picked["epoch"] - 1] for curve in best["inner"]]))
    assert picked["score"] == max(max(one["mean"]) for one in inner["candidates"])
    hidden = json.dumps(picked["values"]["model.hidden"], separators=(",", ":"))
    line = (
        f"Nested: fold 1 picked optimizer.lr={picked['values']['optimizer.lr']} model.hidden={hidden}, "
        f"epoch {picked['epoch']} (inner accuracy {picked['score']:.4f})"
    )
    assert line in outcome.out
    assert "nested: 2 inner folds choose among epochs and 4 settings: 8 inner fits per fold" in outcome.out
    report = (run / "report.md").read_text()
    assert "## Nested cross validation" in report
    assert f"| {picked['epoch']} | {picked['score']:.4f} | {done['metrics']['accuracy']:.4f} | 0 of 4 |" in report
    assert json.loads((run / "cv.json").read_text())["picked"][1] == picked
    assert json.loads((run / "manifest.json").read_text())["about"]["selection"].startswith("nested: 2 inner folds")
    rows = pq.read_table(run / "oof.parquet")
    assert sorted(map(int, rows["id"].to_pylist())) == list(range(178))


def test_fold_all_picks_on_all_rows(train, tmp_path):
    outcome = train(*NESTED, "run=all", "cv.fold=all")
    assert outcome.code == 0, outcome.err
    done = json.loads((tmp_path / "runs/all/fold_all/DONE").read_text())
    assert done["n_train"] == 178
    assert done["best_epoch"] == done["picked"]["epoch"]
    assert "Nested: fold all picked optimizer.lr=" in outcome.out


def test_more_epochs_make_another_run(train):
    """The pick depends on how long the inner fits are."""
    assert train(*NESTED, "run=a1", "cv.fold=0").code == 0
    longer = train(*NESTED, "run=a1", "max_epochs=3")
    assert longer.code == 4
    assert "max_epochs: 2 there, 3 here" in longer.err


def test_a_learning_rate_that_diverges_does_not_end_the_run(train, tmp_path):
    grid = ("optimizer=sgd", "model.hidden=[8]", "cv.fold=0")
    outcome = train(*WINE, *QUICK, *grid, "cv.inner.grid={optimizer.lr:[1e30,0.01]}", "run=a1")
    assert outcome.code == 0, outcome.err
    assert "picked optimizer.lr=0.01" in outcome.out
    assert "1 of 2 candidates diverged)" in outcome.out
    refused = train(*WINE, *QUICK, *grid, "cv.inner.grid={optimizer.lr:[1e30,1e31]}", "run=a2")
    assert refused.code == 5
    assert "every candidate diverged on the inner folds, the first so: the training loss is" in refused.err


REFUSED = {
    "unknown section": (("cv.inner.grid={optimiser.lr:[1]}",), "did you mean 'optimizer.lr'?"),
    "unknown closed key": (("cv.inner.grid={fit.clipnorm:[1]}",), "did you mean 'fit.clip_norm'?"),
    "unknown open key": (("cv.inner.grid={optimizer.lrr:[1]}",), "did you mean 'lr'?"),
    "data": (("cv.inner.grid={data.name:[iris]}",), "'data.name' cannot be chosen by inner folds"),
    "seed": (("cv.inner.grid={seed:[1,2]}",), "'seed' cannot be chosen by inner folds"),
    "target": (("cv.inner.grid={model._target_:[a]}",), "model._target_ cannot be chosen by inner folds"),
    "no list": (("cv.inner.grid={optimizer.lr:0.1}",), "optimizer.lr needs a list of values"),
    "empty list": (("cv.inner.grid={optimizer.lr:[]}",), "optimizer.lr needs a list of values"),
    "twice": (("cv.inner.grid={optimizer.lr:[1,1]}",), "lists a value twice: [1,1]"),
    "a bad value": (
        ("cv.inner.grid={optimizer.lr:[0.1,-1]}",),
        "cv.inner.grid, optimizer.lr=-1: optimizer.lr=-1: must be positive",
    ),
    "a wrong type": (("cv.inner.grid={model.hidden:[8]}",), "model.hidden: 8 is not a list"),
    "a wrong closed type": (
        ("cv.inner.grid={fit.clip_norm:[much]}",),
        "fit.clip_norm=much: takes a number",
    ),
    "patience": (("fit.patience_epochs=1",), "fit.patience_epochs has no effect with cv.inner.n_splits"),
    "patience in the grid": (("cv.inner.grid={fit.patience_epochs:[1]}",), "cannot be chosen by inner folds"),
    "select=fold": (("cv.select=fold",), "use cv.select=inner"),
    "nothing to choose": (("cv.select=last",), "nothing to choose"),
    "one inner fold": (("cv.inner.n_splits=1",), "cv.inner.n_splits=1: must be at least 2"),
    "a fraction": (("cv.inner_fraction=0.2",), "cv.inner_fraction has no effect with cv.inner.n_splits"),
    "no inner folds": (("cv.inner.n_splits=null", "cv.inner.grid={optimizer.lr:[1]}"), "set cv.inner.n_splits=3"),
    "a misspelt option": (("cv.inner.nsplits=3",), "did you mean 'cv.inner.n_splits'?"),
    "an impossible loss": (("cv.inner.grid={loss.gamma:[1]}",), "takes no such argument"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_nested_is_refused_before_anything_runs(train, tmp_path, case):
    options, expected = REFUSED[case]
    refused = train(*WINE, *QUICK, *options)
    assert refused.code == 2, refused
    assert expected in refused.err
    assert len(refused.err.splitlines()) <= 5
    assert not (tmp_path / "runs").exists()


def test_a_candidate_that_cannot_be_built_is_refused_before_the_first_step(train, tmp_path):
    grid = "cv.inner.grid={model.hidden:[[8],[0]]}"
    for preflight in ("on", "off"):
        refused = train(*WINE, *QUICK, grid, f"preflight={preflight}", "run=a1")
        assert refused.code == 2, refused
        assert "with model.hidden=[0]" in refused.err
        assert not (tmp_path / "runs/a1/fold_0").exists()


def test_the_grid_may_be_given_key_by_key(train):
    outcome = train(*WINE, *QUICK, "cv.inner.grid.optimizer.lr=[0.01,0.1]", "cv.fold=0")
    assert outcome.code == 0, outcome.err
    assert "choose among epochs and 2 settings" in outcome.out
