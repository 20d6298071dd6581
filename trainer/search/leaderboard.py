"""The jobs of a sweep, best first: written by each job as it ends, readable while others still run."""

import csv
import io
import json
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from trainer.errors import ForeignFileError
from trainer.report.formatting import duration, number, plain_label
from trainer.report.markdown_text import cell, table
from trainer.search.picked import sweep_line
from trainer.system.files import make_directory, write_bytes
from trainer.system.folders import plain_files, read_file
from trainer.system.spreadsheets import defused
from trainer.wording.translations import N_

Job = dict[str, Any]
JOB = re.compile(r"\d+\.json")
_ORDER = {"done": 0, "running": 1, "failed": 2}


def record(sweep_dir: Path, job: Job) -> None:
    """Write one job's state to ``jobs/<num>.json``, replacing what it said before.

    Args:
        sweep_dir: shared by all jobs of the sweep; created if absent.
        job: ``num``, ``overrides`` (``["loss=focal", ...]``), ``status`` (running, done or failed), ``error``
            (None or text), and once done ``primary``, ``greater_is_better``, ``mean``, ``sd``, ``oof``,
            ``seconds``, ``run_dir``, and ``undefined``, why the mean is of fewer folds or there is none (or "").

    Raises:
        StorageError: it cannot be written.
    """
    make_directory(sweep_dir / "jobs", sweep_dir)
    finite = {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in job.items()}
    data = json.dumps(finite, indent=2, ensure_ascii=False, allow_nan=False)
    write_bytes(sweep_dir / "jobs" / f"{job['num']}.json", data.encode(), root=sweep_dir, what=N_("record of the job"))


def recorded(sweep_dir: Path, number: int) -> Job | None:
    """Return what was recorded of a job, or None."""
    try:
        job: Job = json.loads(read_file(sweep_dir / "jobs" / f"{number}.json", sweep_dir))
        return job if isinstance(job, dict) else None
    except (OSError, ValueError, ForeignFileError):
        return None


def leaderboard(sweep_dir: Path) -> list[Job]:
    """Return the recorded jobs: done ones best first, those without a mean after them; then running, then failed."""
    folder = sweep_dir / "jobs"
    names = [name for name in plain_files(folder, sweep_dir) if JOB.fullmatch(name)]
    jobs = [json.loads(read_file(folder / name, sweep_dir)) for name in names]
    return sorted(jobs, key=_rank)


def has_scores(sweep_dir: Path) -> bool:
    """Return whether there is a job to be compared with others."""
    return any(job["status"] == "done" for job in leaderboard(sweep_dir))


def _rank(job: Job) -> tuple[int, bool, str, float, int]:
    mean, primary = job.get("mean"), job.get("primary") or ""
    if job["status"] != "done" or mean is None:
        return _ORDER[job["status"]], True, primary, math.inf, job["num"]
    return 0, False, primary, -mean if job["greater_is_better"] else mean, job["num"]


def write(sweep_dir: Path) -> None:
    """Write ``leaderboard.md`` and ``leaderboard.csv``.

    Raises:
        StorageError: they cannot be written.
    """
    jobs = leaderboard(sweep_dir)
    heading, rows = _heading(jobs), [_cells(job, jobs) for job in jobs]
    text = "# Leaderboard\n\n" + table([cell(h) for h in heading], [[cell(c) for c in row] for row in rows])
    text += "".join(f"\n\n{cell(line)}" for line in _picking(sweep_dir, jobs))
    write_bytes(sweep_dir / "leaderboard.md", (text + "\n").encode(), root=sweep_dir, what=N_("leaderboard"))
    sheet = io.StringIO()
    csv.writer(sheet, lineterminator="\n").writerows(_sheet_rows(jobs))
    write_bytes(sweep_dir / "leaderboard.csv", sheet.getvalue().encode(), root=sweep_dir, what=N_("leaderboard"))


