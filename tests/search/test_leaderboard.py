import csv
import io

from rich.console import Console

from trainer.search import leaderboard


def job(
    num,
    mean=None,
    status="done",
    overrides=("loss=ce", "amp=O0"),
    greater=True,
    error=None,
    primary="accuracy",
):
    done = status == "done"
    return {
        "num": num,
        "overrides": list(overrides),
        "status": status,
        "error": error,
        "primary": primary if done else None,
        "greater_is_better": greater if done else None,
        "mean": mean,
        "sd": 0.01 if done else None,
        "oof": mean,
        "seconds": 12.3 if done else None,
        "run_dir": f"runs/{num}",
    }


def recorded(tmp_path, *jobs):
    for one in jobs:
        leaderboard.record(tmp_path, one)
    return [found["num"] for found in leaderboard.leaderboard(tmp_path)]


def test_best_first_then_running_then_failed(tmp_path):
    jobs = [
        job(0, 0.8),
        job(1, status="failed", error="boom"),
        job(2, 0.9),
        job(3, status="running"),
        job(4, 0.85),
    ]
    assert recorded(tmp_path, *jobs) == [2, 4, 0, 3, 1]


def test_direction_ties_and_undefined(tmp_path):
    jobs = [job(n, mean, greater=False, primary="log_loss") for n, mean in enumerate([0.5, 0.2, float("nan"), 0.2])]
    assert recorded(tmp_path, *jobs) == [1, 3, 0, 2]


def test_a_job_without_a_mean_is_never_the_best_and_says_why(tmp_path):
    why = "no mean: folds 0, 1 hold out no row of class 'yes'"
    undefined = {**job(0, float("nan"), primary="average_precision"), "undefined": why}
    assert recorded(tmp_path, undefined, job(1, 0.2, primary="roc_auc"), job(2, status="running")) == [1, 0, 2]
    leaderboard.write(tmp_path)
    lines = (tmp_path / "leaderboard.md").read_text(encoding="utf-8").splitlines()
    assert lines[5].startswith("| 0 | average_precision | – |")
    assert lines[5].endswith(f"| done: {why} |")
    console = Console(file=io.StringIO(), width=120, force_terminal=True, color_system="truecolor")
    only = tmp_path / "only"
    recorded(only, undefined)
    leaderboard.show(only, console)
    said = console.file.getvalue()
    assert f"job 0 done: {why}" in said
    (row,) = [line for line in said.splitlines() if "–" in line]
    assert "\x1b[1m" not in row  # bold is the best


def test_a_job_replaces_its_own_record(tmp_path):
    assert recorded(tmp_path, job(0, status="running"), job(1, 0.5), job(0, 0.7)) == [0, 1]
    assert sorted(path.name for path in (tmp_path / "jobs").iterdir()) == ["0.json", "1.json"]


def test_empty_sweep(tmp_path):
    assert leaderboard.leaderboard(tmp_path) == []


def test_written_files(tmp_path):
    nasty = "first | line\nsecond line"
    recorded(
        tmp_path,
        job(0, 0.8, overrides=["loss=ce", "amp=O0"]),
        job(1, 0.9, overrides=["loss=focal", "+loss.gamma=2"]),
        job(2, status="failed", error=nasty, overrides=["loss==cmd()"]),
    )
    leaderboard.write(tmp_path)
    lines = (tmp_path / "leaderboard.md").read_text(encoding="utf-8").splitlines()
    assert lines[2] == "| # | loss | amp | loss.gamma | accuracy | sd | OOF | time | status |"
    assert lines[4] == "| 1 | focal |  | 2 | 0.9000 | 0.0100 | 0.9000 | 12 s | done |"
    assert lines[6] == "| 2 | =cmd() |  |  | – | – | – | – | failed: first &#124; line |"
    with (tmp_path / "leaderboard.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["num"] for row in rows] == ["1", "0", "2"]
    assert rows[0]["mean"] == "0.9"
    assert rows[2]["loss"] == "'=cmd()"
    assert rows[2]["error"] == nasty
    assert rows[2]["mean"] == ""


def test_show_prints_every_job(tmp_path):
    recorded(tmp_path, job(0, 0.8), job(1, status="failed", error="no such [loss]"))
    console = Console(file=io.StringIO(), width=100)
    leaderboard.show(tmp_path, console)
    text = console.file.getvalue()
    assert "0.8000" in text
    assert "failed: no such [loss]" in text


def test_metric_column_where_jobs_differ(tmp_path):
    recorded(tmp_path, job(0, 0.8), job(1, 0.2, primary="hamming_loss", greater=False))
    leaderboard.write(tmp_path)
    lines = (tmp_path / "leaderboard.md").read_text(encoding="utf-8").splitlines()
    assert lines[2] == "| # | metric | mean | sd | OOF | time | status |"
    assert lines[4].startswith("| 0 | accuracy | 0.8000")
