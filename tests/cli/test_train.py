"""``foldwise train``: a wheel that was built and unpacked trains from any folder."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.places import CONF, REPOSITORY
from trainer.cli.main import main as foldwise

PACKED = ("trainer", "conf", "pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE")
QUICK = ("data=iris", "max_epochs=1", "cv.n_splits=2", "profile=off", "audit=off", "baseline=off", "tracker=none")


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """A folder that holds what ``pip install`` would put into site-packages."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in PACKED:
        place, copied = REPOSITORY / name, folder / "source" / name
        copied.parent.mkdir(exist_ok=True)
        if place.is_dir():
            shutil.copytree(place, copied, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(place, copied)
    options = ("--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check", "--quiet")
    command = [sys.executable, "-m", "pip", "wheel", ".", *options, "--wheel-dir", str(folder)]
    subprocess.run(command, cwd=folder / "source", check=True, capture_output=True)
    [wheel] = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def called(installed: Path, cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The console script's function in a folder that holds nothing of the repository."""
    code = "import sys, trainer.cli.main as m; print(m.__file__, file=sys.stderr); sys.exit(m.main())"
    environment = {**os.environ, "PYTHONPATH": str(installed), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-P", "-c", code, *arguments]
    ended = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)
    assert ended.stderr.startswith(str(installed))
    return ended


def test_the_wheel_holds_every_file_of_conf_and_no_other(installed):
    def files(folder: Path) -> set[str]:
        return {path.relative_to(folder).as_posix() for path in folder.rglob("*.yaml")}

    assert files(installed / "trainer" / "conf") == files(CONF)
    assert not (installed / "tests").exists()


def test_the_wheel_holds_every_file_of_the_package(installed):
    package = REPOSITORY / "trainer"
    files = {path.relative_to(package).as_posix() for path in package.rglob("*") if path.is_file()}
    wanted = {name for name in files if "__pycache__" not in name and not name.endswith(".po")}
    assert [name for name in sorted(wanted) if not (installed / "trainer" / name).is_file()] == []


def test_an_installed_copy_trains_from_any_folder_with_a_conf_of_ones_own(installed, tmp_path):
    own = tmp_path / "mine" / "model" / "tiny.yaml"
    own.parent.mkdir(parents=True)
    own.write_text("_target_: trainer.models.mlp.MLP\nhidden: [4]\n")
    options = ("--config-dir", "mine", "model=tiny", "loss=focal", "amp=O1", *QUICK, "run=a1", "cv.fold=0")
    ended = called(installed, tmp_path, "train", *options)
    assert ended.returncode == 0, ended.stderr
    run = tmp_path / "runs" / "a1"
    assert (run / "fold_0" / "DONE").is_file()
    assert json.loads((run / "manifest.json").read_text())["about"]["command"].startswith("foldwise train model=tiny ")
    assert "foldwise train " in ended.stdout.splitlines()[-1]  # what completes the run
    assert "train.py" not in ended.stdout


def test_help_lists_the_choices_under_the_command_that_was_typed(capsys):
    assert foldwise(["train", "--help"]) == 0
    out = capsys.readouterr().out
    assert "foldwise train loss=focal amp=O1 " in out
    assert "train.py" not in out
    assert [line for line in out.splitlines() if line.startswith("  focal ")]


def test_the_script_answers_help_before_what_takes_long_is_imported():
    code = """
import runpy, sys
sys.argv = ["train.py", "--help"]
try:
    runpy.run_path("train.py", run_name="__main__")
except SystemExit as ended:
    print(ended.code, sorted({"hydra", "torch", "typer"} & set(sys.modules)))
"""
    ended = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True)
    assert "\n  focal " in ended.stdout
    assert ended.stdout.splitlines()[-1] == "0 []", ended.stderr


def test_what_is_typed_wrongly_is_said_as_by_the_script(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["foldwise"])
    assert foldwise(["train", "los=focal", "max_epochs=0"]) == 2
    assert "los: unknown key: did you mean 'loss'?" in capsys.readouterr().err
