"""Filters, orders, groups, columns and pages of a list of runs."""

import csv
import io
import re
import subprocess
import sys

import pytest

from tests.places import REPOSITORY
from tests.search.run_cases import FOCAL, begun_run, finished_run
from trainer.cli.main import main
from trainer.errors import ConfigError
from trainer.report.fitted_table import Column, fitting, table_lines
from trainer.search.run_columns import csv_bytes, file_rows, run_columns
from trainer.search.run_folder import read_runs
from trainer.search.run_groups import group_notes, grouped
from trainer.search.run_list import listed
from trainer.search.run_page import runs_page


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    finished_run(folder / "ce-1", 0.5, seconds=9.0)
    finished_run(folder / "ce-2", 0.7, seed=2, **{"optimizer.lr": 0.01})
    finished_run(folder / "focal-1", 0.8, **FOCAL)
    finished_run(folder / "other", 0.9, **FOCAL, data="e" * 64, seed=2)
    begun_run(folder / "waits", **{"optimizer.lr": 1e-05})
    (folder / "notes").mkdir()
    return folder


@pytest.fixture(scope="module")
def records(folder):
    return read_runs(folder)


def names(records, **asked):
    return [record.name for record in listed(records, **asked).records]


@pytest.mark.parametrize(
    ("where", "kept"),
    [
        (["loss=focal"], ["focal-1", "other"]),
        (["loss=FOCAL", "data=eee"], ["other"]),
        (["optimizer.lr=1e-3", "state=finished"], ["ce-1", "focal-1", "other"]),
        (["amp=O0", "name=ce-*"], ["ce-1", "ce-2"]),
        (["state=no run"], ["notes"]),
        (["seed=3"], []),
    ],
)
def test_where_keeps_what_is_asked_for(records, where, kept):
    assert names(records, where=where) == kept


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("metric", ["other", "focal-1", "ce-2", "ce-1", "notes", "waits"]),
        ("-metric", ["ce-1", "ce-2", "focal-1", "other", "notes", "waits"]),
        ("-time", ["ce-1", "ce-2", "focal-1", "other", "notes", "waits"]),
        ("optimizer.lr", ["waits", "ce-1", "focal-1", "other", "ce-2", "notes"]),
        ("state", ["ce-1", "ce-2", "focal-1", "other", "waits", "notes"]),
    ],
)
def test_what_has_no_value_comes_last_either_way(records, sort, order):
    assert names(records, sort=sort) == order


def test_less_is_better_where_the_metric_says_so(tmp_path):
    for name, oof in {"a": 0.9, "b": 0.2, "c": float("nan")}.items():
        finished_run(tmp_path / name, oof, primary="brier")
    assert names(read_runs(tmp_path), sort="metric") == ["b", "a", "c"]


def test_settings_that_follow_from_another_are_not_shown(records):
    assert listed(records).keys == ("loss", "optimizer.lr", "seed")  # not loss.gamma, which only focal has


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"where": ["loss"]}, "--where loss: KEY=VALUE"),
        ({"where": ["optimizer.lt=1"]}, "no run here has such a setting: did you mean 'optimizer.lr'?"),
        ({"where": ["state=done"]}, "there is no such state"),
        ({"where": ["data=abc"]}, "no fingerprint here begins so"),
        ({"metric": "acuracy"}, "--metric acuracy: no run here has it: did you mean 'accuracy'?"),
        ({"sort": "tme"}, "--sort tme: no run here has such a setting: did you mean 'time'?"),
    ],
)
def test_what_is_not_there_is_refused_with_what_is(records, asked, said):
    with pytest.raises(ConfigError, match=re.escape(said)):
        listed(records, **asked)


