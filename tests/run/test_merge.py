"""Folds finished in several directories become one result."""

import itertools
import json
import os
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import balanced_accuracy_score

from tests.run.merge_cases import (
    IDENTITY,
    IDS,
    METRICS,
    N_SPLITS,
    TARGET,
    changed,
    contents,
    fold_result,
    make_plan,
    make_run,
    manifest,
    rewrite_fold,
    sha,
    write_fold,
)
from trainer.cli.main import main as foldwise
from trainer.metrics.bootstrap import confidence_interval
from trainer.metrics.scores import score
from trainer.metrics.summary import summarise
from trainer.report.formatting import interval
from trainer.run import copies as copies_module
from trainer.run import merge as merge_module
from trainer.run.merge import merge
from trainer.run.missing import missing_folds
from trainer.store.fold_files import fold_directory, save_fold, target_hash
from trainer.store.result_files import read_cv_json
from trainer.store.run_files import has_rows, rows_table
from trainer.system.files import write_bytes

pytestmark = pytest.mark.usefixtures("without_pictures")


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """All folds trained in one place, and merged."""
    run = make_run(tmp_path_factory.mktemp("whole") / "a1")
    merge(run)
    return run


def test_every_row_has_the_prediction_of_the_fold_that_held_it_out(whole):
    table, plan = pq.read_table(whole / "oof.parquet"), make_plan()
    assert table["id"].to_pylist() == IDS.tolist()
    np.testing.assert_array_equal(table["target"].to_numpy(), TARGET)
    np.testing.assert_array_equal(table["fold"].to_numpy(), plan.fold_of_row[0])
    proba_NC = np.stack([table[f"proba_{name}"].to_numpy() for name in "abc"], axis=1)
    for number in range(N_SPLITS):
        fold = fold_result(plan, number)
        np.testing.assert_array_equal(proba_NC[fold.rows], fold.proba)


@pytest.mark.parametrize("order", list(itertools.permutations([(0,), (1, 3), (4, 2)]))[::2])
def test_copies_give_the_same_bytes_in_any_order_and_their_folds_are_taken_over(tmp_path, whole, order):
    first, *others = [make_run(tmp_path / str(i) / "a1", folds) for i, folds in enumerate(order)]
    before = [contents(other) for other in others]
    merged = merge(first, others)
    assert sha(first / "oof.parquet") == sha(whole / "oof.parquet")
    assert {name: value for name, value in contents(first).items() if "fold_" in name} == {
        name: value for name, value in contents(whole).items() if "fold_" in name
    }
    assert [contents(other) for other in others] == before
    assert len([note for note in merged.notes if "taken over from" in note]) == 5 - len(order[0])


def test_merging_again_changes_nothing(tmp_path, whole):
    run, other = make_run(tmp_path / "a1", (0, 1, 2)), make_run(tmp_path / "b" / "a1", (2, 3, 4))
    merge(run, [other])
    before = {path: path.stat().st_mtime_ns for path in run.glob("fold_*/*")}
    assert merge(run, [other, other, run]).notes == ()
    assert {path: path.stat().st_mtime_ns for path in run.glob("fold_*/*")} == before
    assert sha(run / "oof.parquet") == sha(whole / "oof.parquet")


def test_a_fold_in_two_directories_is_taken_once(tmp_path, whole, capsys):
    make_run(tmp_path / "a1", (0, 1, 2))
    make_run(tmp_path / "b", (1, 2, 3))
    make_run(tmp_path / "c", (3, 4))
    assert foldwise(["merge", *(str(tmp_path / name) for name in ("a1", "b", "c"))]) == 0
    assert f"fold 3 taken over from {tmp_path}/b/fold_3" in capsys.readouterr().out
    assert sha(tmp_path / "a1/oof.parquet") == sha(whole / "oof.parquet")


def test_each_id_comes_once_per_repeat(tmp_path):
    plan = make_plan(repeats=3)
    run = make_run(tmp_path / "a1", range(0, 15, 2), plan=plan)
    merge(run, [make_run(tmp_path / "b", range(1, 15, 2), plan=plan)])
    table = pq.read_table(run / "oof.parquet")
    assert table["id"].to_pylist() == IDS.tolist() * 3
    np.testing.assert_array_equal(table["fold"].to_numpy().reshape(3, -1), plan.fold_of_row)