def show(sweep_dir: Path, console: Console) -> None:
    """Print the leaderboard."""
    jobs = leaderboard(sweep_dir)
    shown = Table(title="Leaderboard", title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    for i, heading in enumerate(_heading(jobs)):
        score = i in _score_columns(jobs)
        shown.add_column(Text(heading), justify="right" if score else "left", no_wrap=score)
    for i, job in enumerate(jobs):
        best = i == 0 and job["status"] == "done" and job.get("mean") is not None
        style = "bold" if best else "red" if job["status"] == "failed" else ""
        shown.add_row(*(Text(text) for text in [*_cells(job, jobs)[:-1], job["status"]]), style=style)
    console.print(shown)
    for line in _picking(sweep_dir, jobs):
        console.print(Text(line), soft_wrap=True)
    for job in jobs:
        if job["status"] == "failed":
            console.print(Text(f"job {job['num']} {_status(job)}", style="red"), soft_wrap=True)
        elif job.get("undefined"):
            console.print(Text(f"job {job['num']} {_status(job)}"), soft_wrap=True)


def _picking(sweep_dir: Path, jobs: Sequence[Job]) -> list[str]:
    """Return what picking the best costs, where there is one to pick."""
    done = [job["num"] for job in jobs if job["status"] == "done" and job.get("mean") is not None]
    return [sweep_line(sweep_dir, sorted(done))] if len(done) > 1 else []


def swept_parameters(jobs: Sequence[Job]) -> list[str]:
    """Return the parameters in which jobs differ, in the order first seen by job number."""
    in_order = [overrides_of(job) for job in sorted(jobs, key=lambda job: job["num"])]
    keys = dict.fromkeys(key for overrides in in_order for key in overrides)
    return [key for key in keys if len({overrides.get(key) for overrides in in_order}) > 1]


def overrides_of(job: Job) -> dict[str, str]:
    """Return the value per parameter; ``+key=value`` and ``~key`` are Hydra's add and delete."""
    pairs = (text.partition("=") for text in job["overrides"])
    return {key.lstrip("+"): value for key, _, value in pairs}


def _heading(jobs: Sequence[Job]) -> list[str]:
    primaries = {job["primary"] for job in jobs if job.get("primary")}
    label = plain_label(next(iter(primaries))) if len(primaries) == 1 else "mean"
    several = ["metric"] if len(primaries) > 1 else []
    return ["#", *swept_parameters(jobs), *several, label, "sd", "OOF", "time", "status"]


def _score_columns(jobs: Sequence[Job]) -> range:
    width = len(_heading(jobs))
    return range(width - 5, width - 1)


def _cells(job: Job, jobs: Sequence[Job]) -> list[str]:
    several = len({other["primary"] for other in jobs if other.get("primary")}) > 1
    overrides = overrides_of(job)
    return [
        str(job["num"]),
        *(overrides.get(key, "") for key in swept_parameters(jobs)),
        *([job.get("primary") or ""] if several else []),
        *(number(job.get(key)) for key in ("mean", "sd", "oof")),
        "–" if job.get("seconds") is None else duration(job["seconds"]),
        _status(job),
    ]


def _status(job: Job) -> str:
    """Return the status, with the first line of the error behind a failure, or why a score is undefined."""
    lines = (job.get("error") or job.get("undefined") or "").strip().splitlines()
    return f"{job['status']}: {lines[0]}" if lines else str(job["status"])


def _sheet_rows(jobs: Sequence[Job]) -> list[list[Any]]:
    """Return heading and rows with numbers in full."""
    parameters = swept_parameters(jobs)
    numbers = ("mean", "sd", "oof", "seconds")
    rows: list[list[Any]] = [["num", *parameters, "metric", *numbers, "status", "error", "run_dir"]]
    for job in jobs:
        overrides = overrides_of(job)
        texts = [job["status"], job.get("error") or "", job.get("run_dir") or ""]
        values = [overrides.get(key, "") for key in parameters] + [job.get("primary") or ""]
        rows.append([job["num"], *map(defused, values), *(job.get(k) for k in numbers), *map(defused, texts)])
    rows[0] = [defused(name) for name in rows[0]]
    return rows
