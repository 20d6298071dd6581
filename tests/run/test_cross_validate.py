"""Whole runs: what is written, that it is right, and that it does not depend on how the folds were run."""

import ast
import csv
import hashlib
import json
import shlex
import sys
import traceback
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from sklearn.datasets import load_digits
from sklearn.metrics import accuracy_score
from sklearn.model_selection import StratifiedKFold

import trainer
from tests.battery import some_of
from trainer.cli.main import main as foldwise
from trainer.models.mlp import MLP

FIVE_FOLDS = ("max_epochs=1", "profile.enabled=false", "tracker=[]", "baseline=off", "cv.parallel=1")
QUICK = (*FIVE_FOLDS, "cv.n_splits=2")


SPELT = ("loss=focal", "loss.alpha=0.25", *QUICK)


def only_run(directory: Path) -> Path:
    (run,) = [path for path in (directory / "runs").iterdir() if path.name != "sweeps"]
    return run


def cv_json(run: Path) -> dict:
    return json.loads((run / "cv.json").read_text())


def sha(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def reviews(tmp_path) -> Path:
    rng = np.random.default_rng(0)
    good, bad = ["good", "great", "fine", "真好"], ["bad", "awful", "poor", "太差"]
    path = tmp_path / "reviews.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["review", "sentiment", "weight"])
        for i in range(60):
            words = rng.choice(good if i % 2 else bad, size=rng.integers(1, 9))
            writer.writerow([" ".join(words), "pos" if i % 2 else "neg", 1 + i % 3])
    return path


@pytest.mark.parametrize(("epochs", "promised"), some_of([(20, 0.97), (5, 0.95)], [(5, 0.95)]))
def test_digits_reaches_the_promised_accuracy_and_every_row_is_scored_once(train, tmp_path, epochs, promised):
    outcome = train("tracker=[]", "profile.enabled=false", "baseline=off", f"max_epochs={epochs}")
    assert outcome.code == 0, outcome.err
    run = only_run(tmp_path)
    table = pq.read_table(run / "oof.parquet")
    digits = load_digits()
    assert table["id"].to_pylist() == [str(i) for i in range(len(digits.target))]
    np.testing.assert_array_equal(table["target"].to_numpy(), digits.target)
    proba = np.stack([table[f"proba_{c}"].to_numpy() for c in range(10)], axis=1)
    accuracy = accuracy_score(digits.target, proba.argmax(axis=1))
    assert accuracy >= promised
    assert cv_json(run)["metrics"]["accuracy"]["oof"] == pytest.approx(accuracy, abs=1e-12)
    folds = StratifiedKFold(5, shuffle=True, random_state=42).split(digits.data, digits.target)
    for number, (_, held_out) in enumerate(folds):
        np.testing.assert_array_equal(np.flatnonzero(table["fold"].to_numpy() == number), held_out)


@pytest.mark.renders_figures
def test_the_report_of_a_run_has_its_figures(train, tmp_path):
    assert train("data=iris", *QUICK).code == 0
    run = only_run(tmp_path)
    sizes = {}
    for path in (run / "plots").iterdir():
        with Image.open(path) as image:
            sizes[path.name] = image.size
    assert sizes.keys() == {"learning_curves.png", "confusion_matrix.png", "precision_recall.png"}
    assert all(min(size) > 300 for size in sizes.values())
    assert all(f"plots/{name}" in (run / "report.md").read_text() for name in sizes)


def test_cv_json_has_the_contracted_keys(train, tmp_path):
    train("data=iris", *QUICK)
    result = cv_json(only_run(tmp_path))
    wanted = {"n_splits", "repeats", "task", "classes", "fingerprint", "metrics", "seconds", "amp", "profile"}
    assert wanted <= result.keys()
    assert {"folds", "mean", "sd", "oof", "ci95"} == result["metrics"]["accuracy"].keys()
    assert result["classes"] == ["setosa", "versicolor", "virginica"]
    values = result["metrics"]["accuracy"]["folds"]
    assert result["metrics"]["accuracy"]["mean"] == pytest.approx(np.mean(values))
    assert result["metrics"]["accuracy"]["sd"] == pytest.approx(np.std(values, ddof=1))


def test_one_process_separate_jobs_and_a_repeated_command_give_the_same_bytes(train, tmp_path):
    three_folds = (*FIVE_FOLDS, "cv.n_splits=3")
    for name, parallel in (("whole", 1), ("again", 2)):
        assert train("data=wine", f"run={name}", *three_folds, f"cv.parallel={parallel}").code == 0
    for fold in (2, 0):
        outcome = train("data=wine", "run=jobs", f"cv.fold={fold}", *three_folds)
        assert outcome.code == 0
        assert "not finished" in outcome.out
    assert not (tmp_path / "runs/jobs/cv.json").exists()
    assert train("data=wine", "run=jobs", "cv.fold=1", *three_folds).code == 0
    hashes = {sha(tmp_path / "runs" / name / "oof.parquet") for name in ("whole", "again", "jobs")}
    assert len(hashes) == 1


def test_another_seed_gives_other_weights_and_seed_zero_is_a_seed(train, tmp_path):
    for seed in (0, 42):
        assert train("data=iris", f"run=s{seed}", f"seed={seed}", *QUICK).code == 0
    assert train("data=iris", "run=zero", "seed=0", *QUICK).code == 0
    runs = tmp_path / "runs"
    assert sha(runs / "s0/oof.parquet") == sha(runs / "zero/oof.parquet") != sha(runs / "s42/oof.parquet")


def test_the_saved_weights_are_the_ones_that_were_scored(train, tmp_path):
    assert train("data=iris", "run=w", "cv.select=inner", "fit.ema_decay=0.9", "max_epochs=4", *QUICK[1:]).code == 0
    run = tmp_path / "runs/w"
    from trainer.data.preprocess.table import FittedTable
    from trainer.data.sources.bundled import load_bundled
    from trainer.models.mlp import MLP

    samples, _ = load_bundled("iris")
    fitted = FittedTable.from_json(json.loads((run / "fold_1/preprocess.json").read_text()))
    model = MLP(n_features=4, n_outputs=3).eval()
    model.load_state_dict(load_file(run / "fold_1/model.safetensors"))
    saved = pq.read_table(run / "fold_1/oof.parquet")
    rows = torch.from_numpy(saved["row"].to_numpy().copy())
    with torch.no_grad():
        logits = model(**fitted.transform(samples.inputs).take(rows)).numpy()
    expected = np.stack([saved[f"logit_{i}"].to_numpy() for i in range(3)], axis=1)
    np.testing.assert_allclose(logits, expected, atol=1e-5)


def test_selecting_on_the_fold_prints_its_optimism(train, tmp_path):
    outcome = train("data=wine", "cv.select=fold", "max_epochs=3", *QUICK[1:])
    assert outcome.code == 0, outcome.err
    run = only_run(tmp_path)
    assert "optimism" in outcome.out.lower()
    assert "optimism" in (run / "report.md").read_text().lower()
    assert cv_json(run)["optimism"]["accuracy"] >= 0


def test_early_stopping_on_an_inner_slice_trains_on_fewer_rows(train, tmp_path):
    arguments = ("data=wine", "cv.select=inner", "cv.inner_fraction=0.2", "fit.patience_epochs=1", "max_epochs=30")
    assert train(*arguments, "optimizer.lr=0.05", "cv.fold=0", *FIVE_FOLDS[1:]).code == 0
    done = json.loads((only_run(tmp_path) / "fold_0/DONE").read_text())
    assert done["n_train"] == pytest.approx(0.8 * 142, abs=2)
    assert len(done["epochs"]) < 30
    assert done["best_epoch"] == len(done["epochs"]) - 1


def test_text_with_sample_weights(train, tmp_path, reviews):
    arguments = ("data=csv_text", f"data.path={reviews}", "data.text=review", "data.label=sentiment")
    outcome = train(
        *arguments, "data.weight=weight", "model=text_cnn", "optimizer.lr=0.01", "max_epochs=4", *FIVE_FOLDS[1:]
    )
    assert outcome.code == 0, outcome.err
    assert "neg -> 0, pos -> 1" in outcome.out
    assert cv_json(only_run(tmp_path))["metrics"]["accuracy"]["oof"] > 0.9


def test_multilabel_is_split_by_iterative_stratification(train, tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 3))
    path = tmp_path / "multi.csv"
    with path.open("w") as file:
        file.write("a,b,c,label:up,label:down\n")
        for row in x:
            file.write(",".join(f"{v:.4f}" for v in row) + f",{int(row[0] > 0)},{int(row[1] > 0.5)}\n")
    outcome = train("data=csv_tabular", f"data.path={path}", "data.label=label:*", "loss=bce", *QUICK)
    assert outcome.code == 0, outcome.err
    assert "iterative stratification" in outcome.out
    table = pq.read_table(only_run(tmp_path) / "oof.parquet")
    assert {"target_label:up", "proba_label:down", "logit_1"} <= set(table.column_names)


