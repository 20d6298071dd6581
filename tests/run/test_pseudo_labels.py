import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.inference.run_cases import COLOURS, table_options, text_options, write_rows
from trainer.cli import train
from trainer.config.compose import compose_run
from trainer.config.pseudo import PseudoConfig
from trainer.data.samples import Images, Texts
from trainer.errors import CheckpointError, ConfigError, DataError
from trainer.folds.each_seed import with_seeds
from trainer.folds.plan import FoldPlan
from trainer.inference.new_rows import Asked, open_new_rows
from trainer.inference.predictor import open_predictor
from trainer.run import choose_pseudo
from trainer.run.choose_pseudo import chosen, joined
from trainer.run.copies import open_copy
from trainer.run.fold_data import prepare_fold
from trainer.run.prepare import prepare
from trainer.run.validate import check_config


def run_of(folder: Path, *options: str) -> Path:
    """Train as the command does; return the run's directory."""
    config, launch = compose_run([*options, f"paths.runs={folder}/runs"], check_config)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("trainer.report.markdown.draw_pictures", lambda *_, **__: {})
        train.run(config, launch)
    return folder / "runs" / str(config.run)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A teacher of two folds, and 30 unlabelled rows, of which the last is the first labelled one."""
    folder = tmp_path_factory.mktemp("pseudo")
    run_of(folder, *options_of(folder), "run=a1")
    random = np.random.default_rng(1)
    first = (folder / "table.csv").read_text().splitlines()[1].split(",")[:4]
    rows = [[f"u{n}", f"{random.normal():.4f}", f"{random.uniform(0, 100):.1f}%", COLOURS[n % 3]] for n in range(29)]
    write_rows(folder / "new.csv", [["key", "size", "share", "colour"], *rows, ["u29", *first[1:]]])
    return folder


def options_of(folder: Path) -> list[str]:
    return [*table_options(folder), "max_epochs=3"]


def labelled_by(folder: Path, teacher: str = "a1") -> list[str]:
    return [f"pseudo.path={folder}/new.csv", f"pseudo.teacher={folder}/runs/{teacher}", "pseudo.threshold=0.5"]


@pytest.fixture(scope="module")
def run(folder: Path) -> Path:
    return run_of(folder, *options_of(folder), *labelled_by(folder), "run=b1")


def prepared(folder: Path, *options: str) -> Any:
    config, _ = compose_run(
        [*options_of(folder), *labelled_by(folder), f"paths.runs={folder}/runs", *options], check_config
    )
    return prepare(config)


def told(folder: Path, fold: int) -> np.ndarray:
    """What one fold of the teacher says of the unlabelled rows, by the way of foldwise predict."""
    predictor = open_predictor(folder / "runs/a1", folds=[fold])
    (block,) = open_new_rows(predictor, str(folder / "new.csv"), Asked()).blocks()
    return predictor.predict(block.inputs)[0].proba


def test_each_fold_is_told_the_labels_of_its_own_model_and_no_copy_of_what_it_holds_out(
    folder: Path, run: Path
) -> None:
    experiment = prepared(folder)
    for fold in range(2):
        labels, proba = experiment.pseudo.by_fold[fold], told(folder, fold)
        holds_out_first = experiment.plan.fold_of_row[0, 0] == fold
        assert labels.places.tolist() == list(range(29 if holds_out_first else 30))
        assert labels.target.tolist() == proba.argmax(axis=1)[labels.places].tolist()
        ready = prepare_fold(experiment, fold)
        n_labelled = len(experiment.samples)
        assert ready.rows.train[-len(labels.places) :].tolist() == (n_labelled + labels.places).tolist()
        assert set(ready.rows.held_out.tolist()) <= set(range(n_labelled))
        assert ready.data.target[ready.rows.train[-len(labels.places) :]].tolist() == labels.target.tolist()
    facts = json.loads((run / "manifest.json").read_text())["pseudo"]
    copies = [facts["folds"][str(fold)]["copies"] for fold in range(2)]
    assert sorted(copies) == [[], ["u29"]]
    assert [list(facts["folds"][str(fold)]["labelled by"]) for fold in range(2)] == [["0"], ["1"]]


def test_more_rows_change_what_a_fold_learns_and_a_run_that_goes_on_has_the_same_bits(folder: Path, run: Path) -> None:
    options = [*options_of(folder), *labelled_by(folder), "run=b2"]
    run_of(folder, *options, "cv.fold=1")
    parts = run_of(folder, *options)
    oof = [(path / "oof.parquet").read_bytes() for path in (run, parts, folder / "runs/a1")]
    assert oof[0] == oof[1] != oof[2]
    shutil.rmtree(parts)


def test_other_labels_are_another_run(folder: Path, run: Path) -> None:
    shutil.copytree(run, folder / "runs/b3")
    with pytest.raises(CheckpointError, match=r"pseudo\.weight: 1.0 there, 0.5 here"):
        run_of(folder, *options_of(folder), *labelled_by(folder), "pseudo.weight=0.5", "run=b3")


def test_the_audit_of_a_second_round_proves_both(folder: Path, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from trainer.cli.main import main

    second = run_of(folder, *options_of(folder), *labelled_by(folder, "b1"), "pseudo.soft=true", "audit=warn", "run=b4")
    facts = json.loads((second / "manifest.json").read_text())
    assert facts["pseudo"]["before"]["teacher"].endswith("runs/a1")
    assert main(["audit", str(second), "--strict"]) == 0
    assert "(2 rounds)" in " ".join(capsys.readouterr().out.split())


def test_all_folds_together_are_refused_and_when_forced_a_leak_that_the_audit_names(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"pseudo.mode=all .* use pseudo.mode=per_fold"):
        run_of(folder, *options_of(folder), *labelled_by(folder), "pseudo.mode=all", "run=c1")
    forced = ("pseudo.mode=all", "pseudo.force_leak=true", "audit=strict", "run=c1")
    with pytest.raises(DataError, match="has labelled rows for fold 0, and was trained on 20 of its 20 held-out rows"):
        run_of(folder, *options_of(folder), *labelled_by(folder), *forced)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["cv.n_splits=3"], "its folds are not those of this run: cv.n_splits: 2 there, 3 here"),
        (["cv.random_state=7"], "cv.random_state: 42 there, 7 here"),
        (["cv.repeats=2"], "cv.repeats: 1 there, 2 here"),
        (["pseudo.thresholds={maybe: 0.5}"], "pseudo.thresholds.maybe: no such class"),
        (["data.drop=[price,share]"], "columns are not those that the teacher reads: share"),
        (["pseudo.thresholds={yes: 1.0, no: 1.0}"], "no row is labelled surely enough: lower pseudo.threshold"),
        (["data.drop=[label]", "data.label=price", "data.task=regression", "loss=mse"], "a regression task has no"),
    ],
)
def test_what_does_not_fit_is_refused(folder: Path, run: Path, options: list[str], message: str) -> None:
    with pytest.raises((ConfigError, DataError), match=message.replace("(", r"\(")):
        prepared(folder, *options)


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"select": "fold"}, "picked its epochs on the rows"),
        ({"pseudo": {"leaks": True}}, "was itself trained on labels"),
    ],
)
def test_a_teacher_that_knows_held_out_rows_is_refused(
    folder: Path, run: Path, monkeypatch: pytest.MonkeyPatch, facts: dict[str, Any], message: str
) -> None:
    copy = open_copy(folder / "runs/a1")
    monkeypatch.setattr(choose_pseudo, "open_copy", lambda _: replace(copy, facts={**copy.facts, **facts}))
    with pytest.raises(ConfigError, match=message):
        prepared(folder)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("pseudo.soft=true", "pseudo.soft has no effect without pseudo.path"),
        ("pseudo.path=new.csv", "needs the run whose folds label the rows"),
        ("pseudo.thresholds={a: 2}", "has no effect without"),
    ],
)
def test_options_that_contradict_are_named(option: str, message: str) -> None:
    config, _ = compose_run([option], check_config)
    with pytest.raises(ConfigError, match=message):
        check_config(config)


def test_from_is_another_word_for_the_teacher() -> None:
    from trainer.config.command_line import arranged

    assert arranged(["pseudo.from=runs/a1"]) == ["pseudo.teacher=runs/a1"]


def test_rows_need_their_class_s_threshold_and_models_that_agree() -> None:
    proba = np.array([[[0.9, 0.1], [0.3, 0.7], [0.45, 0.55]], [[0.7, 0.3], [0.1, 0.9], [0.7, 0.3]]], dtype=np.float32)
    none = np.zeros(3, dtype=bool)
    section = PseudoConfig(threshold=0.5, thresholds={"b": 0.85})
    labels = chosen(proba, section, ["a", "b"], left_out_P=none)
    assert labels.places.tolist() == [0]  # the second is 0.8 of b, the third is called a by one of two
    labels = chosen(proba, replace(section, thresholds={}, agreement=0.5), ["a", "b"], left_out_P=none)
    assert (labels.places.tolist(), labels.target.tolist()) == ([0, 1, 2], [0, 1, 0])
    np.testing.assert_allclose(labels.proba_RC, [[0.8, 0.2], [0.2, 0.8], [0.575, 0.425]], atol=1e-6)


def test_soft_labels_and_their_weight(folder: Path, run: Path) -> None:
    experiment = prepared(folder, "pseudo.soft=true", "pseudo.weight=0.25")
    fold = prepare_fold(experiment, 1)
    rows = fold.rows.train[len(fold.rows.train) - len(experiment.pseudo.by_fold[1].places) :]
    assert fold.data.votes_NC is not None
    np.testing.assert_allclose(fold.data.votes_NC[rows], told(folder, 1)[rows - 40], atol=1e-6)
    assert set(fold.data.weights_N[rows].tolist()) == {0.25}
    n_labelled = len(experiment.samples)
    assert set(fold.data.weights_N[:n_labelled].tolist()) == {1.0}
    assert fold.data.votes_NC[:n_labelled].argmax(dim=1).tolist() == experiment.samples.target.tolist()


def test_every_seed_of_the_teacher_labels_for_the_folds_it_shares(monkeypatch: pytest.MonkeyPatch) -> None:
    split = FoldPlan("kfold", 2, 1, 0, np.array([[0, 1, 0, 1]]), "f")
    teacher: Any = type("Teacher", (), {"n_folds": 6, "plan": with_seeds(split, [1, 2, 3])})
    assert choose_pseudo._labelling(PseudoConfig(), teacher, split, 1) == [1, 3, 5]
    assert choose_pseudo._labelling(PseudoConfig(), teacher, split, "all") == [0, 1, 2, 3, 4, 5]


def test_images_are_refused_and_texts_are_joined() -> None:
    texts = Texts(("a",))
    assert joined(texts, Texts(("b",)), "new.csv") == Texts(("a", "b"))
    with pytest.raises(ConfigError, match="for tables in memory and texts"):
        joined(Images("x", ("a.png",), ("0",)), texts, "new.csv")


def test_texts_are_labelled_and_near_copies_of_held_out_ones_left_out(tmp_path: Path) -> None:
    options = text_options(tmp_path)
    run_of(tmp_path, *options, "run=t1")
    lines = (tmp_path / "reviews.csv").read_text().splitlines()
    header, first = lines[0].split(","), lines[1]
    place = header.index("text")
    write_rows(
        tmp_path / "new.csv", [["text"], ["a wholly other sentence about nothing"], [first.split(",")[place] + " !"]]
    )
    labels = [f"pseudo.path={tmp_path}/new.csv", f"pseudo.teacher={tmp_path}/runs/t1", "pseudo.threshold=0"]
    facts = json.loads((run_of(tmp_path, *options, *labels, "run=t2") / "manifest.json").read_text())["pseudo"]
    assert sorted(facts["folds"][fold]["copies"] for fold in "01") == [[], ["row 2"]]
