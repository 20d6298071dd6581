"""A blend is a run: its directory is read, merged, opened and blended again like any other."""

import json
import os
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.inference.blend_cases import noisy_logits, write_predictions
from trainer.api.runs import open_run
from trainer.cli.main import main as foldwise
from trainer.errors import CheckpointError, ConfigError, StorageError
from trainer.inference.blend_run import blend_runs, read_blend
from trainer.inference.combine import combine
from trainer.inference.decide import Wanted, decide_run
from trainer.inference.held_out import read_held_out
from trainer.inference.trained import open_trained
from trainer.inference.verify_blend import verify_blend
from trainer.run.copies import open_copy
from trainer.run.decided import folds_sha256
from trainer.store.fold_files import save_fold
from trainer.store.result_files import read_cv_json, read_oof

N = 60
TARGET = np.random.default_rng(1).integers(0, 3, N)
METRICS = ("accuracy", "log_loss")
pytestmark = pytest.mark.usefixtures("without_pictures")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Three runs of two repeats, the last one noise."""
    place = tmp_path_factory.mktemp("runs")
    return [
        write_predictions(
            place / name,
            np.stack([noisy_logits(TARGET, 3, strength, seed + r) for r in (0, 10)]),
            TARGET,
            metrics=METRICS,
            groups=(np.arange(N) // 3).astype(str),
        )
        for seed, (name, strength) in enumerate([("a", 2.0), ("b", 1.5), ("noise", 0.0)])
    ]


@pytest.fixture(scope="module")
def blended(runs):
    return blend_runs(runs, runs[0].parent / "blend", method="nonnegative")


def test_a_blend_is_a_run_that_opens_merges_and_reports(runs, blended, capsys):
    out = blended.merged.report.parent
    run = open_run(out)
    assert run.missing == []
    assert run.result.metrics["accuracy"].oof == blended.score
    assert run.result.n_groups == N // 3
    before = (out / "oof.parquet").read_bytes()
    assert foldwise(["report", str(out)]) == 0
    assert (out / "oof.parquet").read_bytes() == before
    table = pq.read_table(out / "oof.parquet")
    assert table.column_names == ["id", "fold", "repeat", "target"] + [
        f"{p}_{c}"
        for p, c in [("proba", "c0"), ("proba", "c1"), ("proba", "c2"), ("logit", 0), ("logit", 1), ("logit", 2)]
    ] + ["loss"]
    report = (out / "report.md").read_text()
    assert "a 0." in report
    assert "on the rows its weights were fitted on" in report
    assert "Mixed precision" not in report
    assert "learning_curves" not in report
    capsys.readouterr()


def test_both_figures_are_said_and_the_cross_fitted_one_is_that_of_the_predictions(blended):
    oof = read_oof(blended.merged.report.parent / "oof.parquet")
    by_repeat = [(oof.proba.argmax(axis=1) == oof.target)[oof.repeat == repeat].mean() for repeat in (0, 1)]
    assert blended.score == pytest.approx(np.mean(by_repeat))
    assert f"{blended.score:.4f} cross-fitted, {blended.blend.in_sample:.4f} on the rows it was" in blended.line


def test_what_predicts_new_rows_is_read_back_with_the_runs_it_is_of(runs, blended):
    out = blended.merged.report.parent
    saved = read_blend(out)
    assert [path.resolve() for path in saved.members] == [run.resolve() for run in runs]
    assert list(saved.folds_sha256) == [folds_sha256(open_copy(run)) for run in runs]
    assert saved.combination == blended.blend.fitted
    proba_KNC = np.stack([read_held_out(run).proba_RNC[0] for run in runs])
    assert combine(saved.combination, open_copy(out).task, proba_KNC).shape == (N, 3)
    assert read_blend(runs[0]) is None


def test_the_whole_folder_of_runs_may_be_moved(tmp_path, runs, blended):
    moved = tmp_path / "elsewhere"
    shutil.copytree(runs[0].parent, moved)
    assert all(path.is_dir() and path.resolve().is_relative_to(moved) for path in read_blend(moved / "blend").members)


def test_a_blend_of_a_blend_is_a_blend(tmp_path, runs, blended):
    again = blend_runs([blended.merged.report.parent, runs[2]], tmp_path / "again", method="mean")
    assert again.line == f"accuracy {again.score:.4f}; nothing was fitted"


def test_the_mean_of_identical_runs_has_their_predictions_to_the_bit(tmp_path, runs):
    for name in ("one", "two"):
        shutil.copytree(runs[0], tmp_path / name)
    result = blend_runs([tmp_path / "one", tmp_path / "two"], tmp_path / "mean", method="mean")
    found, own = read_held_out(tmp_path / "mean"), read_held_out(tmp_path / "one")
    np.testing.assert_array_equal(found.proba_RNC, own.proba_RNC)
    assert "predict exactly the same" in (tmp_path / "mean" / "report.md").read_text()
    assert result.blend.members.notes


def test_the_same_blend_is_written_again_and_any_other_run_is_left_alone(runs, blended):
    out = blended.merged.report.parent
    before = (out / "oof.parquet").read_bytes()
    blend_runs(runs, out, method="nonnegative")
    assert (out / "oof.parquet").read_bytes() == before
    for place, options in ((out, {"method": "mean"}), (runs[1], {"method": "nonnegative"})):
        with pytest.raises(CheckpointError, match="holds another run"):
            blend_runs(runs, place, **options)


@pytest.mark.parametrize("own", [False, True])
def test_nothing_is_left_of_a_blend_that_cannot_be_written(tmp_path, runs, monkeypatch, capsys, own):
    def full(place, *arguments, **options):
        if place.name == "fold_5":
            raise StorageError(f"cannot write {place}: no space left")
        save_fold(place, *arguments, **options)

    monkeypatch.setattr("trainer.inference.blend_run.save_fold", full)
    out = tmp_path / "blend"
    if own:  # a folder of the user's, with notes
        out.mkdir()
        (out / "notes.txt").write_text("mine")
    assert foldwise(["blend", *map(str, runs), "--out", str(out)]) == 6
    assert "no space left" in capsys.readouterr().err
    assert [path.name for path in tmp_path.rglob("*")] == ["blend", "notes.txt"] * own


def test_a_blend_that_lacks_a_fold_says_how_it_is_made_again(tmp_path, blended, capsys):
    out = tmp_path / "blend"
    shutil.copytree(blended.merged.report.parent, out)
    shutil.rmtree(out / "fold_3")
    assert foldwise(["report", str(out)]) == 4
    err = capsys.readouterr().err
    assert "1 of 8 folds are not finished: 3" in err
    assert "foldwise blend " in err
    assert "cv.fold" not in err


def test_a_damaged_blend_json_is_told(tmp_path, blended):
    out = tmp_path / "blend"
    shutil.copytree(blended.merged.report.parent, out)
    facts = json.loads((out / "blend.json").read_text())
    facts["combination"]["weights"][0] += 0.1
    (out / "blend.json").write_text(json.dumps(facts))
    with pytest.raises(CheckpointError, match="it was changed after it was written"):
        read_blend(out)


@pytest.mark.parametrize("method", ["mean", "rank", "greedy", "nonnegative", "stack"])
def test_a_blend_is_proved_from_its_runs(tmp_path, runs, method, capsys):
    out = tmp_path / "blend"
    blend_runs(runs, out, method=method, metric="log_loss", seed=3)
    assert foldwise(["verify", str(out)]) == 0
    assert f"verified: {2 * N} held-out predictions" in capsys.readouterr().out
    assert all(check.n_equal == check.n_rows for check in verify_blend(out))


def test_a_blend_of_runs_that_were_trained_again_is_no_proof(tmp_path, runs, capsys):
    for run in runs[:2]:
        shutil.copytree(run, tmp_path / run.name)
    out = tmp_path / "blend"
    blend_runs([tmp_path / "a", tmp_path / "b"], out, method="mean")
    shutil.rmtree(tmp_path / "b")
    shutil.copytree(runs[2], tmp_path / "b")
    assert foldwise(["verify", str(out)]) == 4
    assert "b has other folds than" in capsys.readouterr().err
    with pytest.raises(ConfigError, match="is a blend, without models of its own"):
        open_trained(out)


def test_the_command_prints_weights_and_both_figures(runs, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(runs[0].parent)
    out = os.path.relpath(tmp_path / "cli")
    assert foldwise(["blend", "a", "b", "noise", "--out", out, "--metric", "log_loss", "--method", "greedy"]) == 0
    said = capsys.readouterr().out
    assert "log loss" in said
    assert "cross-fitted" in said.splitlines()[-1]
    result = read_cv_json(tmp_path / "cli" / "cv.json")
    assert result.primary == "log_loss"
    assert foldwise(["blend", "a", "--out", "x"]) == 2
    assert foldwise(["blend", "a", "absent", "--out", "x"]) == 4
    assert "absent" in capsys.readouterr().err


def test_sets_are_not_decided_on_a_blend_and_it_says_why(blended):
    with pytest.raises(ConfigError, match="sets are made from what each fold's own model says"):
        decide_run(blended.merged.report.parent, Wanted(coverage=0.9))