def test_rows_that_no_fold_holds_out_are_left_out(tmp_path):
    plan = make_plan(repeats=2)
    plan.fold_of_row[0, [0, 7]] = -1
    plan.fold_of_row[1, [1, 2, 29]] = -1
    run = make_run(tmp_path / "a1", range(10), plan=plan)
    merge(run)
    table = pq.read_table(run / "oof.parquet")
    repeat, ids = table["repeat"].to_numpy(), np.array(table["id"].to_pylist())
    for number, gone in enumerate([[0, 7], [1, 2, 29]]):
        np.testing.assert_array_equal(ids[repeat == number], np.delete(IDS, gone))
    part = fold_result(plan, 7)
    own = np.isin(ids, IDS[part.rows]) & (repeat == 1)
    np.testing.assert_array_equal(table["proba_b"].to_numpy()[own], part.proba[:, 1])
    np.testing.assert_array_equal(table["target"].to_numpy()[own], TARGET[part.rows])


def test_what_was_begun_gives_way_to_the_finished_fold_and_is_not_taken_over_itself(tmp_path, whole):
    run, other = make_run(tmp_path / "a1", (0, 1, 2)), make_run(tmp_path / "b", (3, 4))
    begun = run / "fold_3"
    begun.mkdir()
    for name in (
        "step-00000004.pt",
        "step-00000004.json",
        "events.out.tfevents.1",
        "oof.parquet.tmp.1-abcdef",
        "DIVERGED",
    ):
        (begun / name).write_text("begun")
    (other / "fold_0").mkdir()
    (other / "fold_0/step-00000004.pt").write_text("begun")
    (other / "fold_4/events.out.tfevents.2").write_text("curves")
    (other / "fold_4/step-00000012.pt").write_text("last state, kept to train longer")
    (other / "fold_all").mkdir()
    merge(run, [other])
    assert sha(run / "oof.parquet") == sha(whole / "oof.parquet")
    assert contents(begun) == contents(other / "fold_3")
    assert (run / "fold_4/events.out.tfevents.2").exists()
    assert not list(run.glob("fold_*/step-*"))
    assert not (run / "fold_all").exists()


def test_a_merge_that_dies_at_any_write_is_finished_by_the_next(tmp_path, whole, monkeypatch):
    other = make_run(tmp_path / "b", (3, 4))
    n_writes = 2 * len(list((other / "fold_3").iterdir()))
    for k in range(n_writes + 1):
        run = make_run(tmp_path / f"run{k}", (0, 1, 2))
        writes = itertools.count()

        def dying(path, data, writes=writes, k=k, **options):
            if next(writes) == k:
                raise KeyboardInterrupt
            write_bytes(path, data, **options)

        monkeypatch.setattr(copies_module, "write_bytes", dying)
        if k < n_writes:
            with pytest.raises(KeyboardInterrupt):
                merge(run, [other])
            assert missing_folds(run) == ([3, 4] if k < n_writes / 2 else [4])
        merge(run, [other])
        assert sha(run / "oof.parquet") == sha(whole / "oof.parquet")


def test_folds_of_other_hardware_are_joined_with_a_note(tmp_path):
    run = make_run(tmp_path / "a1", (0, 1))
    other = make_run(tmp_path / "b", (2, 3), identity=changed("hardware", "threads", 8))
    gpu = changed("hardware", "threads", None, changed("hardware", "device", "cuda H100"))
    third = make_run(tmp_path / "c", (4,), identity=gpu)
    merge(run, [other, third])
    note = "folds 0,1 on cpu with 1 thread; folds 2,3 on cpu with 8 threads; fold 4 on cuda H100"
    assert f"{note}: the last digits can differ" in (run / "report.md").read_text()


def test_one_kind_of_hardware_needs_no_note(whole):
    assert "last digits" not in (whole / "report.md").read_text()


def test_metrics_that_a_fold_did_not_record_are_computed_from_its_predictions(tmp_path):
    names = (*METRICS, "balanced_accuracy")
    run = make_run(tmp_path / "a1", range(4), metrics=names, select="fold")
    rewrite_fold(run, 4, metrics=names)
    monitored = [replace(e, monitor={"accuracy": 0.5}) for e in fold_result(make_plan(), 0).epochs]
    for number in range(N_SPLITS):
        rewrite_fold(run, number, metrics=METRICS[: 1 + number % 2], epochs=tuple(monitored))
    summary = merge(run).result.metrics
    parts = [fold_result(make_plan(), number) for number in range(N_SPLITS)]
    expected = [balanced_accuracy_score(TARGET[part.rows], part.proba.argmax(axis=1)) for part in parts]
    assert summary["balanced_accuracy"].folds == pytest.approx(expected)
    assert summary["log_loss"].folds == pytest.approx([part.metrics["log_loss"] for part in parts])


