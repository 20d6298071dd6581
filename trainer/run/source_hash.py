"""The code that computes a run's numbers: its source files, and the versions of the libraries they use."""

import ast
import hashlib
import inspect
import platform
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from trainer.config.build import resolve_target
from trainer.run.definitions import code_sha256

Section = Mapping[str, Any]  # of a configuration: a class by its ``_target_``, and its arguments

PACKAGES = ("foldwise", "torch", "numpy", "scikit-learn")
PARTS_PACKAGES = {  # import name -> package, for parts that compute with it
    "transformers": "transformers",
    "tokenizers": "tokenizers",
    "torchvision": "torchvision",
    "timm": "timm",
    "PIL": "pillow",
}
MAIN = "__main__"  # the script or notebook at work
ENGINE_NAME = "the engine"
ROOT = Path(__file__).resolve().parents[2]
PARTS = ("trainer.data.", "trainer.models.", "trainer.losses.")
TRAINS = "trainer.run.fold_job"  # what it imports, and these import, decides the numbers; but not:
DECIDES_NOTHING = (
    "trainer.report.",  # shows numbers
    "trainer.trackers.",  # likewise
    "trainer.engine.observer.",  # likewise
    "trainer.results.",  # holds them
    "trainer.errors.",  # words
    "trainer.config.problems.",  # words
    "trainer.config.home.",  # where files are, not what is in them
    "trainer.system.paths.",  # likewise
    "trainer.system.spreadsheets.",  # how results are written
    "trainer.wording.translations.",  # words
    "trainer.config.schema.",  # its values are compared one by one
    "trainer.store.",  # files and locks: what is read back is held against its sha256
    "trainer.executors.",  # where a fold is trained
    "trainer.system.files.",  # how bytes get to the disk
    "trainer.system.folders.",  # likewise
    "trainer.system.arrow_files.",  # likewise
    "trainer.system.interrupts.",  # when a fold is stopped, to be gone on with
    "trainer.system.resources.",  # of the machine
    "trainer.run.steps.flat_gradients.",  # which of two ways of the same bits is taken
    "trainer.run.source_hash.",  # this file
)
IMPORT = re.compile(
    r"^[ \t]*(?:from[ \t]+(trainer[\w.]*)[ \t]+import[ \t]+(\([^)]*\)|[^\n]*)|import[ \t]+(trainer[^\n]*))",
    re.MULTILINE,
)


def versions(sections: Mapping[str, Section], plugins: Sequence[str] = ()) -> dict[str, str]:
    """Return the versions of what computes the numbers: Python, torch and its kin, and what the named parts import."""
    parts = {path for files in _part_files(sections, plugins).values() for path in files}
    used = {
        PARTS_PACKAGES[top]
        for source in map(Path.read_bytes, parts)
        if any(package.encode() in source for package in PARTS_PACKAGES)  # the grammar takes longer to tell
        for name in _imports_of(source)
        if (top := name.split(".")[0]) in PARTS_PACKAGES
    }
    python = ".".join(platform.python_version_tuple()[:2])
    return {"python": python, **{name: _version(name) for name in (*PACKAGES, *sorted(used))}}


@cache
def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:  # a plugin may do without it
        return "absent"


def code(sections: Mapping[str, Section], plugins: Sequence[str] = (), more: Sequence[str] = ()) -> dict[str, str]:
    """Return the sha256 (cut) of the source files that compute, by what they are; of a script's classes, of these."""
    files = {f"code of {name}": files_sha256(files) for name, files in code_files(sections, plugins, more).items()}
    return {**files, **main_code(sections)}


def main_code(sections: Mapping[str, Section]) -> dict[str, str]:
    """Return the sha256 (cut) of what sections name of the script or notebook at work, whose files say too much.

    A cell more, or a plot after the run, alters no number: the class counts, with all that it uses of its module.
    """
    named = {section["_target_"] for section in sections.values() if section["_target_"].startswith(f"{MAIN}.")}
    return {f"code of {name}": code_sha256(getattr(sys.modules[MAIN], name.rpartition(".")[2])) for name in named}


def code_files(
    sections: Mapping[str, Section], plugins: Sequence[str] = (), more: Sequence[str] = ()
) -> dict[str, list[Path]]:
    """Return the source files that compute: of the engine, of what the configuration names, of plugins.

    With a part come those parts of ours that it imports; of a data source its file alone, for its rows are compared.

    Args:
        sections: of the configuration, by name.
        plugins: packages of the user's.
        more: modules of ours that are found by name and imported by nobody: metrics, strategies of folds.
    """
    return {ENGINE_NAME: engine_files((TRAINS, *more)), **_part_files(sections, plugins)}


def _part_files(sections: Mapping[str, Section], plugins: Sequence[str]) -> dict[str, list[Path]]:
    found = dict[str, list[Path]]()
    named = {name: sections[name] for name in ("data", "model", "loss")}
    named["data.preprocess"] = sections["data"].get("preprocess", {})
    for name, section in named.items():
        target = resolve_target(name, section["_target_"], plugins)
        if target.__module__.startswith("trainer."):
            file = Path(inspect.getfile(target))
            found[section["_target_"]] = [file] if name == "data" else _with_imported([file])
    for plugin in (name for name in plugins if name != MAIN):
        file = Path(inspect.getfile(import_module(plugin)))
        found[plugin] = _with_imported(file.parent.rglob("*.py") if file.stem == "__init__" else [file])
    return found


def engine_files(modules: Sequence[str] = (TRAINS,)) -> list[Path]:
    """Return the files of modules of ours and of all that these import, but for what decides no number."""
    found, rest = dict[str, Path](), [*modules]
    while rest:
        name = rest.pop()
        path = ROOT / f"{name.replace('.', '/')}.py"
        if name not in found and not f"{name}.".startswith(DECIDES_NOTHING) and path.is_file():
            found[name] = path
            rest += imports_of_ours(path.read_bytes())
    return sorted(found.values())


@cache
def imports_of_ours(source: bytes) -> frozenset[str]:
    """Return what a file of ours imports of ours, found ten times sooner than ``ast`` does."""
    names = set[str]()
    for module, imported, modules in IMPORT.findall(source.decode()):
        listed = re.sub(r"#[^\n]*", "", imported).strip("()").split(",")
        names.update(f"{module}.{item.split()[0]}" for item in listed if item.strip())
        names.update(item.split()[0] for item in modules.split(",") if item.strip())
        names.update([module] if module else [])
    return frozenset(names)


def _with_imported(files: Iterable[Path]) -> list[Path]:
    """Return the files and those parts of ours that they import, and these import."""
    found, rest = set[Path](), [*files]
    while rest:
        path = rest.pop()
        if path not in found:
            found.add(path)
            imports = imports_of_ours if ROOT / "trainer" in path.parents else _imports_of
            imported = imports(path.read_bytes())
            ours = [name for name in imported if name.startswith(PARTS)]
            rest += [source for name in ours if (source := ROOT / f"{name.replace('.', '/')}.py").is_file()]
    return sorted(found)


@cache
def _imports_of(source: bytes) -> frozenset[str]:
    """Return the modules that a file imports, wherever in it."""
    names = set[str]()
    try:
        nodes = list(ast.walk(ast.parse(source)))
    except (SyntaxError, ValueError):  # a file next to a plugin's that nobody imports
        return frozenset()
    for node in nodes:
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.update((node.module, *(f"{node.module}.{alias.name}" for alias in node.names)))
    return frozenset(names)


def files_sha256(paths: Iterable[Path]) -> str:
    """Return the sha256 (cut) of the files' bytes, one after the other."""
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:12]