def test_groups_are_means_of_what_is_defined(records):
    metric, groups = grouped(listed(records), ["loss"])
    assert metric == "accuracy"
    told = [(group.values, group.n, group.n_without, group.best) for group in groups]
    assert told == [(("focal",), 2, 0, "other"), (("ce",), 2, 1, "ce-2"), (("–",), 0, 1, "")]
    assert (groups[0].mean, groups[0].sd) == pytest.approx((0.85, 0.0707107), abs=1e-6)
    assert group_notes(metric, ["loss"], groups) == [
        "1 of 3 groups hold runs on several data sets: a mean over them says little (add --group data)",
        "2 runs without accuracy count in no mean",
    ]
    assert [group.n for group in grouped(listed(records), ["data", "amp"])[1]] == [1, 3, 0]


def test_a_group_needs_one_metric(tmp_path):
    finished_run(tmp_path / "a", 0.5)
    finished_run(tmp_path / "b", 0.5, primary="brier")
    both = read_runs(tmp_path)
    with pytest.raises(ConfigError, match=r"different metrics \(accuracy, brier\).*\nchoose one with --metric"):
        grouped(listed(both), ["loss"])
    assert grouped(listed(both, metric="log_loss"), ["loss"])[1][0].n == 2


def test_columns_are_left_out_for_the_width_and_lines_are_cut(records):
    columns = run_columns(listed(records))
    for width in (40, 60, 80, 120):
        shown = fitting(columns, width)
        assert {"run", "accuracy ↑", "state"} <= {column.heading for column in shown}
        assert all(len(line) <= width for line in table_lines(shown, width))
    assert fitting(columns, None) == columns
    assert list(table_lines(columns, None))[-1].endswith("waiting: folds 0,1,2 not begun")
    wide = [Column("a", ["中文\x1b[31m\n"]), Column("b", ["x" * 90])]
    assert list(table_lines(wide, 40))[2].startswith("中文\\x1b[31m\\n  xxx")


def test_a_file_has_every_figure_and_no_formula(tmp_path):
    finished_run(tmp_path / "=cmd|x", 1 / 3)
    finished_run(tmp_path / "b", 0.5, seed=2)
    one, two = csv.DictReader(io.StringIO(csv_bytes(file_rows(listed(read_runs(tmp_path)))).decode()))
    assert (one["run"], float(one["oof"]), one["seed"], one["data_set"]) == ("'=cmd|x", 1 / 3, "1", "flowers, 90 rows")
    assert (two["folds_done"], two["split"], two["reason"]) == ("3", "f" * 64, "")


def test_a_page_needs_nothing_else_and_escapes_what_it_shows(tmp_path):
    finished_run(tmp_path / "<b>&", 0.5)
    begun_run(tmp_path / "q'", seed="</script><i>")
    page = runs_page(listed(read_runs(tmp_path)), "</script>")
    assert not re.search(r'(src|href)="(?!data:)', page)
    assert page.count("</script>") == 1
    assert "<i>" not in page
    assert "&lt;b&gt;&amp;" in page
    assert 'data-zh="等待: 折 0,1,2 未开始"' in page


def test_the_command_lists_writes_and_refuses(folder, capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["runs", str(folder), "--sort", "-metric"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:3] == ["run", "accuracy", "↑"]
    assert lines[2].split()[:2] == ["ce-1", "0.5000"]
    assert main(["runs", str(folder), "--csv", str(tmp_path / "x.csv"), "--html", str(tmp_path / "x.html")]) == 0
    assert min((tmp_path / name).stat().st_size for name in ("x.csv", "x.html")) > 0
    assert main(["runs", str(folder), "--group", "loss", "--group", "seed"]) == 0
    assert capsys.readouterr().out.splitlines()[4].split()[:4] == ["focal", "2", "1", "0.9000"]
    assert main(["runs", str(folder), "--group", "loss", "--html", str(tmp_path / "y.html")]) == 2
    assert main(["runs", str(folder), "--csv", "x.txt"]) == 2
    assert main(["runs", str(folder), "--where", "seed=9"]) == 0
    assert "none of 6 runs" in capsys.readouterr().out
    assert main(["runs", str(tmp_path / "absent")]) == 2


def test_listing_imports_no_torch(folder):
    listing = f"from trainer.cli.main import main; main(['runs', {str(folder)!r}])"
    code = f"import sys; {listing}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True).returncode == 0