LOSSES_AND_LEVELS = [
    ("ce", "O0"),
    ("nll", "O1"),
    ("bce", "O2"),
    ("focal", "O3"),
    ("focal", "O1"),  # the first command of the README
    ("bce", "O1"),  # torch refuses binary cross-entropy of probabilities under autocast
    ("nll", "O3"),  # log-probabilities in half, without a loss scale
]  # the arithmetic of every loss in half precision: tests/losses/


# The first is that of most tests here, and tests/pages trains with the README's.
@pytest.mark.parametrize(("loss", "level"), some_of(LOSSES_AND_LEVELS, LOSSES_AND_LEVELS[1:4] + LOSSES_AND_LEVELS[5:]))
def test_every_loss_and_every_level_trains(train, tmp_path, loss, level):
    arguments = ("data=breast_cancer", f"loss={loss}", f"amp={level}", "max_epochs=3")
    outcome = train(*arguments, *QUICK[1:])
    assert outcome.code == 0, outcome.err
    result = cv_json(only_run(tmp_path))
    assert result["metrics"]["accuracy"]["oof"] > 0.9
    assert result["amp"]["opt_level"] == level


def test_accumulation_clipping_warmup_and_schedule_together(train, tmp_path):
    arguments = ("fit.accumulate_steps=3", "fit.clip_norm=1.0", "fit.warmup_steps=5", "scheduler=cosine")
    assert train("data=wine", "max_epochs=4", "cv.fold=0", *arguments, *FIVE_FOLDS[1:]).code == 0
    done = json.loads((only_run(tmp_path) / "fold_0/DONE").read_text())
    assert [record["step"] for record in done["epochs"]] == [2, 4, 6, 8]
    assert done["epochs"][-1]["lr"] == pytest.approx(0, abs=1e-9)


