"""Exported folders in a fresh virtual environment that has numpy and onnxruntime, and neither torch nor Foldwise.

    python -m benchmarks.alone

Packages come from PyPI. The environment first has numpy and onnxruntime alone; tokenizers are added for texts, pillow
for images. What ``predict.py`` writes there is compared with what ``foldwise predict`` writes of the same rows.
"""

import csv
import os
import re
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # before numpy and torch are imported

import numpy as np

from benchmarks.processes import measured
from tests.inference.run_cases import (
    image_options,
    table_options,
    text_options,
    trained_in,
    transformer_options,
    write_images,
    write_rows,
    write_table,
)
from tests.transformer_files import write_reviews

REPOSITORY = Path(__file__).resolve().parents[1]
PACKAGES = (("numpy", "onnxruntime"), ("tokenizers",), ("pillow",))
ABSENT = "from importlib.util import find_spec; print(*filter(find_spec, ('torch', 'trainer', 'transformers', 'onnx')))"
Case = tuple[str, int, Callable[[Path], tuple[str, ...]], Callable[[Path], Path]]


def new_table(folder: Path) -> Path:
    return write_table(folder / "new.csv", 500)


def new_texts(folder: Path) -> Path:
    return write_rows(
        folder / "new.csv", [["text"], ["quiet room, 房间 很好"], ["it stank " * 80], ["!"], ["😀 clean"]]
    )


def new_reviews(folder: Path) -> Path:
    return write_reviews(folder / "new.csv", 200)


def new_images(folder: Path) -> Path:
    return write_images(folder / "new", 40)


CASES: tuple[Case, ...] = (
    ("a table", 0, table_options, new_table),
    ("texts, text_cnn", 1, text_options, new_texts),
    ("texts, BERT", 1, transformer_options, new_reviews),
    ("images", 2, image_options, new_images),
)


def inside(python: Path, *arguments: str | Path) -> str:
    """Run the environment's Python, which sees nothing of this one."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run([python, "-I", *arguments], capture_output=True, text=True, env=clean)
    if done.returncode:
        sys.exit(f"python {' '.join(map(str, arguments))} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return done.stdout


def largest_difference(alone: Path, run: Path) -> tuple[int, float]:
    """Return how many rows two files have and how far a number in them is apart; all words must be the same."""
    with alone.open(newline="", encoding="utf-8") as one, run.open(newline="", encoding="utf-8") as two:
        (names, *found), (wanted_names, *wanted) = csv.reader(one), csv.reader(two)
    if (names, len(found)) != (wanted_names, len(wanted)):
        sys.exit(f"{alone} and {run} have other columns, or other rows")
    words = [place for place, name in enumerate(names) if name in ("id", "prediction")]
    if [[row[place] for place in words] for row in found] != [[row[place] for place in words] for row in wanted]:
        sys.exit(f"{alone} and {run} say other words")
    numbers = [place for place in range(len(names)) if place not in words]
    ours, theirs = (np.array([[float(row[place]) for place in numbers] for row in rows]) for rows in (found, wanted))
    return len(found), float(np.abs(ours - theirs).max())


def main() -> None:
    print("| rows | installed | rows predicted | largest difference |\n|---|---|---:|---:|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        venv.create(folder / "alone", with_pip=True)
        python, installed = folder / "alone/bin/python", 0
        for title, needs, options, new in CASES:
            for packages in PACKAGES[installed : needs + 1]:
                inside(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages)
            installed = max(installed, needs + 1)
            if found := inside(python, "-c", ABSENT).strip():
                sys.exit(f"the environment has {found}")
            place = folder / re.sub(r"\W+", "-", title)
            place.mkdir()
            run, data = trained_in(place, *options(place)), new(place)
            measured(["-m", "trainer", "export", str(run), "-o", str(place / "model")], REPOSITORY)
            measured(["-m", "trainer", "predict", str(run), str(data), "-o", str(place / "run.csv")], REPOSITORY)
            inside(python, place / "model/predict.py", data, "-o", place / "alone.csv")
            n_rows, apart = largest_difference(place / "alone.csv", place / "run.csv")
            names = inside(python, "-m", "pip", "list", "--format", "freeze", "--disable-pip-version-check")
            asked = {one for some in PACKAGES[:installed] for one in some}
            there = ", ".join(line.replace("==", " ") for line in names.split() if line.partition("==")[0] in asked)
            print(f"| {title} | {there} | {n_rows} | {apart:.2g} |", flush=True)


if __name__ == "__main__":
    main()
