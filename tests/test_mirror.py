"""Every module of trainer/ has its tests at its path, or one line that says where they are."""

import tomllib
from collections import defaultdict
from collections.abc import Collection, Mapping
from itertools import accumulate
from pathlib import Path

import pytest

from tests.places import REPOSITORY

TABLE = tomllib.loads((REPOSITORY / "tests/covered_elsewhere.toml").read_text(encoding="utf-8"))
NO_MIRROR = (
    "faults",
    "benchmarks",
    "test_parts.py",
    "pages",
    "test_setup_files.py",
    "test_mirror.py",
)  # not about a module

# Names that two packages share because the field has one word for what both are about, each in its own place.
SHARED_NAMES = {
    "search": "foldwise search, its options, what it does, and the same from Python",
    "status": "foldwise status, and how far folds are",
    "audit": "foldwise audit, and the step of a run",
    "blend": "foldwise blend, and what it does",
    "build": "parts from their configuration, trackers from theirs",
    "decide": "foldwise decide, and what it does",
    "compare": "foldwise compare, and what it does",
    "contract": "what a model, a loss and a preprocessor must have",
    "features": "columns of a table, and the check of them",
    "find": "metrics by name, and the reader of a file",
    "labels": "labels of a table, and the check of them",
    "mae": "the mean absolute error as a metric and as a loss",
    "look": "foldwise look, and the same from Python",
    "merge": "foldwise merge, and what it does",
    "reference": "the page of all options, and that of all commands",
    "precision": "of numbers in training, and of what is predicted positive",
    "predict": "foldwise predict, and what it does",
    "table": "foldwise table, and the preprocessing of tables",
    "preflight": "the checks, and the step of a run",
    "runs": "foldwise runs, and a run from Python",
    "serve": "foldwise serve, and what it does",
    "split": "foldwise split, and the audit of a split file",
    "spellings": "of a number or word, and of the classes of a column",
    "tables": "read from files, and drawn for the terminal",
    "tensorboard": "foldwise tensorboard, and the tracker",
    "verify": "foldwise verify, and what it does",
}


def modules_of(folder: Path, pattern: str) -> set[str]:
    found = (path.relative_to(folder).as_posix() for path in folder.rglob(pattern))
    return {name for name in found if not name.endswith("__init__.py")}


def own_test(module: str) -> str:
    folder, _, name = module.rpartition("/")
    return f"{folder}/test_{name}".lstrip("/")


def module_of(test: str, modules: Collection[str]) -> str | None:
    """``run/test_merge_refused.py`` belongs to ``run/merge.py``, as ``run/test_merge.py`` does."""
    folder, _, name = test.rpartition("/")
    words = name.removeprefix("test_").removesuffix(".py").split("_")
    names = (f"{folder}/{stem}.py".lstrip("/") for stem in accumulate(words, "{}_{}".format))
    return max((name for name in names if name in modules), key=len, default=None)


def problems(modules: Collection[str], tests: Collection[str], table: Mapping[str, Mapping[str, str]]) -> list[str]:
    """What is wrong with the files and ``table``, one line each."""
    covered, folders, of_none = table["modules"], table["folders"], table["tests"]
    owned = {module for module in modules if own_test(module) in tests}
    others = {module: module.rpartition("/")[0] for module in sorted({*modules} - owned - covered.keys())}
    strays = {test for test in tests if module_of(test, modules) is None and not test.startswith(NO_MIRROR)}
    found = [f"{module} has no {own_test(module)} and no line" for module, of in others.items() if of not in folders]
    found += [f"{test} mirrors no module and has no line" for test in sorted(strays - of_none.keys())]
    found += [f"the line of {module}: it has a test file of its own" for module in sorted(owned & covered.keys())]
    found += [f"the line of {module}: there is no such module" for module in sorted(covered.keys() - {*modules})]
    named = [*covered.items(), *folders.items()]
    found += [f"the line of {one}: there is no {test}" for one, test in named if test not in tests]
    not_needed = (folders.keys() - others.values()) | (of_none.keys() - strays)
    return found + [f"the line of {one} is not needed" for one in sorted(not_needed)]


def test_modules_and_tests_mirror_each_other():
    modules = modules_of(REPOSITORY / "trainer", "*.py")
    assert problems(modules, modules_of(REPOSITORY / "tests", "test_*.py"), TABLE) == []


MODULES = {"a/b.py", "a/c.py", "parts/one.py"}
TESTS = {"a/test_c.py", "a/test_c_more.py", "a/test_runs.py", "parts/test_all.py"}
SOUND = {
    "modules": {"a/b.py": "a/test_c.py"},
    "folders": {"parts": "parts/test_all.py"},
    "tests": {"a/test_runs.py": "whole runs", "parts/test_all.py": "each"},
}


@pytest.mark.parametrize(
    ("modules", "tests", "problem"),
    [
        ({"a/d.py"}, set(), "a/d.py has no a/test_d.py and no line"),
        (set(), {"a/test_b.py"}, "the line of a/b.py: it has a test file of its own"),
        ({"top.py"}, {"a/test_top.py"}, "top.py has no test_top.py and no line"),
        (set(), {"a/test_d.py"}, "a/test_d.py mirrors no module and has no line"),
    ],
)
def test_what_has_no_partner_is_named(modules, tests, problem):
    assert problems(MODULES, TESTS, SOUND) == []
    assert problem in problems(MODULES | modules, TESTS | tests, SOUND)


@pytest.mark.parametrize(
    ("gone", "problem"),
    [
        ("a/b.py", "the line of a/b.py: there is no such module"),
        ("a/test_c.py", "the line of a/b.py: there is no a/test_c.py"),
        ("a/test_runs.py", "the line of a/test_runs.py is not needed"),
        ("parts/one.py", "the line of parts is not needed"),
        ("parts/test_all.py", "the line of parts: there is no parts/test_all.py"),
    ],
)
def test_a_line_for_what_is_gone_is_named(gone, problem):
    assert problem in problems(MODULES - {gone}, TESTS - {gone}, SOUND)


def test_names_repeat_only_where_listed():
    packages = defaultdict(list)
    for module in modules_of(REPOSITORY / "trainer", "*.py"):
        packages[Path(module).stem].append(module)
    repeated = {name for name, places in packages.items() if len(places) > 1}
    assert repeated == SHARED_NAMES.keys(), {name: packages[name] for name in repeated ^ SHARED_NAMES.keys()}
