"""The figures of a small house whose faults are known."""

import pytest

from benchmarks.structure import figures
from tests.places import REPOSITORY

LONG = "def long():\n    '''Not\n    counted.'''\n" + "    print()\n" * 60
FILES = {
    "pyproject.toml": """
[[tool.importlinter.contracts]]
type = "layers"
layers = ["run", "models | losses", "config"]
""",
    "trainer/__init__.py": "",
    "trainer/run/__init__.py": "",
    "trainer/run/fold.py": "from trainer.config.schema import RunConfig\nfrom trainer.models import mlp\n" + LONG,
    "trainer/models/__init__.py": "",
    "trainer/models/mlp.py": "def build():\n    from trainer.losses.ce import Loss\n\n    return Loss\n",
    "trainer/losses/__init__.py": "",
    "trainer/losses/ce.py": "import trainer.models.mlp\n\n\nclass Loss:\n    pass\n",
    "trainer/config/__init__.py": "",
    "trainer/config/schema.py": "class RunConfig:\n    pass\n",
    "trainer/config/fold.py": "from trainer.run.fold import long\n" + "\n" * 300,
    "trainer/errors.py": "",
    "tests/run/test_fold.py": "",
    "tests/covered_elsewhere.toml": '[modules]\n"models/mlp.py" = "run/test_fold.py"\n[folders]\n',
}


@pytest.fixture
def found(tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return figures(tmp_path)


def test_every_fault_is_counted_and_named(found):
    assert found == {
        "modules, lines": f"6, {65 + 4 + 5 + 2 + 301}",
        "floors of the contract": "3",
        "arrows that go up": "1 (config -> run)",
        "circles of packages": "2 (config run, losses models)",
        "circles of modules": "1 (trainer/losses/ce.py trainer/models/mlp.py)",
        "modules in no package": "1 (errors)",
        "modules that import RunConfig": "1 (run/fold.py)",
        "module names that repeat": "1 (fold)",
        "neither own tests nor a line": "4 (config/fold.py, config/schema.py, errors.py, losses/ce.py)",
        "longest module": "301 trainer/config/fold.py",
        "modules over 300 lines": "1",
        "longest function": "61 trainer/run/fold.py:3 long",
        "functions over 50 lines": "1",
    }


def test_this_house_has_no_arrow_up_and_no_circle():
    here = figures(REPOSITORY)
    assert {here[name] for name in ("arrows that go up", "circles of packages", "circles of modules")} == {"0"}
    assert int(here["floors of the contract"]) <= 10
