"""The audit at the start of a run: said, kept in the report, and under ``audit=strict`` the end of the run."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from trainer.audit.checks.sides import as_dates

QUICK = (
    "max_epochs=1",
    "tracker.name=none",
    "profile=off",
    "preflight=off",
    "cv.n_splits=3",
    "baseline=off",
    "cv.parallel=1",
)


@pytest.fixture
def copied(tmp_path):
    """A table whose rows 61-80 are copies of rows 1-20."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 3)).round(4)
    label = (x.sum(axis=1) > 0).astype(int)
    rows = [*zip(x.tolist(), label, strict=True), *zip(x[:20].tolist(), label[:20], strict=True)]
    order = rng.permutation(len(rows))
    path = tmp_path / "copied.csv"
    path.write_text("a,b,c,label\n" + "\n".join(",".join(map(str, (*rows[i][0], rows[i][1]))) for i in order) + "\n")
    return ("data=csv_tabular", f"data.path={path}", "data.label=label", *QUICK)


def test_a_leak_is_printed_and_stays_with_the_result(train, tmp_path, copied):
    outcome = train(*copied, "run=a1")
    assert outcome.code == 0, outcome.err
    assert "Audit: 1 leak" in outcome.out
    assert "fix: cv=stratified_group cv.group=auto_duplicates" in outcome.out
    (finding,) = json.loads((tmp_path / "runs/a1/manifest.json").read_text())["audit"]
    assert (finding["kind"], finding["severity"]) == ("exact_copies", "leak")
    assert "copies of training rows" in (tmp_path / "runs/a1/report.md").read_text()


def test_strict_stops_before_anything_is_written_and_prints_what_the_leak_is_worth(train, tmp_path, copied):
    outcome = train(*copied, "run=a1", "audit=strict")
    assert outcome.code == 3
    assert "the audit found 1 leak" in outcome.err
    assert "use cv=stratified_group cv.group=auto_duplicates, or audit=warn" in outcome.err
    assert "under this" in outcome.out
    assert not (tmp_path / "runs/a1").exists()


def test_the_option_it_names_closes_the_leak(train, tmp_path, copied):
    outcome = train(*copied, "run=a1", "audit=strict", "cv=stratified_group", "cv.group=auto_duplicates")
    assert outcome.code == 0, outcome.err
    assert "audit: nothing found" in outcome.out
    table = pq.read_table(tmp_path / "runs/a1/oof.parquet")
    lines = (tmp_path / "copied.csv").read_text().splitlines()[1:]
    fold_of_line = {}
    for line, fold in zip(lines, table["fold"].to_pylist(), strict=True):
        assert fold_of_line.setdefault(line, fold) == fold
    refused = train(*copied, "cv.group=auto_duplicates")
    assert (refused.code, "use cv=stratified_group" in refused.err) == (2, True)


def test_off_and_a_run_that_is_gone_on_with_are_not_audited(train, copied):
    assert "udit" not in train(*copied, "audit=off").out
    assert "Audit" in train(*copied, "run=a1", "cv.fold=0").out
    assert "Audit" not in train(*copied, "run=a1", "cv.fold=1").out


def test_clean_data_gets_one_line(train):
    outcome = train("data=wine", *QUICK)
    assert len([line for line in outcome.out.splitlines() if "udit" in line]) == 1


def test_times_are_told_as_dates_and_with_groups_the_advice_can_be_followed(train, tmp_path):
    rng = np.random.default_rng(0)
    lines = [f"{rng.normal():.4f},{i % 2},g{i},2024-{1 + i % 12:02}-{1 + i // 12:02}" for i in range(48)]
    (tmp_path / "t.csv").write_text("x,label,team,day\n" + "\n".join(lines) + "\n")
    given = ("data=csv_tabular", "data.path=t.csv", "data.time=day", *QUICK)
    outcome = train(*given, "data.group=team", "cv=stratified_group", "audit=strict")
    assert outcome.code == 3
    words = " ".join(outcome.out.split())
    assert "(2024-01-0" in words
    assert "fix: cv=time data.group=null cv.group=null (no split keeps groups and goes forward)" in words
    assert "split by time" in words
    outcome = train(*given, "cv=time", "data.group=null", "cv.group=null", "data.drop=[team]", "audit=strict")
    assert outcome.code == 0, outcome.err


@pytest.mark.parametrize(
    ("unit", "shown"), [("us", "2024-01-31T00:00:00.000000"), ("ns", "2024-01-31T00:00:00.000000000")]
)
def test_only_moments_of_our_time_are_dates(unit, shown):
    moments = np.array(["2024-01-31"], dtype=f"datetime64[{unit}]")
    assert str(as_dates(moments.astype(np.int64))[0]) == shown
    for numbers in ([7], [1_700_000_000], [20240131120000], [20240131120000000]):
        assert as_dates(np.array(numbers)).tolist() == numbers
    assert as_dates(np.array([1.7e15])).tolist() == [1.7e15]


def test_one_label_per_row_trains_under_multilabel(train, copied):
    outcome = train(*copied, "cv=multilabel", "cv.group=auto_duplicates", "audit=strict")
    assert outcome.code == 0, outcome.err
