"""Pictures are made whatever backend the environment names: a notebook's is not installed beside every kernel."""

import os
import subprocess
import sys

import pytest

from tests.battery import some_of

DRAW = """
import os
from tests.battery import some_of
from trainer.report.plots import bare_figure, png_bytes
figure = bare_figure(1, 1)
figure.add_subplot().plot([1, 2])
assert png_bytes(figure, 20).startswith(b"\\x89PNG")
import matplotlib
print(os.environ["MPLBACKEND"], matplotlib.rcParams._get("backend") if os.environ["MPLBACKEND"] == "svg" else "")
"""


@pytest.mark.parametrize(("named", "used"), some_of([("not_installed", ""), ("svg", "svg")], [("not_installed", "")]))
def test_the_backend_that_is_named_may_be_absent(named, used):
    done = subprocess.run(
        [sys.executable, "-c", DRAW],
        env=os.environ | {"MPLBACKEND": named},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout.split(" ") == [named, f"{used}\n"]
