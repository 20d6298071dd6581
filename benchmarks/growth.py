"""Rows against seconds and memory: whole runs of ``train.py`` on made-up tables and texts of growing size.

    python -m benchmarks.growth                                        # every size; the largest takes 10 GiB of disk
    python -m benchmarks.growth --kinds table --sizes 10000,100000
    python -m benchmarks.growth --checkout ../before --state before    # another checkout, kept as other rows

Each measurement is a process of its own on one thread, with one fold (``cv=holdout``) and one epoch, everything else as
it comes: audit, preflight, profile, curves, report, intervals. What a further row costs is reckoned in processor time,
which other programs disturb less than the clock. What was measured is kept in benchmarks/results/growth.jsonl, one line
per file and state, and docs/record/growth.md is written from all of it.
"""

import argparse
import json
import os
import platform
import tempfile
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from itertools import groupby
from pathlib import Path

from rich.console import Console
from rich.progress import track

from benchmarks.growth_data import write_file
from benchmarks.processes import Memory, measured, processor

REPOSITORY = Path(__file__).resolve().parents[1]
FILES = REPOSITORY / "build" / "growth"
KEPT = REPOSITORY / "benchmarks" / "results" / "growth.jsonl"
PAGE = REPOSITORY / "docs" / "record" / "growth.md"
SIZES = {
    ("table", "parquet"): (10_000, 100_000, 1_000_000, 10_000_000),
    ("table", "csv"): (10_000, 100_000, 1_000_000),
    ("text", "parquet"): (10_000, 100_000, 1_000_000),
    ("long", "parquet"): (3_000_000, 30_000_000),
}
OPTIONS = {
    "table": ["data=csv_tabular", "data.label=label", "batch_size=4096"],
    "long": [
        *("data=csv_tabular", "data.label=label", "data.in_memory=false", "batch_size=16384", "model.hidden=[64]"),
        *("cv.holdout_fraction=0.05", "cv.repeats=2"),
    ],
    "text": ["data=csv_text", "data.label=label", "model=text_cnn", "model.embedding_dim=32", "batch_size=512"],
}
NAMES = {"table": "tables", "text": "texts", "long": "long tables, on the disk"}
ALWAYS = ["cv=holdout", "max_epochs=1", "runtime.progress=plain", "device=cpu"]


@dataclass(frozen=True)
class Outcome:
    """One run: ``seconds`` by the clock and of processor time, peak resident memory and size of the file in MiB.

    ``anonymous_mib``: peak of the memory that is no file's, of all processes together; None = it was not looked at.
    """

    state: str
    kind: str
    format: str
    rows: int
    seconds: float
    cpu_seconds: float
    peak_mib: float
    file_mib: float
    day: str
    machine: str
    anonymous_mib: float | None = None


def main() -> None:
    parsed = arguments()
    console = Console()
    wanted = [
        (kind, ending, n_rows)
        for (kind, ending), sizes in SIZES.items()
        for n_rows in parsed.sizes or sizes
        if kind in parsed.kinds and ending in parsed.formats
    ]
    for kind, ending, n_rows in track(wanted, "runs", console=console, transient=True):
        outcome = measure(kind, ending, n_rows, parsed)
        console.print(" | ".join(cells(outcome, smaller(load(), outcome))))
        keep(outcome)
    write_page(load())
    console.print(f"written: {PAGE.relative_to(REPOSITORY)}")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=whole_numbers, help="rows, such as 10000,1000000 (default: by kind)")
    parser.add_argument("--kinds", type=lambda text: text.split(","), default=["table", "text", "long"])
    parser.add_argument("--formats", type=lambda text: text.split(","), default=["parquet", "csv"])
    parser.add_argument("--checkout", type=Path, default=REPOSITORY, help="the checkout to run")
    parser.add_argument("--state", default="now", help="how its rows are called")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def whole_numbers(text: str) -> list[int]:
    return [int(number.replace("_", "")) for number in text.split(",")]


