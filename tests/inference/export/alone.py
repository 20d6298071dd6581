"""An exported folder run as its user would: in a process that can import nothing but the packages it names."""

import csv
import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np

NEEDED = ("numpy", "onnxruntime", "flatbuffers", "google", "packaging")  # onnxruntime's own among them
NOT_THERE = """
import runpy, sys
site, folder, *arguments = sys.argv[1:]
sys.path.append(site)
for name in ("torch", "trainer", "pyarrow", "onnx", "pandas"):
    try:
        __import__(name)
    except ImportError:
        continue
    sys.exit(f"{name} can be imported")
sys.argv = ["predict.py", *arguments]
runpy.run_path(folder + "/predict.py", run_name="__main__")
"""


def site_with(folder: Path, packages: tuple[str, ...] = NEEDED) -> Path:
    """Make a site directory that holds some of the installed packages and no others."""
    folder.mkdir()
    for name in packages:
        found = importlib.util.find_spec(name).submodule_search_locations[0]
        (folder / name).symlink_to(found)
        libraries = Path(found).with_name(f"{name}.libs")  # some packages keep shared libraries beside them
        if libraries.is_dir():
            (folder / libraries.name).symlink_to(libraries)
    return folder


def predict_alone(site: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", "-S", "-W", "error", "-c", NOT_THERE, str(site), str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def require_same_rows(alone: Path, run: Path, tolerance: float = 1e-4) -> None:
    """Compare two files of predictions: the same columns, words and, up to the tolerance, numbers."""
    with alone.open(newline="", encoding="utf-8") as one, run.open(newline="", encoding="utf-8") as two:
        found, wanted = list(csv.reader(one)), list(csv.reader(two))
    assert found[0] == wanted[0]
    assert len(found) == len(wanted) > 1
    words = [place for place, name in enumerate(wanted[0]) if not all(_is_number(row[place]) for row in wanted[1:])]
    numbers = [place for place in range(len(wanted[0])) if place not in words]
    for left, right in zip(found[1:], wanted[1:], strict=True):
        assert [left[place] for place in words] == [right[place] for place in words]
        ours, theirs = (np.array([float(row[place]) for place in numbers]) for row in (left, right))
        np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
