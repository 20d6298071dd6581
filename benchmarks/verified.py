"""Every kind of run, and every export of it, proved in a process of its own: the largest difference of any row.

    python -m benchmarks.verified
    python -m benchmarks.verified --only words,images

Small runs of each kind are trained; ``foldwise verify`` then predicts each held-out row again in a fresh process, and
once more from each folder that ``foldwise export`` makes of it: these are many, so their processes are forked from one
that has imported everything. Prints two tables; what is not proved ends it.
"""

import argparse
import os
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

os.environ |= {"OMP_NUM_THREADS": "1", "COLUMNS": "1000"}  # before numpy, torch and rich are imported

from benchmarks.processes import measured
from benchmarks.verified_kinds import ALL_ROWS, KINDS, Kind
from tests.inference.run_cases import trained_in
from trainer.cli.main import main as command_line

REPOSITORY = Path(__file__).resolve().parents[1]
FOLD = re.compile(r"^fold \d+: (\d+) rows(?:, (.+) to the bit)?; largest difference (\S+)$", re.MULTILINE)
IN_FLOAT32 = re.compile(r"on (\d+) rows(?: of the run)?, (\S+) apart at most")
COST = re.compile(r"(?:in half precision|with weights in 8 bits) \(a file of (\S+)\): (.+?) on ")


def foldwise(*arguments: str | Path) -> str:
    """Run a command in a process of its own; return what it printed, on one line each."""
    return measured(["-m", "trainer", *map(str, arguments)], REPOSITORY).output


def forked(*arguments: str | Path) -> str:
    """Run a command in a process forked from this one; return what it printed."""
    with tempfile.TemporaryFile("w+") as output:
        child = os.fork()
        if not child:
            for stream in (1, 2):
                os.dup2(output.fileno(), stream)
            code = command_line(list(map(str, arguments)))
            sys.stdout.flush()
            os._exit(code)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        output.seek(0)
        said = output.read()
    if code:
        sys.exit(f"foldwise {' '.join(map(str, arguments))} ended with {code}:\n{said[-2000:]}")
    return said


def of_folds(said: str) -> tuple[int, str, float]:
    """Return how many rows were compared, how many of them were equal to the bit, and the largest difference."""
    found = FOLD.findall(said)
    n_rows = sum(int(rows) for rows, _, _ in found)
    equal_K = [rows if equal.startswith("all") else (equal.split() or ["0"])[0] for rows, equal, _ in found]
    n_equal = sum(map(int, equal_K))
    return n_rows, "all" if n_equal == n_rows else str(n_equal), max(float(apart) for _, _, apart in found)


def runs_of(kinds: Sequence[tuple[str, Kind]], folder: Path) -> Iterator[tuple[str, Kind, Path]]:
    """Train a run of each kind, and print what the proof of it finds."""
    print("| run | held-out predictions | equal to the bit | largest difference |\n|---|---:|---:|---:|")
    for name, kind in kinds:
        place = folder / re.sub(r"\W+", "-", name)
        place.mkdir()
        options = kind.options(place)
        run = trained_in(place, *options, *kind.more)
        if ALL_ROWS in kind.exports:
            trained_in(place, *options, *kind.more, "cv.fold=all")
        n_rows, n_equal, largest = of_folds(foldwise("verify", run))
        print(f"| {name} | {n_rows} | {n_equal} | {largest:.2g} |", flush=True)
        yield name, kind, run


def proved(run: Path, folder: Path, *options: str) -> str:
    """Export a run and prove the folder; return the cells of a line."""
    costs = COST.findall(forked("export", run, "-o", folder, *options))
    said = forked("verify", run, "--export", folder)
    if FOLD.search(said):
        n_rows, _, largest = of_folds(said)
        found = f"{n_rows} | {largest:.2g} | oof.parquet"
    else:
        [[n_rows_of_all, apart]] = IN_FLOAT32.findall(said)
        found = f"{n_rows_of_all} | {apart} | torch, float32"
    cost = f"{costs[-1][1]}; file {costs[-1][0]}" if costs else ""
    return f"{found} | {cost} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="kinds whose names contain one of these")
    given = parser.parse_args()
    chosen = [(name, kind) for name, kind in KINDS.items() if any(part in name for part in given.only.split(","))]
    with tempfile.TemporaryDirectory() as name:
        runs = list(runs_of(chosen, Path(name)))
        print("\n| run | export | rows | largest difference | from | less memory |\n|---|---|---:|---:|---|---|")
        for of_kind, kind, run in runs:
            for place, options in enumerate(kind.exports):
                line = proved(run, run.parents[1] / f"model{place}", *options.split())
                print(f"| {of_kind} | `{options or '--format onnx'}` | {line}", flush=True)


if __name__ == "__main__":
    main()