def test_the_figures_of_a_run_do_not_depend_on_how_its_classes_are_spelt(train, tmp_path):
    rng = np.random.default_rng(0)
    rare, features = np.arange(60) % 6 == 0, rng.normal(size=(60, 2)).round(3)
    found = []
    for name, (negative, positive) in {"a": ("good", "bad"), "b": ("0", "1"), "c": ("1", "2")}.items():
        rows = [[*row, positive if is_rare else negative] for row, is_rare in zip(features, rare, strict=True)]
        with (tmp_path / f"{name}.csv").open("w", newline="") as file:
            csv.writer(file).writerows([["p", "q", "label"], *rows])
        outcome = train("data=csv_tabular", f"data.path={name}.csv", "metrics=imbalanced", f"run={name}", *SPELT)
        assert outcome.code == 0, outcome.err
        run = tmp_path / "runs" / name
        result, manifest = cv_json(run), json.loads((run / "manifest.json").read_text())
        assert f"positive class: {positive} (" in outcome.out
        assert f"note: loss.alpha: {negative} 0.75, {positive} 0.25" in outcome.out
        assert (result["positive"], manifest["positive"], result["classes"][1]) == (positive,) * 3
        assert f"which average precision speaks of, is **{positive}**" in (run / "report.md").read_text()
        found.append(result["metrics"])
    assert found[0] == found[1] == found[2]


