"""What is refused about a split, before the data is read where that is possible."""

from pathlib import Path

import pytest

from trainer.config.keys import CONF
from trainer.folds.plan import strategies

QUICK = ("max_epochs=1", "profile.enabled=false", "tracker.name=none", "preflight=false")


@pytest.fixture
def table(tmp_path: Path) -> tuple[str, ...]:
    path = tmp_path / "t.csv"
    lines = [f"{i},{i % 2},g{i % 3},{i % 4},{'' if i == 7 else i}" for i in range(24)]
    path.write_text("x,label,team,part,when\n" + "\n".join(lines) + "\n")
    return ("data=csv_tabular", f"data.path={path}", *QUICK)


def test_every_strategy_has_its_yaml():
    assert strategies() == sorted(path.stem for path in (CONF / "cv").glob("*.yaml"))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["cv.strategy=startified"], "cv.strategy: unknown 'startified': did you mean 'stratified'?"),
        (["cv.strategy=request"], "cv.strategy: unknown 'request'"),  # a file of trainer/folds that splits nothing
        (["cv.rare=drop"], "cv.rare: unknown 'drop'; have: allow, keep_in_train, merge, refuse"),
        (["cv=time", "cv.gap=-1"], "cv.gap=-1: must be at least 0"),
        (["cv=time", "cv.window=0"], "cv.window=0: must be at least 1"),
        (["cv=holdout", "cv.holdout_fraction=1"], "cv.holdout_fraction=1.0: must be between 0 and 1"),
        (["cv.random_state=4294967296"], "cv.random_state=4294967296: must be at most 4294967295"),
        (["cv.random_state=4294967295", "cv.repeats=2"], "must be at most 4294967294 with cv.repeats=2"),
        (["cv.path=folds.csv"], "cv.path has no effect with cv=stratified: leave it out, or use cv=predefined"),
        (["cv.group=auto_duplicates"], "use cv=stratified_group (or group); with several labels per row cv=multilabel"),
        (["cv.fold=5"], "cv.fold=5 does not exist: have 0..4, or all to fit on every row"),
        (["cv=leave_one_group_out", "cv.fold=-1"], "cv.fold=-1 does not exist: have numbers from 0, or all"),
        (["cv=holdout", "cv.fold=first"], "cv.fold=first does not exist: have numbers from 0, or all"),
    ],
)
def test_settings_that_cannot_be_are_refused_before_the_data_is_read(train, given, message):
    outcome = train("data=csv_tabular", "data.path=absent.csv", *given)
    assert outcome.code == 2
    assert message in outcome.err
    assert "absent.csv" not in outcome.err


def test_all_problems_of_a_split_are_told_at_once(train):
    outcome = train("data=iris", "cv.rare=drop", "cv.gap=-1", "cv.path=x.csv")
    assert [key in outcome.err for key in ("cv.rare", "cv.gap", "cv.path")] == [True] * 3


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["cv=leave_one_group_out", "data.group=team", "cv.fold=7"], "cv.fold=7 does not exist: have 0..2, or all"),
        (["cv=holdout", "cv.fold=1"], "cv.fold=1 does not exist: have 0, or all"),
        (["cv=predefined", "data.split=part", "cv.fold=4"], "cv.fold=4 does not exist: have 0..3, or all"),
        (["data.split=part"], "folds are given but cv=stratified would make others: use cv=predefined"),
        (["cv=predefined", "data.split=part", "cv.path=f.csv"], "data.split and cv.path both give the folds"),
        (["cv=predefined"], "cv=predefined needs the folds: set data.split=COLUMN or cv.path=FILE"),
        (["cv=time"], "cv=time needs to know when each row happened: set data.time=COLUMN"),
        (["cv=leave_one_group_out"], "cv=leave_one_group_out needs to know the groups: set data.group=COLUMN"),
        (["cv=time", "data.time=x", "data.group=team"], "data.group is set but cv=time would put rows of one group"),
        (["cv.gap=1"], "cv.gap has no effect with cv=stratified"),
        (["cv.holdout_fraction=0.3"], "cv.holdout_fraction has no effect with cv=stratified"),
        (["cv=kfold", "cv.rare=merge"], "cv.rare=merge has no effect with cv=kfold"),
        (["cv=leave_one_group_out", "data.group=team", "cv.repeats=2"], "cv.repeats=2 would give the same folds again"),
    ],
)
def test_settings_that_the_data_contradicts(train, table, given, message):
    outcome = train(*table, *given)
    assert outcome.code == 2, outcome.err
    assert message in outcome.err


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["cv=time", "data.time=when"], "no time in column 'when' in row 8"),
        (["cv=time", "data.time=team"], "column 'team' row 1: 'g0' is neither a number nor a time"),
        (["cv=predefined", "data.split=team"], "column 'team' (data.split): 'g0' in row 1 is no fold"),
        (["cv=predefined", "cv.path=absent.csv"], "absent.csv: no such file of folds"),
        (["cv=predefined", "data.split=part", "data.group=team"], "group 'g0' is on both sides"),
        (["cv=time", "data.time=x", "cv.n_splits=24"], "24 distinct times are too few for cv.n_splits=24"),
        (
            ["cv=time", "data.time=x", "cv.n_splits=11", "cv.gap=0", "cv.select=inner", "cv.window=1"],
            "cv.select=inner: 1 distinct times before a held-out part are too few",
        ),
    ],
)
def test_data_that_cannot_be_split_so(train, table, given, message):
    outcome = train(*table, *given)
    assert outcome.code == 3, outcome.err
    assert message in outcome.err