def test_folds_that_no_epoch_could_be_picked_for_are_named(tmp_path):
    names = ("roc_auc",)
    run = make_run(tmp_path / "a1", (), metrics=names, select="inner")
    for number in range(N_SPLITS):
        scores = [float("nan")] * 3 if number in (1, 4) else [float("nan"), 0.5, 0.4]
        epochs = fold_result(make_plan(), number).epochs
        monitored = tuple(replace(e, monitor={"roc_auc": v}) for e, v in zip(epochs, scores, strict=True))
        rewrite_fold(run, number, metrics=names, epochs=monitored)
    merged = merge(run)
    note = "folds 1,4: roc_auc was undefined in every epoch on the rows that pick it: the last epoch was kept"
    assert merged.notes == (note,)
    assert "was undefined in every epoch on the rows that pick it" in merged.report.read_text(encoding="utf-8")


def test_force_joins_other_options_says_so_and_remembers_it(tmp_path, whole):
    run = make_run(tmp_path / "a1", (0, 1, 2))
    other = make_run(tmp_path / "b", (3, 4), identity=changed("config", "optimizer.lr", 0.5))
    assert foldwise(["merge", str(run), str(other)]) == 4
    assert foldwise(["merge", str(run), str(other), "--force"]) == 0
    line = "optimizer.lr: 0.5 there, 0.01 here"
    assert f"folds 3,4 differing from the run, joined by force: {line}" in (run / "report.md").read_text()
    assert manifest(run)["forced"] == [line]
    assert sha(run / "oof.parquet") == sha(whole / "oof.parquet")
    assert foldwise(["report", str(run)]) == 0
    assert line in (run / "report.md").read_text()


def test_what_force_resume_accepted_needs_no_force_again_but_only_that(tmp_path, capsys):
    now = changed("content", "data (sha256)", "e" * 64, changed("config", "optimizer.lr", 0.3))
    lines = ["optimizer.lr: 0.01 there, 0.2 here", "optimizer.lr: 0.2 there, 0.3 here"]
    data = "data (sha256): dddddddddddd... there, eeeeeeeeeeee... here"
    run = make_run(tmp_path / "a1", identity=now, forced=[*lines, data])
    rewrite_fold(run, 0, identity=IDENTITY)
    assert foldwise(["merge", str(run)]) == 0
    rewrite_fold(run, 1, identity=changed("config", "optimizer.lr", 0.9))
    assert foldwise(["merge", str(run)]) == 4
    assert "optimizer.lr: 0.9 there, 0.3 here" in capsys.readouterr().err


def test_a_fold_stopped_early_is_finished_at_any_length(tmp_path, whole):
    run = make_run(tmp_path / "a1", identity=changed("length", "max_epochs", 9))
    for number in range(N_SPLITS):  # 3 of 5, then of 9 epochs
        rewrite_fold(run, number, identity=changed("length", "max_epochs", 5 + number))
    merge(run)
    assert sha(run / "oof.parquet") == sha(whole / "oof.parquet")


def test_a_longer_trained_copy_of_a_fold_takes_the_place_of_a_shorter_one(tmp_path):
    longer = changed("length", "max_epochs", 6)
    run, other = make_run(tmp_path / "a1", identity=longer), make_run(tmp_path / "b", (), identity=longer)
    for number in range(N_SPLITS):
        rewrite_fold(run, number, n_epochs=6, identity=longer)
    rewrite_fold(other, 2, n_epochs=6, seed=1, identity=longer)
    rewrite_fold(run, 2)
    merge(run, [other])
    assert contents(run / "fold_2") == contents(other / "fold_2")
    assert json.loads((run / "fold_2/DONE").read_text())["identity"]["length"]["max_epochs"] == 6