# OneCycleLR alone sets the rates itself, where the others scale the optimizer's: it meets every optimizer.
OPTIMIZERS_AND_SCHEDULERS = [(optimizer, "onecycle") for optimizer in ("adam", "adamw", "sgd", "adadelta", "rmsprop")]
OPTIMIZERS_AND_SCHEDULERS += [("adam", "constant"), ("adamw", "linear"), ("sgd", "step"), ("rmsprop", "cosine")]


EACH_ONCE = [("adam", "onecycle"), ("sgd", "onecycle"), ("adadelta", "onecycle")]
EACH_ONCE += [("adamw", "linear"), ("sgd", "step"), ("rmsprop", "cosine")]


@pytest.mark.parametrize(("optimizer", "scheduler"), some_of(OPTIMIZERS_AND_SCHEDULERS, EACH_ONCE))
def test_every_optimizer_and_every_scheduler_trains(train, optimizer, scheduler):
    outcome = train("data=iris", f"optimizer={optimizer}", f"scheduler={scheduler}", *QUICK)
    assert outcome.code == 0, outcome.err


def test_repeats_score_every_row_in_each_repeat(train, tmp_path):
    assert train("data=iris", "cv.repeats=2", *QUICK).code == 0
    run = only_run(tmp_path)
    table = pq.read_table(run / "oof.parquet")
    assert table.num_rows == 300
    assert len(cv_json(run)["metrics"]["accuracy"]["folds"]) == 4
    halves = table["fold"].to_numpy().reshape(2, 150)
    assert (halves[0] != halves[1]).any()


def test_rows_of_one_subject_stay_together_or_the_run_is_refused(train, tmp_path):
    path = tmp_path / "subjects.csv"
    rows = [f"{i % 7},{i % 2},s{i // 4}" for i in range(80)]
    path.write_text("x,label,subject\n" + "\n".join(rows) + "\n")
    arguments = ("data=csv_tabular", f"data.path={path}", "data.group=subject", *QUICK)
    refused = train(*arguments)
    assert refused.code == 2
    assert "use cv=stratified_group or cv=group" in refused.err
    assert train(*arguments, "cv=stratified_group", "run=kept").code == 0
    folds = pq.read_table(tmp_path / "runs/kept/oof.parquet")["fold"].to_numpy().reshape(20, 4)
    assert (folds == folds[:, :1]).all()


def test_finished_folds_are_kept(train, tmp_path):
    assert train("data=iris", "run=kept", "cv.fold=1", *QUICK).code == 0
    done = tmp_path / "runs/kept/fold_1/DONE"
    before = done.stat().st_mtime_ns
    outcome = train("data=iris", "run=kept", *QUICK)
    assert ["1", "done", "->", "skip"] in [line.split() for line in outcome.out.splitlines()]
    assert done.stat().st_mtime_ns == before


def test_another_configuration_cannot_write_into_a_run(train, tmp_path):
    assert train("data=iris", "run=mine", *QUICK).code == 0
    outcome = train("data=iris", "run=mine", "optimizer.lr=0.5", *QUICK)
    assert outcome.code == 4
    assert "optimizer.lr: 0.001 there, 0.5 here" in outcome.err


def test_other_data_of_the_same_name_cannot_write_into_a_run(train, reviews):
    arguments = ("data=csv_text", f"data.path={reviews}", "data.text=review", "data.label=sentiment")
    assert train(*arguments, "model=text_cnn", "run=r", "cv.fold=0", *QUICK).code == 0
    reviews.write_text(reviews.read_text(encoding="utf-8") + "good,pos,1\n", encoding="utf-8")
    outcome = train(*arguments, "model=text_cnn", "run=r", "cv.fold=1", *QUICK)
    assert outcome.code == 4
    assert "data (sha256)" in outcome.err
    assert "folds (fingerprint)" in outcome.err


def test_runs_without_a_name_never_share_a_directory(train, tmp_path, monkeypatch):
    from trainer.system.files import claim_directory

    names = {claim_directory(tmp_path / "runs" / "same").name for _ in range(3)}
    assert names == {"same", "same-2", "same-3"}


