import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.places import REPOSITORY
from trainer.system.waiting import OPENBLAS, SAID_BY

PACKAGES = Path(find_spec("torch").origin).parents[1]
RUNTIMES = [*PACKAGES.glob("torch/lib/libgomp*"), *PACKAGES.glob("scikit_learn.libs/libgomp*")]


def shown_by(runtime, door, **said):
    """What an OpenMP that is loaded after ``door`` says of its settings."""
    code = f"import ctypes; ctypes.CDLL({str(runtime)!r})"
    before = {name: value for name, value in os.environ.items() if name not in SAID_BY}
    environment = before | {"OMP_DISPLAY_ENV": "VERBOSE"} | said
    done = subprocess.run(
        [sys.executable, "-c", f"{door}; {code}"], capture_output=True, text=True, cwd=REPOSITORY, env=environment
    )
    assert done.returncode == 0, done.stderr
    lines = (line.partition("=") for line in done.stderr.splitlines() if "=" in line)
    return {name.split()[-1]: value.strip(" '") for name, _, value in lines}


@pytest.mark.skipif(not RUNTIMES, reason="torch came without libgomp")
@pytest.mark.parametrize("runtime", RUNTIMES, ids=lambda path: path.parts[-2])
def test_an_openmp_loaded_after_the_package_waits_asleep_unless_it_is_told_otherwise(runtime):
    assert shown_by(runtime, "pass")["GOMP_SPINCOUNT"] != "0"  # what nobody has told
    assert shown_by(runtime, "import trainer")["OMP_WAIT_POLICY"] == "PASSIVE"
    assert shown_by(runtime, "import trainer")["GOMP_SPINCOUNT"] == "0"
    assert shown_by(runtime, "import trainer", OMP_WAIT_POLICY="active")["OMP_WAIT_POLICY"] == "ACTIVE"
    assert shown_by(runtime, "import trainer", GOMP_SPINCOUNT="77")["GOMP_SPINCOUNT"] == "77"


@pytest.mark.parametrize(("said", "found"), [({}, "4"), ({OPENBLAS: "20"}, "20")])
def test_openblas_is_told_before_it_is_loaded_unless_somebody_has_told_it(said, found):
    code = f"import sys, trainer, os; print(os.environ[{OPENBLAS!r}], 'numpy' in sys.modules)"
    environment = {name: value for name, value in os.environ.items() if name != OPENBLAS} | said
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=REPOSITORY, env=environment)
    assert done.stdout == f"{found} False\n", done.stderr
