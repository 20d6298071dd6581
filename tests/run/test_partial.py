"""What finished folds say while others are missing, against scikit-learn on their rows alone."""

import json
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, log_loss

from tests.run.merge_cases import IDS, TARGET, fold_result, make_plan, make_run, write_fold
from trainer.report.terminal import terminal
from trainer.run.merge import merge
from trainer.run.partial import merge_finished, out_of_time
from trainer.store.fold_files import fold_directory
from trainer.store.result_files import read_oof


def test_finished_folds_are_pooled_over_their_own_rows_and_a_merge_of_all_takes_it_away(tmp_path, capsys):
    plan = replace(make_plan(repeats=2), seeds=(1, 2))
    run = make_run(tmp_path / "a1", (0, 3, 7), plan=plan)
    assert merge_finished(run, [1, 2, 4, 5, 6, 8, 9], terminal())
    partial, oof = json.loads((run / "partial.json").read_text()), read_oof(run / "partial_oof.parquet")
    folds = [fold_result(plan, number) for number in (0, 3, 7)]
    assert sorted(oof.ids) == sorted(IDS[np.concatenate([part.rows for part in folds])])
    first = [TARGET[np.concatenate([part.rows for part in folds[:2]])], np.concatenate([p.proba for p in folds[:2]])]
    second = [TARGET[folds[2].rows], folds[2].proba]
    wanted = np.mean([accuracy_score(target, proba.argmax(axis=1)) for target, proba in (first, second)])
    assert partial["metrics"]["accuracy"]["oof"] == pytest.approx(wanted)
    parts = [(target, proba / proba.sum(axis=1, keepdims=True, dtype=float)) for target, proba in (first, second)]
    wanted = np.mean([log_loss(target, proba) for target, proba in parts])
    assert partial["metrics"]["log_loss"]["oof"] == pytest.approx(wanted, rel=1e-5)
    assert (len(partial["metrics"]["accuracy"]["folds"]), partial["missing"]) == (3, [1, 2, 4, 5, 6, 8, 9])
    assert "warning: of 3 of 10 folds only" in capsys.readouterr().out

    for number in partial["missing"]:
        write_fold(run, fold_result(plan, number), plan)
    assert len(merge(run).oof.ids) == 2 * len(IDS)
    assert list(run.glob("partial*")) == []


def test_where_nothing_is_finished_nothing_is_written(tmp_path, capsys):
    run = make_run(tmp_path / "a1", ())
    assert not merge_finished(run, range(5), terminal())
    assert (list(run.glob("partial*")), capsys.readouterr().out) == ([], "")


def test_the_error_says_what_is_missing_and_how_to_go_on_in_five_lines_at_most(tmp_path):
    run = make_run(tmp_path / "a1", (0,))
    (fold_directory(run, 2)).mkdir()
    (fold_directory(run, 2) / "inner-0-0.json").write_text("{}")
    said = str(out_of_time(run, [1, 2, 3, 4], 8.5, "python train.py run=a1", merged=True)).splitlines()
    assert said == [
        f"{run}: 4 of 5 folds are not finished: 1,2,3,4 (budget.hours=8.5)",
        "fold 2: stopped after 1 inner fit",
        "what the others found: partial.json and partial_oof.parquet in it",
        "go on with: python train.py run=a1",
    ]