def test_a_sweep_survives_a_failing_job_and_leaves_a_leaderboard(train, tmp_path):
    outcome = train("-m", "data=wine", "loss=ce,bce", "amp=O0,O1", *QUICK)
    assert outcome.code == 2
    assert "job 2 failed: configuration error: loss=bce does not fit" in outcome.err
    (sweep,) = (tmp_path / "runs/sweeps").iterdir()
    with (sweep / "leaderboard.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 4
    assert [row["status"] for row in rows] == ["done"] * 2 + ["failed"] * 2
    means = [float(row["mean"]) for row in rows[:2]]
    assert means == sorted(means, reverse=True)
    assert set(rows[0]) >= {"loss", "amp", "mean", "sd", "seconds"}
    assert "max_epochs" not in rows[0]


def test_a_sweep_over_folds_fills_one_run(train, tmp_path):
    outcome = train("-m", "data=wine", "run=spread", "cv.fold=0,1", *QUICK)
    assert outcome.code == 0, outcome.err
    assert (tmp_path / "runs/spread/cv.json").exists()
    assert train("data=wine", "run=whole", *QUICK).code == 0
    assert sha(tmp_path / "runs/spread/oof.parquet") == sha(tmp_path / "runs/whole/oof.parquet")


@pytest.mark.parametrize("parallel", [1, 2])
def test_a_model_that_ends_the_process_is_an_error(train, monkeypatch, parallel):
    def leave(*_):
        sys.exit(0)

    monkeypatch.setattr("trainer.run.fold_job.fit_steps", leave)
    outcome = train("data=iris", *QUICK, f"cv.parallel={parallel}")
    assert outcome.code == 1
    assert f"sys.exit(0) was called ({__file__}:" in outcome.err


LEAVING = """
import os, sys
from trainer.metrics.contract import metric
from trainer.models.mlp import MLP

def leave(place):
    if place == os.environ["LEAVE_IN"]:
        sys.exit(0)

leave("the import")

class Net(MLP):
    def forward(self, *inputs, **named):
        leave("forward")
        return super().forward(*inputs, **named)

@metric(greater_is_better=True, tasks=("multiclass",))
def mine(target, proba, weights):
    leave("a metric")
    return 0.5
"""


@pytest.mark.parametrize(("place", "number"), [("the import", 0), ("forward", 1), ("a metric", 2)])
def test_an_exit_in_a_users_code_is_an_error_wherever_it_is(train, tmp_path, monkeypatch, place, number):
    name = f"leaving_{number}"
    (tmp_path / f"{name}.py").write_text(LEAVING)
    monkeypatch.setenv("LEAVE_IN", place)
    monkeypatch.syspath_prepend(tmp_path)
    parts = (f"plugins=[{name}]", f"model._target_={name}.Net", f"metrics.names=[accuracy,{name}.mine]")
    outcome = train("data=iris", *parts, *QUICK)
    assert outcome.code == 1, outcome.err
    assert f"sys.exit(0) was called ({tmp_path}/{name}.py:8), by a plugin" in outcome.err
    assert len(outcome.err.splitlines()) <= 5


def test_a_run_leaves_the_number_of_threads_as_it_was(train):
    torch.set_num_threads(2)
    try:
        assert train("data=iris", "cv.fold=0", *QUICK).code == 0
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)


def test_the_printed_command_finishes_the_run_with_its_lists(train, tmp_path):
    rows = "".join(f"r{row},{row % 7},{row % 5},{row % 2}\n" for row in range(40))
    (tmp_path / "rows.csv").write_text(f"id,a,b,label\n{rows}")
    given = ("data=csv_tabular", "data.path=rows.csv", "data.drop=[id,a]", "metrics.names=[accuracy,f1_macro]")
    first = train(*given, "cv.fold=0", "run=half", *QUICK)
    assert first.code == 0, first.err
    line = next(line for line in first.out.splitlines() if line.strip().startswith("python train.py"))
    _, _, *arguments = shlex.split(line)
    assert {"data.drop=[id,a]", "metrics.names=[accuracy,f1_macro]"} <= set(arguments)
    assert train(*arguments).code == 0
    assert (tmp_path / "runs/half/cv.json").exists()


