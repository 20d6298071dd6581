"""A search on wine: what it finds, that it goes on where it was killed, and what it says of what cannot be."""

import csv
import json
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.places import REPOSITORY
from trainer.cli.main import main
from trainer.cli.search import search_main
from trainer.config.compose import compose_run
from trainer.config.search_space import read_space
from trainer.errors import CheckpointError, ConfigError, NonFiniteError
from trainer.run import fold_job
from trainer.run.validate import check_config
from trainer.search import study as studies
from trainer.search import trial as trials
from trainer.search.sweep import run

pytest.importorskip("optuna")

SMALL = ("data=wine", "model.hidden=[4]", "max_epochs=1", "cv.n_splits=3", "audit=off", "runtime.progress=off")
QUIET = (*SMALL, "runtime.threads=1", "baseline=off", "profile=off", "tracker=none", "run=s", "search.final=none")
PARTS = "optimizer: [adamw,sgd], optimizer.momentum: [0.5,0.9]"
SPACE = f"search.space={{optimizer.lr: 'log(1e-4,1e-1)', {PARTS}}}"


def searched(place, *options, space=SPACE, name="tpe"):
    command = [*QUIET, f"paths.runs={place}", f"search={name}", space, *options]
    return run(*compose_run(command, check_config))


def told(place):
    """Return what the study says of each trial, without its times."""
    study = studies.open_study(place / "s", greater_is_better=True)
    return [(one.state.name, one.params, one.intermediate_values, one.value) for one in study.trials]


def folds_of(place):
    """Return the predictions of every finished fold of every trial."""
    files = sorted((place / "s/trials").glob("*/fold_*/oof.parquet"))
    return {f"{file.parent.parent.name}/{file.parent.name}": file.read_bytes() for file in files}


class Killed(BaseException):
    """What no code of ours answers: as good as kill -9 to what is on the disk, but for the locks."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A search that nobody disturbs."""
    place = tmp_path_factory.mktemp("whole")
    searched(place, "search.trials=6")
    return place


def test_each_trial_is_a_run_of_its_own_with_the_numbers_of_that_run(whole, tmp_path):
    trial = whole / "s/trials/0000"
    manifest = json.loads((trial / "manifest.json").read_text())
    command = [item for item in manifest["command"] if not item.startswith(("paths.runs=", "run="))]
    assert not any(item.startswith("search") for item in command)
    run(*compose_run([*command, f"paths.runs={tmp_path}", "run=alone", "cv.fold=1"], check_config))
    files = [place / "fold_1/oof.parquet" for place in (trial, tmp_path / "alone")]
    assert files[0].read_bytes() == files[1].read_bytes()
    assert main(["merge", str(whole / "s/trials/0000")]) == 0


def test_momentum_is_of_sgd_alone_and_the_table_has_every_trial(whole):
    known = told(whole)
    assert {one[1]["optimizer"] for one in known} == {"adamw", "sgd"}
    assert all(("optimizer.momentum" in one[1]) == (one[1]["optimizer"] == "sgd") for one in known)
    rows = list(csv.DictReader((whole / "s/search.csv").read_text().splitlines()))
    assert sorted(int(row["trial"]) for row in rows) == list(range(6))
    complete = [float(row["accuracy"]) for row in rows if row["state"] == "complete"]
    assert complete == sorted(complete, reverse=True)
    best = max(one[3] for one in known if one[0] == "COMPLETE")
    assert complete[0] == pytest.approx(best)
    assert complete[0] == pytest.approx(np.mean(list(next(one[2] for one in known if one[3] == best).values())))


def test_a_search_that_is_killed_anywhere_goes_on_as_if_it_had_not_been(whole, tmp_path, monkeypatch):
    finished, calls = [], {"n": 0}
    save = fold_job.save_fold

    def dies(function):
        def called(*arguments, **options):
            calls["n"] += 1
            if calls["n"] in (3, 9, 14):
                raise Killed
            return function(*arguments, **options)

        return called

    def saved(directory, *arguments, **options):
        finished.append(f"{directory.parent.name}/{directory.name}")
        save(directory, *arguments, **options)

    monkeypatch.setattr(fold_job, "save_fold", saved)
    for name in ("train_fold", "_tell", "begun"):
        monkeypatch.setattr(trials, name, dies(getattr(trials, name)))
    kills = 0
    while True:
        try:
            searched(tmp_path, "search.trials=6")
            break
        except Killed:
            kills += 1
            log = tmp_path / "s/study.log"
            log.write_bytes(log.read_bytes() + b'{"op_code":4,"torn')  # a write that was cut short
    assert kills == 3
    assert told(tmp_path) == told(whole)
    assert folds_of(tmp_path) == folds_of(whole)
    assert sorted(finished) == sorted(folds_of(whole))  # each once


def test_a_finished_search_trains_nothing_again_and_more_trials_are_added(whole, monkeypatch):
    before = told(whole)
    monkeypatch.setattr(trials, "train_fold", None)
    searched(whole, "search.trials=6")
    assert told(whole) == before
    monkeypatch.undo()
    searched(whole, "search.trials=7")
    assert told(whole)[:6] == before
    assert len(told(whole)) == 7


