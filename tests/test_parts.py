"""Parts of one's own: docs/guide/parts.md is run as plugins; CONTRIBUTING's loss and others go into the house."""

import re
import shlex
import shutil
import subprocess
import sys

import numpy as np
import pytest

from tests.places import REPOSITORY
from trainer.cli.main import main as foldwise

PAGE = (REPOSITORY / "docs/guide/parts.md").read_text(encoding="utf-8")
CONTRIBUTING = (REPOSITORY / "CONTRIBUTING.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"^```python\n# (\S+\.py)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
SHELL = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
COMMANDS = [line for text in SHELL for line in text.splitlines() if "my_net" not in line]  # tests/pages has that one
QUICK = (
    "max_epochs=1",
    "cv.n_splits=2",
    "cv.parallel=1",
    "runtime.threads=1",
    "profile=off",
    "audit=off",
    "baseline=off",
)
TWO_EPOCHS = ("max_epochs=2", "cv.n_splits=2", "profile=off", "runtime.progress=off", *QUICK[2:])
DATA = ("data=csv_tabular", "data.path=rows.csv", "data.label=label:*", "tracker=[lines,tensorboard]")
TRAINED = """
import sys
import pytest
import train as script

@pytest.mark.parametrize("line", {lines!r})
def test_it_is_trained(line, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["train.py", *line])
    script.main()
"""
HOUSE = {"metrics": "qwk", "trackers": "lines"}


@pytest.fixture
def own_package(tmp_path, monkeypatch):
    (tmp_path / "my_pkg").mkdir()
    for name, code in FILES.items():
        (tmp_path / name).write_text(code, encoding="utf-8")
    (tmp_path / "my_pkg" / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] == "my_pkg"]:
        del sys.modules[name]


def test_every_file_of_the_page_is_in_a_command():
    text = " ".join(COMMANDS)
    assert len(FILES) == 8
    assert [name for name in FILES if name.removesuffix(".py").replace("/", ".") not in text] == []


def test_every_command_of_the_page_runs(train, tmp_path, own_package):
    for command in COMMANDS:
        program, *arguments = shlex.split(command)
        if program == "foldwise":
            assert foldwise(arguments) == 0, command
            continue
        tracker = () if "tracker=none" in arguments else ("tracker=none",)
        outcome = train(*arguments[1:], *QUICK, *tracker)
        assert outcome.code == 0, f"{command}\n{outcome.err}"
        assert "report: " in outcome.out, command
    lines = (tmp_path / "runs/t/lines.txt").read_text().splitlines()
    assert [line.split()[:2] for line in lines] == [["0", "1"], ["1", "1"]]


def test_a_preprocessing_chosen_beside_a_source_of_ones_own_is_used(train, own_package, tmp_path):
    source = ("plugins=[my_pkg]", "data._target_=my_pkg.source.load_rings", "tracker=none", *QUICK)
    for name, choice in (("a", ()), ("b", ("data.preprocess.standardize=false",))):
        outcome = train(*source, "data/preprocess=table", *choice, f"run={name}")
        assert outcome.code == 0, outcome.err
    configs = [(tmp_path / f"runs/{name}/config.yaml").read_text() for name in "ab"]
    assert all("trainer.data.preprocess.table.TablePreprocess" in config for config in configs)
    for value, config in zip(("true", "false"), configs, strict=True):
        assert f"standardize: {value}" in config
    wrong = train(*source, "data/preprocess=vocabulary")
    assert wrong.code == 2
    assert "data/preprocess=table" in wrong.err


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ("cv.strategy=os.system", 2, "cv.strategy: 'os.system' is not allowed"),
        ("cv.strategy=my_pkg.blocks.Blocks", 2, "own code: plugins=[my_package]"),
        ("cv.strategy=sklearn.model_selection.cross_val_score", 2, "is no class with split(X, y, groups)"),
        ("cv.strategy=sklearn.model_selection.KFold cv.arguments.shufle=true", 2, "cv.arguments.shufle: "),
        ("cv.arguments.gap=1", 2, "cv.arguments has no effect with cv=stratified"),
        ("cv.strategy=sklearn.model_selection.ShuffleSplit", 3, "is held out by 2 folds"),
        ("optimizer._target_=my_pkg.optim.SignSGD", 2, "is not allowed"),
        ("scheduler._target_=my_pkg.optim.Halving plugins=[my_pkg]", 2, "scheduler.every is required"),
    ],
)
def test_a_wrong_part_is_refused_before_training(train, own_package, tmp_path, arguments, code, said):
    outcome = train("data=wine", *QUICK, "tracker=none", *arguments.split())
    assert outcome.code == code, outcome.err
    assert said in outcome.err
    assert not (tmp_path / "runs").exists()


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """A copy of the repository with the parts put in: one Python file and at most one YAML each, nothing else."""
    root = tmp_path_factory.mktemp("house")
    for name in ("trainer", "conf", "tests", "docs"):
        shutil.copytree(REPOSITORY / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("train.py", "pyproject.toml", "README.md", "README.zh-CN.md", "CONTRIBUTING.md"):
        shutil.copy(REPOSITORY / name, root / name)
    [loss] = re.findall(r"`(trainer/losses/\w+\.py)`:\n\n```python\n", CONTRIBUTING)
    [code] = re.findall(r"```python\n(.*?)```", CONTRIBUTING, re.DOTALL)
    [options] = re.findall(r"```yaml\n(.*?)```", CONTRIBUTING, re.DOTALL)
    (root / loss).write_text(code)
    (root / "conf/loss/tversky.yaml").write_text(options)
    for folder, name in HOUSE.items():
        (root / "trainer" / folder / f"{name}.py").write_text(FILES[f"my_pkg/{name}.py"])
    [(path, text)] = re.findall(r"^```yaml\n# (conf/\S+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    (root / path).write_text(text)
    labels = np.random.default_rng(0).integers(0, 2, (60, 3))
    rows = [",".join(map(str, [*row, *row])) for row in labels.tolist()]
    (root / "rows.csv").write_text("\n".join(["x,y,z,label:a,label:b,label:c", *rows]) + "\n")
    return root


@pytest.fixture(scope="module")
def tested(house):
    """What pytest says of the house and its parts: in one process, to import everything takes most of the time."""
    several = (
        (*DATA, "loss=tversky", *TWO_EPOCHS, "run=tversky"),
        ("data=iris", "metrics.names=[qwk]", "tracker=lines", *TWO_EPOCHS, "run=qwk"),
    )
    (house / "tests/test_trained.py").write_text(TRAINED.format(lines=several))
    files = ("losses/test_contract", "metrics/test_contract", "config/test_conf_files", "config/test_reference")
    paths = [f"tests/{file}.py" for file in (*files, "test_trained")]
    words = "tversky or qwk or lines or page or trained"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *paths, "-k", words]
    return subprocess.run(command, cwd=house, capture_output=True, text=True, check=False)


def test_the_contract_tests_find_parts_of_the_house_without_an_edit(tested):
    assert tested.returncode == 0, tested.stdout[-2000:]
    assert int(re.search(r"(\d+) passed", tested.stdout)[1]) >= 16


def test_parts_of_the_house_train_by_their_short_names(tested, house):
    assert tested.returncode == 0, tested.stdout[-2000:]
    assert len((house / "runs/tversky/lines.txt").read_text().splitlines()) == 4
    assert "**quadratic kappa " in (house / "runs/qwk/report.md").read_text()