def test_merge_names_the_missing_folds(train, tmp_path, capsys):
    assert train("data=wine", "run=part", "cv.fold=3", *FIVE_FOLDS).code == 0
    capsys.readouterr()
    assert foldwise(["merge", "runs/part"]) == 4
    message = capsys.readouterr().err
    assert "4 of 5 folds are not finished: 0,1,2,4" in message
    assert f"python train.py -m data=wine {shlex.join(FIVE_FOLDS)} run=part cv.fold=0,1,2,4" in message


def test_merge_of_nothing_and_of_damaged_predictions(train, tmp_path, capsys):
    assert foldwise(["merge", str(tmp_path / "nothing")]) == 4
    assert train("data=wine", "run=hurt", *QUICK).code == 0
    victim = tmp_path / "runs/hurt/fold_1/oof.parquet"
    data = bytearray(victim.read_bytes())
    data[len(data) // 2] ^= 1
    victim.write_bytes(bytes(data))
    capsys.readouterr()
    assert foldwise(["merge", "runs/hurt"]) == 4
    assert "is damaged" in capsys.readouterr().err


def test_report_shows_a_finished_run_again(train, tmp_path, capsys):
    assert train("data=wine", "run=shown", *QUICK).code == 0
    before = sha(tmp_path / "runs/shown/oof.parquet")
    capsys.readouterr()
    assert foldwise(["report", "runs/shown"]) == 0
    assert "accuracy" in capsys.readouterr().out
    assert sha(tmp_path / "runs/shown/oof.parquet") == before


def test_profile_only_stops_before_anything_is_written(train, tmp_path):
    outcome = train("data=iris", "profile.only=true")
    assert outcome.code == 0, outcome.err
    assert "parameters" in outcome.out
    assert list(tmp_path.iterdir()) == []


def test_the_profile_and_the_bill_are_saved_and_change_no_number(train, tmp_path):
    options = ("data=iris", "max_epochs=2", "tracker.name=none", "cv.n_splits=2")
    assert train(*options, "run=with").code == 0
    assert train(*options, "run=without", "profile=off").code == 0
    runs = tmp_path / "runs"
    assert sha(runs / "with/oof.parquet") == sha(runs / "without/oof.parquet")
    profile = cv_json(runs / "with")["profile"]
    assert json.loads((runs / "with/profile.json").read_text()) == profile
    assert profile["params"] == sum(v.numel() for v in load_file(runs / "with/fold_0/model.safetensors").values())
    assert profile["bill"]["train_steps"] == 2 * 2 * 3  # folds, epochs, batches
    assert cv_json(runs / "without")["profile"] == {}


def test_diverging_training_exits_5_and_leaves_no_finished_fold(train, tmp_path):
    outcome = train("data=wine", "optimizer=sgd", "optimizer.lr=1e12", "run=boom", *QUICK)
    assert outcome.code == 5
    assert "training stopped" in outcome.err
    assert not list(tmp_path.glob("runs/boom/fold_*/DONE"))


def test_a_text_run_with_the_table_model_names_the_right_one(train, reviews):
    arguments = ("data=csv_text", f"data.path={reviews}", "data.text=review", "data.label=sentiment")
    outcome = train(*arguments, *QUICK)
    assert outcome.code == 2
    assert "for tables use model=mlp, for texts model=text_cnn" in outcome.err


def test_rare_class_is_named(train, tmp_path):
    path = tmp_path / "rare.csv"
    path.write_text("x,label\n" + "1,a\n" * 6 + "2,b\n" * 6 + "3,c\n3,c\n")
    outcome = train("data=csv_tabular", f"data.path={path}", *FIVE_FOLDS)
    assert outcome.code == 3
    assert "class 'c': 2 rows < 5 folds" in outcome.err
    assert not (tmp_path / "runs").exists()


def test_more_folds_than_rows(train):
    outcome = train("data=iris", "cv.n_splits=151", *FIVE_FOLDS)
    assert outcome.code == 3
    assert "more than the 150 rows" in outcome.err


def test_loader_processes_that_change_nothing_are_said_to(train):
    outcome = train("data=iris", "num_workers=2", *QUICK)
    assert outcome.code == 0
    assert "num_workers=2 has no effect" in outcome.out


def test_overfitting_on_purpose_drives_the_loss_to_zero(train, tmp_path):
    assert train("data=iris", "debug=overfit", "optimizer.lr=0.01", "tracker.name=none").code == 0
    done = json.loads((only_run(tmp_path) / "fold_0/DONE").read_text())
    assert done["epochs"][-1]["train_loss"] < 0.05


def test_progress_bars_on_a_terminal(train):
    outcome = train("data=iris", "runtime.progress=rich", *QUICK)
    assert outcome.code == 0
    assert "fold 1" in outcome.out


def test_silence_on_request(train):
    outcome = train("data=iris", "runtime.progress=off", *QUICK)
    assert outcome.code == 0
    assert outcome.out == ""


def test_tensorboard_reads_the_run(train, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    assert train("data=iris", "run=tb", "max_epochs=2", "profile.enabled=false", "cv.n_splits=2").code == 0
    for number in range(2):
        events = EventAccumulator(str(tmp_path / f"runs/tb/fold_{number}"))
        events.Reload()
        tags = events.Tags()
        assert "epoch/train_loss" in tags["scalars"]
        assert "pr/setosa" in tags["tensors"]
    whole = EventAccumulator(str(tmp_path / "runs/tb")).Reload()
    assert "report/confusion_matrix" in whole.Tags()["images"]


def test_unwritable_runs_directory_is_a_storage_error(train, tmp_path):
    (tmp_path / "file").write_text("not a directory")
    outcome = train("data=iris", "paths.runs=file/runs", *QUICK)
    assert outcome.code == 6
    assert "cannot write to" in outcome.err
    assert "paths.runs=DIR" in outcome.err
    assert "free some space" not in outcome.err


HOUSE = Path(trainer.__path__[0])


def test_five_calls_lead_from_a_run_to_its_training_step(train, monkeypatch):
    ways, forward = set(), MLP.forward

    def seen(model, **inputs):
        ours = [frame.name for frame in traceback.extract_stack() if Path(frame.filename).is_relative_to(HOUSE)]
        if "train_step" in ours:
            ways.add(tuple(ours[ours.index("cross_validate") : ours.index("train_step") + 1]))
        return forward(model, **inputs)

    monkeypatch.setattr(MLP, "forward", seen)
    assert train("data=iris", *QUICK).code == 0
    assert ways == {("cross_validate", "train_folds", "train_in_turn", "train_fold", "take_all", "train_step")}


def test_few_modules_know_the_whole_configuration():
    known_in = {path.relative_to(HOUSE) for path in HOUSE.rglob("*.py") if "RunConfig" in path.read_text()}
    outside = {str(path) for path in known_in if path.parts[0] != "config"}
    doors = {
        "cli/train_job.py",
        "cli/ablate.py",
        "api/training.py",
        "api/classifier.py",
    }  # which compose one and hand it on
    of_runs = (
        "begin",
        "cross_validate",
        "elsewhere",
        "files_of_run",
        "finish",
        "identify",
        "in_ranks",
        "prepare",
        "validate",
        "without_effect",
    )
    back = {"inference/trained.py", "search/sweep.py"}  # which reads one of a finished run, and runs several
    before = {"inference/pseudo_rows.py"}  # which asks the teacher of a run before it is prepared
    trials = {"search/search.py", "search/trial.py", "search/trial_configs.py"}  # each with one of its own
    assert outside == doors | back | before | trials | {f"run/{name}.py" for name in of_runs}


def test_no_function_of_a_run_takes_more_than_nine_arguments():
    many = []
    for path in (HOUSE / "run").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
                many += [(path.name, node.name)] if len(given) > 9 else []
    assert not many