def test_another_search_of_the_same_name_is_refused(whole):
    for option in ("data=iris", "search.prune=off"):
        with pytest.raises(CheckpointError, match="holds a search that is not this one"):
            searched(whole, option)
    with pytest.raises(CheckpointError, match="holds a search already"):
        searched(whole, "resume=never")
    with pytest.raises(CheckpointError, match="holds no search to resume"):
        searched(whole, "run=none", "resume=must")
    with pytest.raises(CheckpointError, match="holds a run, not a search"):
        searched(whole / "s/trials", "run=0000")


def test_a_trial_that_diverges_or_raises_is_a_result_and_counted(tmp_path, capsys):
    space = "search.space={optimizer.lr: [1e-2,1e30]}"
    searched(tmp_path, "optimizer=sgd", "runtime.progress=plain", space=space, name="grid")
    assert sorted(one[0] for one in told(tmp_path)) == ["COMPLETE", "FAIL"]
    printed = capsys.readouterr().out
    assert "2 trials: 1 complete, 1 failed" in printed
    assert re.search(r"trial \d: failed.*optimizer.lr=1e\+30: .*", printed)
    with pytest.raises(NonFiniteError, match="no trial has a score; the first failed so"):
        searched(tmp_path, "optimizer=sgd", "run=t", space="search.space={optimizer.lr: [1e29,1e30]}", name="grid")


def test_a_grid_is_every_combination_once(tmp_path):
    space = "search.space={batch_size: 'int(60,61)', model.hidden: [[3],[4]]}"
    searched(tmp_path, "search.prune=off", "cv.n_splits=2", space=space, name="grid")
    tried = [tuple(sorted(one[1].items())) for one in told(tmp_path)]
    assert len(tried) == len(set(tried)) == 4
    assert {one[0] for one in told(tmp_path)} == {"COMPLETE"}


def test_a_second_objective_lists_what_no_trial_beats_in_both_and_ends_none_early(tmp_path, monkeypatch, capsys):
    options = ["search.cost=seconds", "search.trials=8", "runtime.progress=plain", "search.final=report"]
    space = "search.space={optimizer.lr: [1e-4,1e-1], max_epochs: 'int(1,4)'}"
    train, calls = trials.train_fold, {"n": 0}

    def dies(*arguments, **named):
        calls["n"] += 1
        if calls["n"] == 5:
            raise Killed
        return train(*arguments, **named)

    monkeypatch.setattr(trials, "train_fold", dies)
    with pytest.raises(Killed):
        searched(tmp_path, *options, space=space)
    searched(tmp_path, *options, space=space)
    rows = list(csv.DictReader((tmp_path / "s/search.csv").read_text().splitlines()))
    assert [(row["state"], row["folds"]) for row in rows] == [("complete", "3")] * 8
    both = {row["trial"]: (float(row["accuracy"]), float(row["training_seconds"])) for row in rows}
    beaten = {
        one
        for one, (score, seconds) in both.items()
        for better, faster in both.values()
        if better >= score and faster <= seconds and (better, faster) != (score, seconds)
    }
    assert {row["trial"] for row in rows if row["front"] == "True"} == set(both) - beaten
    marks = [json.loads(file.read_text()) for file in (tmp_path / "s/trials/0000").glob("fold_*/DONE")]
    assert both["0"][1] == pytest.approx(sum(mark["seconds"] for mark in marks))
    (line,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("no other trial is better in"))
    assert line in (tmp_path / "s/search.html").read_text()
    assert rows[0]["front"] == "True"  # of trials that score alike the fastest is the best


@pytest.mark.parametrize(("options", "said"), [(["search=cmaes"], "cmaes knows one"), (["search.nested=2"], "nested")])
def test_what_knows_one_objective_is_refused_with_two(options, said, tmp_path):
    with pytest.raises(ConfigError, match=said):
        searched(tmp_path, "search.cost=seconds", *options)


def test_a_search_is_asked_to_stop_as_a_run_is(whole, capsys):
    assert main(["stop", str(whole / "s")]) == 0
    assert "asked the search to save and end" in capsys.readouterr().out
    assert (whole / "s/STOP").is_file()


@pytest.mark.usefixtures("without_pictures")
def test_the_best_trial_is_reported_and_fitted_on_all_rows(tmp_path):
    merged = searched(tmp_path, "search.trials=2", "search.final=refit", name="random")
    assert merged.report.is_file()
    assert (merged.report.parent / "fold_all/DONE").is_file()
    assert "best trial, " in (tmp_path / "s/search.html").read_text()
    values = [one[3] for one in told(tmp_path)]
    assert merged.result.metrics["accuracy"].mean == pytest.approx(max(values))
    assert pq.read_table(merged.report.parent / "oof.parquet").num_rows == 178


