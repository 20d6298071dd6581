"""The examples of the docstrings and of docs/guide/python.md are run."""

import doctest
import importlib
import pkgutil
import re

import pytest

import trainer
import trainer.api
from tests.places import REPOSITORY
from trainer.api.data import Data

MODULES = [f"trainer.api.{module.name}" for module in pkgutil.iter_modules(trainer.api.__path__)]
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
PAGE = REPOSITORY / "docs" / "guide" / "python.md"
LEAST = 40


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("trainer.report.plots.png_bytes", lambda figure: b"")


def examples() -> list[doctest.DocTest]:
    found = [test for name in MODULES for test in doctest.DocTestFinder().find(importlib.import_module(name))]
    page = doctest.DocTestParser().get_doctest(PAGE.read_text(encoding="utf-8"), {}, PAGE.name, str(PAGE), 0)
    return [test for test in [*found, page] if test.examples]


@pytest.mark.parametrize("example", examples(), ids=lambda test: test.name)
def test_example_prints_what_it_says(example):
    printed: list[str] = []
    assert doctest.DocTestRunner(optionflags=FLAGS).run(example, out=printed.append).failed == 0, "".join(printed)


def test_there_are_enough_and_every_public_function_has_one():
    assert sum(len(test.examples) for test in examples()) >= LEAST
    shown = "\n".join(example.source for test in examples() for example in test.examples)
    functions = [name for name in trainer.__all__ if name not in ("errors", "Run", "Data")]
    assert [name for name in functions if not re.search(rf"fw\.{name}\(", shown)] == []


def test_the_face_is_quick_lists_its_names_and_keeps_them():
    assert set(trainer.__all__) <= set(dir(trainer))
    assert trainer.Data is Data
    importlib.import_module("trainer.audit.run")  # what imports the package does not hide the function

    assert callable(trainer.audit)
    assert trainer.errors.DataError.exit_code == 3
    with pytest.raises(AttributeError, match="no attribute 'comparison'"):
        _ = trainer.comparison