def measure(kind: str, ending: str, n_rows: int, parsed: argparse.Namespace) -> Outcome:
    """Write the file unless it is there, and run one process on it to its end."""
    path = FILES / f"{kind}-{n_rows}-seed{parsed.seed}.{ending}"
    if not path.exists():
        write_file(path, kind, n_rows, parsed.seed)
    with tempfile.TemporaryDirectory() as runs:
        command = ["train.py", *options(kind, path), f"paths.runs={runs}", "run=growth"]
        environment = {"OMP_NUM_THREADS": str(parsed.threads), "PYTHONPATH": str(parsed.checkout)}
        with Memory("Pss_Anon") as memory:
            process = measured(command, parsed.checkout, environment)
    return Outcome(
        parsed.state,
        kind,
        ending,
        n_rows,
        seconds=process.seconds,
        cpu_seconds=process.cpu_seconds,
        peak_mib=process.peak_mib,
        file_mib=path.stat().st_size / 2**20,
        day=time.strftime("%Y-%m-%d", time.gmtime()),
        machine=machine(parsed.threads),
        anonymous_mib=memory.peak_mib,
    )


def options(kind: str, path: Path) -> list[str]:
    return [*OPTIONS[kind], f"data.path={path}", *ALWAYS]


def machine(threads: int) -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    versions = ", ".join(f"{name} {version(name)}" for name in ("torch", "pyarrow", "numpy", "scikit-learn"))
    return f"{threads} thread of {processor()}, {memory:.0f} GiB; Python {platform.python_version()}, {versions}"


def keep(outcome: Outcome) -> None:
    """Write an outcome over the one of the same state and file, if there is one."""
    others = [one for one in load() if key(one) != key(outcome)]
    KEPT.parent.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(asdict(one)) + "\n" for one in sorted([*others, outcome], key=key)]
    KEPT.write_text("".join(lines), encoding="utf-8")


def load() -> list[Outcome]:
    if not KEPT.exists():
        return []
    return [Outcome(**json.loads(line)) for line in KEPT.read_text(encoding="utf-8").splitlines()]


def key(outcome: Outcome) -> tuple[str, str, str, int]:
    return outcome.kind, outcome.format, outcome.state, outcome.rows


def smaller(outcomes: Iterable[Outcome], outcome: Outcome) -> Outcome | None:
    """Return the outcome of the next smaller file of the same kind, format and state."""
    before = [one for one in outcomes if key(one)[:3] == key(outcome)[:3] and one.rows < outcome.rows]
    return max(before, key=lambda one: one.rows, default=None)


def cells(outcome: Outcome, before: Outcome | None) -> list[str]:
    """Return the cells of a line; what a further row costs is reckoned from the next smaller size."""
    per_row = ["", ""]
    if before is not None:
        more = outcome.rows - before.rows
        seconds, mib = outcome.cpu_seconds - before.cpu_seconds, outcome.peak_mib - before.peak_mib
        per_row = [f"{seconds / more * 1e6:.0f}", f"{mib / more * 2**20:,.0f}"]
    anonymous = "" if outcome.anonymous_mib is None else f"{outcome.anonymous_mib:,.0f}"
    counted = [f"{outcome.seconds:.1f}", f"{outcome.cpu_seconds:.1f}", f"{outcome.peak_mib:,.0f}", anonymous]
    return [outcome.state, f"{outcome.rows:,}", f"{outcome.file_mib:,.0f}", *counted, *per_row]


def tables(outcomes: list[Outcome]) -> str:
    """Return one Markdown table per kind and format."""
    parts = []
    for (kind, ending), group in groupby(sorted(outcomes, key=key), key=lambda one: (one.kind, one.format)):
        lines = [
            f"{NAMES[kind]}, {ending}: `python train.py {' '.join(options(kind, Path(f'{kind}s.{ending}')))}`",
            "",
            "| state | rows | file MiB | s | CPU s | peak MiB | no file's | CPU s / further million rows "
            "| bytes / further row |",
            "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
        ]
        lines += [f"| {' | '.join(cells(one, smaller(outcomes, one)))} |" for one in group]
        parts.append("\n".join(lines))
    about = "\n".join(sorted({f"{one.day}, {one.machine}." for one in outcomes}))
    return "\n\n".join([*parts, about])


def write_page(outcomes: list[Outcome]) -> None:
    """Replace the tables of the page; what stands above their heading is written by hand."""
    page = PAGE.read_text(encoding="utf-8") if PAGE.exists() else "# Growth\n"
    above = page.partition("\n## Measured\n")[0].rstrip("\n")
    PAGE.write_text(f"{above}\n\n## Measured\n\n{tables(outcomes)}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
