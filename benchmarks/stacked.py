"""Folds trained as one model against folds trained one by one: processor time, memory, and equal bits.

    python -m benchmarks.stacked [--rounds 5] [--works default seeds probe] [--out FILE]

Each round runs every work in both ways, in alternating order, as a whole process (``python train.py``). The ratios are
medians over the rounds of stacked / one by one; what the clock says is worth something on a quiet machine only.
"""

import argparse
import hashlib
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.processes import Measured, Memory, measured, processor

TRAIN = Path(__file__).resolve().parent.parent / "train.py"
N_FEATURES, N_ROWS = 768, 2000
WORKS = {
    "default": (),
    "seeds": ("seed=[1,2,3,4,5,6]",),
    "probe": ("data=csv_tabular", "data.path=features.parquet", "model.hidden=[]", "cv.n_splits=10", "max_epochs=50"),
}
WAYS = ("off", "auto")


def write_features(path: Path) -> None:
    """Write a table of features as a frozen body would have made them: two classes that overlap."""
    random = np.random.default_rng(0)
    label_N = random.integers(2, size=N_ROWS)
    features_NF = random.normal(size=(N_ROWS, N_FEATURES)) + 0.1 * label_N[:, None] * random.normal(size=N_FEATURES)
    columns = {f"f{number}": column for number, column in enumerate(features_NF.astype(np.float32).T)}
    pq.write_table(pa.table({**columns, "label": np.array(["no", "yes"])[label_N]}), path)


def run(work: str, way: str, directory: Path, *, threads: int) -> tuple[Measured, float, str]:
    """Run a work in one way; return what it took, the memory of all its processes in MiB, and sha256 of oof.parquet."""
    name = f"{work}-{way}-{time.monotonic_ns()}"
    command = [str(TRAIN), f"run={name}", f"cv.stack={way}", "runtime.progress=off", *WORKS[work]]
    with Memory() as memory:
        took = measured(command, directory, {"OMP_NUM_THREADS": str(threads)})
    return took, memory.peak_mib, hashlib.sha256((directory / "runs" / name / "oof.parquet").read_bytes()).hexdigest()


def table(rounds: int, works: Sequence[str], threads: int) -> list[str]:
    """Run everything and return the lines of a table."""
    lines = [
        "| work | CPU s one by one | CPU s stacked | CPU ratio | clock ratio | memory ratio | oof.parquet |",
        "|---|---:|---:|---:|---:|---:|---|",
    ]
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        write_features(directory / "features.parquet")
        for work in works:
            found: dict[str, list[tuple[Measured, float, str]]] = {way: [] for way in WAYS}
            for number in range(rounds):
                for way in WAYS if number % 2 == 0 else WAYS[::-1]:
                    found[way].append(run(work, way, directory, threads=threads))
            lines.append(line(work, found["off"], found["auto"]))
            print(lines[-1], file=sys.stderr, flush=True)
    return lines


def line(
    work: str, apart: Sequence[tuple[Measured, float, str]], stacked: Sequence[tuple[Measured, float, str]]
) -> str:
    """Return the line of a work, measured one by one and stacked, a row for each round."""

    def ratio(values: Sequence[float], others: Sequence[float]) -> float:
        return statistics.median(one / other for one, other in zip(values, others, strict=True))

    cpu = [[took.cpu_seconds for took, _, _ in way] for way in (stacked, apart)]
    clock = [[took.seconds for took, _, _ in way] for way in (stacked, apart)]
    memory = [[peak for _, peak, _ in way] for way in (stacked, apart)]
    bits = {sha for way in (stacked, apart) for _, _, sha in way}
    same = f"the same, {next(iter(bits))[:12]}" if len(bits) == 1 else "DIFFERS"
    medians = " | ".join(f"{statistics.median(values):.1f}" for values in reversed(cpu))
    return f"| {work} | {medians} | {ratio(*cpu):.2f} | {ratio(*clock):.2f} | {ratio(*memory):.2f} | {same} |"


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--works", nargs="+", choices=WORKS, default=list(WORKS))
    parser.add_argument("--threads", type=int, default=1, help="OMP_NUM_THREADS of every process")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    lines = [*table(asked.rounds, asked.works, asked.threads), "", f"{processor()}, {asked.rounds} rounds"]
    print("\n".join(lines))
    if asked.out is not None:
        asked.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