@pytest.mark.parametrize("name", [pytest.param("gp", marks=pytest.mark.battery), "cmaes"])  # gp: ten seconds
def test_other_samplers_take_and_give_values_of_the_space(name, tmp_path):
    space = read_space({"optimizer.lr": "log(1e-4,1e-1)", "batch_size": "int(8,16)", "model.dropout": "uniform(0,0.5)"})
    (tmp_path / "s").mkdir()
    options, _ = compose_run([f"search={name}", "search.trials=14"], check_config)
    study = studies.open_study(tmp_path / "s", greater_is_better=True)
    while (claimed := studies.claim(tmp_path / "s", study, options.search, space)) is not None:
        with claimed.held:
            values = [studies.suggest(claimed.trial, one) for one in space]
            study.tell(claimed.trial, -abs(np.log10(values[0]) + 2) - values[2])
    assert all(1e-4 <= one[1]["optimizer.lr"] <= 1e-1 and 8 <= one[1]["batch_size"] <= 16 for one in told(tmp_path))
    assert len({one[1]["optimizer.lr"] for one in told(tmp_path)}) == 14


def test_a_trial_of_another_process_is_left_to_it(tmp_path, monkeypatch):
    (tmp_path / "s").mkdir()
    options, _ = compose_run(["search=random", "search.trials=2"], check_config)
    space = read_space({"optimizer.lr": "log(1e-4,1e-1)"})
    study = studies.open_study(tmp_path / "s", greater_is_better=True)
    first = studies.claim(tmp_path / "s", study, options.search, space)
    monkeypatch.setattr("trainer.store.lock._same_process", lambda holder: False)  # this one is another by now
    second = studies.claim(tmp_path / "s", study, options.search, space)
    assert (first.trial.number, second.trial.number) == (0, 1)
    assert studies.claim(tmp_path / "s", study, options.search, space) is None
    first.held.close()  # it is gone: its trial is taken over
    assert studies.claim(tmp_path / "s", study, options.search, space).trial.number == 0


@pytest.mark.parametrize(
    ("space", "said"),
    [
        ("{optimizer: [adamw], optimizer.momentum: [0.5]}", "optimizer.momentum: .*AdamW has no such setting"),
        ("{model.dropout: [0.1,1.5]}", "model.dropout=1.5"),
        ("{loss: [ce,bce], optimizer.lr: [-1,0.1]}", "optimizer.lr=-1"),
        ("{loss: [ce,bce]}", "loss=bce"),
    ],
)
def test_what_no_trial_could_train_is_refused_before_the_first(space, said, tmp_path):
    with pytest.raises(ConfigError, match=said):
        searched(tmp_path, space=f"search.space={space}")
    assert not (tmp_path / "s/trials").exists()


def test_optuna_that_is_not_installed_is_named_with_its_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ConfigError, match=r"search=tpe needs the extra `search`: pip install 'foldwise\[search\]'"):
        searched(tmp_path)
    monkeypatch.undo()
    monkeypatch.setitem(sys.modules, "cmaes", None)
    with pytest.raises(ConfigError, match="search=cmaes needs the package cmaes"):
        searched(tmp_path, name="cmaes")


def test_foldwise_search_is_tpe_unless_another_is_named(monkeypatch):
    asked = []
    monkeypatch.setattr("trainer.cli.search.train_main", lambda arguments: asked.append(arguments) or 0)
    assert (search_main(["run=a"]), search_main(["search=grid"])) == (0, 0)
    assert asked == [["search=tpe", "run=a"], ["search=grid"]]


@pytest.mark.battery  # fresh processes that are killed: half a minute
def test_kill_9_five_times(tmp_path):
    command = [sys.executable, str(REPOSITORY / "train.py"), *QUIET, "search=tpe", SPACE, "search.trials=12"]
    (tmp_path / "killed").mkdir()
    subprocess.run([*command, f"paths.runs={tmp_path / 'whole'}"], check=True, timeout=300)
    for wanted in (1, 4, 9, 15, 20):
        process = subprocess.Popen([*command, f"paths.runs={tmp_path / 'killed'}"])
        while process.poll() is None and len(list((tmp_path / "killed/s/trials").glob("*/fold_*/DONE"))) < wanted:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
    subprocess.run([*command, f"paths.runs={tmp_path / 'killed'}"], check=True, timeout=300)
    assert told(tmp_path / "killed") == told(tmp_path / "whole")
    assert folds_of(tmp_path / "killed") == folds_of(tmp_path / "whole")


@pytest.mark.battery
def test_two_processes_share_a_search(tmp_path):
    command = [sys.executable, str(REPOSITORY / "train.py"), *QUIET, "search=random", SPACE, "search.trials=12"]
    both = [subprocess.Popen([*command, f"paths.runs={tmp_path}"]) for _ in range(2)]
    assert [process.wait(timeout=300) for process in both] == [0, 0]
    assert len(told(tmp_path)) == 12
    assert {one[0] for one in told(tmp_path)} <= {"COMPLETE", "PRUNED"}