def test_a_run_copied_with_its_directory_name_changed_merges(tmp_path, whole, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = make_run(Path("a1"), (0, 1, 2, 3))
    shutil.copytree(run, "运行 copy")
    write_fold(Path("运行 copy"), fold_result(make_plan(), 4), make_plan())
    os.chdir(run)
    merge(Path(), [Path("../运行 copy")])
    assert sha(Path("oof.parquet")) == sha(whole / "oof.parquet")


def shown(run: Path, capsys) -> str:
    """What ``foldwise merge`` prints, on one line."""
    capsys.readouterr()
    assert foldwise(["merge", str(run)]) == 0
    return " ".join(capsys.readouterr().out.split())


def test_groups_are_drawn_and_every_door_says_so_with_one_interval(tmp_path, whole, capsys):
    groups = np.array([f"patient {row // 2}" for row in range(30)])
    run = make_run(tmp_path / "a1", groups=groups)
    merged = merge(run)
    result = read_cv_json(run / "cv.json")
    assert result.n_groups == merged.result.n_groups == 15
    assert read_cv_json(whole / "cv.json").n_groups is None
    assert result.metrics["log_loss"].ci95 != read_cv_json(whole / "cv.json").metrics["log_loss"].ci95
    pages = {name: (run / name).read_text() for name in ("report.md", "report.html")}
    printed = interval(result.metrics["log_loss"].ci95)
    for text in (*pages.values(), shown(run, capsys)):
        assert printed in text
        assert re.search("15 groups (are|were) drawn, each with all its rows", text)
        assert "groups only" not in text
    assert "over rows" in (whole / "report.md").read_text()
    assert "groups" not in shown(whole, capsys)
    assert sha(run / "oof.parquet") == sha(whole / "oof.parquet")
    assert b"patient" not in (run / "rows.parquet").read_bytes()


def test_intervals_are_those_of_a_thousand_resamples(tmp_path, monkeypatch):
    monkeypatch.setattr("trainer.run.merge.summarise", summarise)  # tests draw fewer, see tests/quick_runs.py
    run = make_run(tmp_path / "a1")
    found = merge(run)
    oof, task = found.oof, found.result.task
    expected = confidence_interval("log_loss", task, oof.target, oof.proba, n_resamples=1000)
    assert read_cv_json(run / "cv.json").metrics["log_loss"].ci95 == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("n_groups", "said"), [(6, "from 6 groups only: they are rough"), (1, "of one group: there is no interval")]
)
def test_few_groups_are_told(tmp_path, capsys, n_groups, said):
    run = make_run(tmp_path / "a1", groups=np.array([str(row % n_groups) for row in range(30)]))
    assert (merge(run).result.metrics["accuracy"].ci95 is None) == (n_groups == 1)
    assert said in shown(run, capsys)
    assert f"> **Note:** {'the' if n_groups > 1 else 'all'}" in (run / "report.md").read_text()


def test_rows_are_known_whatever_their_groups_are():
    plain, grouped = rows_table(IDS, TARGET), rows_table(IDS, TARGET, IDS[::-1])
    assert has_rows(plain, IDS, TARGET)
    assert has_rows(grouped, IDS, TARGET)
    assert not has_rows(plain, IDS[::-1], TARGET)
    assert not has_rows(plain, IDS, 2 - TARGET)
    assert not has_rows(plain[:-9], IDS, TARGET)
    assert not has_rows(b"id,target\n", IDS, TARGET)


def test_a_fold_is_scored_once_while_its_labels_are_those_it_was_scored_on(tmp_path, monkeypatch):
    scored = []
    monkeypatch.setattr(merge_module, "score", lambda names, *rest: scored.append(names) or score(names, *rest))
    run, whole = make_run(tmp_path / "a1"), make_run(tmp_path / "a2")
    merge(run)
    assert scored == []
    save_fold(fold_directory(run, 1), fold_result(make_plan(), 1), amp={}, identity=IDENTITY, files={})  # no hash
    merge(run)
    assert scored == [list(METRICS)]
    rewrite_fold(run, 1, metrics=METRICS[:1])  # it lacks the others
    merge(run)
    assert scored == [list(METRICS)] * 2
    merge(whole)
    assert read_cv_json(run / "cv.json").metrics == read_cv_json(whole / "cv.json").metrics


def test_labels_have_the_same_hash_in_whatever_type_they_are_held():
    assert len({target_hash(TARGET.astype(kind)) for kind in (np.int64, np.int32, np.float64)}) == 1
    changed = TARGET.copy()
    changed[3] += 1
    assert target_hash(changed) != target_hash(TARGET)
    assert target_hash(np.stack([TARGET, changed], axis=1)) == target_hash(
        np.asfortranarray(np.stack([TARGET, changed], axis=1))
    )
