"""The version: of a checkout, of an installed package, of a folder that is neither."""

import importlib.metadata

import pytest

import trainer
from trainer.system import version


@pytest.mark.parametrize(
    ("beside", "read"),
    [
        (None, importlib.metadata.version("foldwise")),
        ('[project]\nname = "foldwise"\nversion = "9.8.7"\n', "9.8.7"),
        ('[project]\nname = "somebody-elses"\nversion = "1.0"\n', importlib.metadata.version("foldwise")),
        ("[tool.ruff]\n", importlib.metadata.version("foldwise")),
    ],
    ids=["installed", "checkout", "copied into another project", "no project"],
)
def test_it_is_read_where_the_code_is(beside, read, tmp_path, monkeypatch):
    monkeypatch.setattr(version, "PYPROJECT", tmp_path / "pyproject.toml")
    if beside is not None:
        version.PYPROJECT.write_text(beside)
    assert version._read() == read


def test_a_folder_that_is_in_no_project_and_not_installed_has_none(tmp_path, monkeypatch):
    monkeypatch.setattr(version, "PYPROJECT", tmp_path / "pyproject.toml")
    monkeypatch.setattr(version, "NAME", "foldwise-which-nobody-installed")
    assert version._read() == "unknown"


def test_python_has_it_too():
    assert trainer.__version__ == version.__version__
