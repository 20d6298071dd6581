"""``docs/reference/options.md``, made of the schema and of conf/: ``python -m trainer.config.reference > FILE``."""

import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import MISSING, fields, is_dataclass
from importlib import import_module
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_type_hints

from trainer.config.bounds import Option, options_of
from trainer.config.help import first_comment
from trainer.config.keys import CONF, typed
from trainer.config.schema import LISTED_SECTIONS, OPEN_SECTIONS, RunConfig
from trainer.config.value_types import describe
from trainer.errors import FoldwiseError

INTRODUCTION = """\
# Options

Every option of a run, its default, what it may be, and what it is. `python train.py KEY=VALUE` sets one,
`GROUP=CHOICE` picks a file of `conf/`, and `python train.py --cfg job` prints all that a command line comes to.
A path may begin with `~`, in any option.
A key that does not exist and a value that cannot be are refused before anything is read, all of them at once.

This page is written by `make reference`; a test holds it to the code."""
LINE = re.compile(r"(?P<key>\w+): *(?P<value>.*?) *(?:(?<!\S)# (?P<about>.*))?")
NO_OPTIONS = ("defaults", "_target_")


def reference() -> str:
    """Return the whole page."""
    sections = [INTRODUCTION, "## The run", _closed_table(_top_level())]
    for name, record in _sections():
        sections += [f"## {name}", _first_line(record), *_choices(name), _closed_table(options_of(record, f"{name}."))]
        sections += [_metrics()] if name == "metrics" else []
    for name in ("data", "data/preprocess", *OPEN_SECTIONS[1:]):
        sections += [f"## {name}", *_open_section(CONF / name, name)]
    for name in LISTED_SECTIONS:
        sections += [f"## {name}", *_choices(name), *_listed_options(name)]
    sections += ["## Presets", *_choices("experiment"), *_choices("debug"), "## Exit codes", _exit_codes()]
    return "\n\n".join(sections) + "\n"


def _top_level() -> list[Option]:
    elsewhere = (*OPEN_SECTIONS, *LISTED_SECTIONS)
    return [option for option in options_of(RunConfig) if "." not in option.key and option.key not in elsewhere]


def _sections() -> Iterator[tuple[str, type]]:
    hints = get_type_hints(RunConfig)
    yield from ((field.name, hints[field.name]) for field in fields(RunConfig) if is_dataclass(hints[field.name]))


def _first_line(record: type) -> str:
    return (record.__doc__ or "").splitlines()[0]


def _closed_table(options: Iterable[Option]) -> str:
    return _table(
        ["option", "default", "may be", "what it is"],
        [[f"`{option.key}`", f"`{_shown(option.default)}`", _may_be(option), option.about] for option in options],
    )


def _may_be(option: Option) -> str:
    if option.one_of is not None and option.within is None:
        words = ", ".join(f"`{word}`" for word in option.one_of.known)
        return f"{words}, `null`" if NoneType in get_args(option.kind) else words
    kind = describe(option.kind)
    if option.within is None:
        return kind
    if option.several is not None:
        return f"whole number, {option.allowed()}, or a list `[1,2,3]`"
    number = "whole number" if int in (get_args(option.kind) or (option.kind,)) else "number"
    return f"{number}, {option.allowed()}"


def _shown(value: Any) -> str:
    return "" if value is MISSING or value == "" else typed(value)


def _choices(group: str) -> list[str]:
    files = sorted((CONF / group).glob("[!_]*.yaml"))
    listed = [f"- `{group}={path.stem}`: {first_comment(path)}" for path in files]
    return ["\n".join(listed)] if listed else []


def _open_section(directory: Path, name: str) -> Iterator[str]:
    prefix = name.replace("/", ".")
    for path in sorted(directory.glob("*.yaml")):
        title = f"`{name}={path.stem}`" if path.stem[0] != "_" else f"Shared by several `{name}=`"
        rows = [
            [f"`{prefix}.{key}`", f"`{value}`" if value != "???" else "has to be given", about]
            for key, value, about in _yaml_options(path, name)
        ]
        yield f"### {title}"
        yield first_comment(path)
        if rows:
            yield _table(["option", "default", "what it is"], rows)


def _listed_options(group: str) -> Iterator[str]:
    """Yield the table of the options of a group's sections, each under the name of its file."""
    rows = [
        [f"`{group}.{path.stem}.{key}`", f"`{value}`", about]
        for path in sorted((CONF / group).glob("[!_]*.yaml"))
        if "@package" not in path.read_text(encoding="utf-8")
        for key, value, about in _yaml_options(path, path.stem)
    ]
    if rows:
        yield _table(["option", "default", "what it is"], rows)


def _yaml_options(path: Path, name: str) -> Iterator[tuple[str, str, str]]:
    """Yield key, value and comment of each option that a file of an open section sets."""
    lines = path.read_text(encoding="utf-8").splitlines()
    if f"{name}:" in lines:  # of a file that sets other sections too
        lines = [line[2:] for line in lines[lines.index(f"{name}:") + 1 :] if line.startswith("  ")]
    for line in lines:
        found = LINE.fullmatch(line)
        if found is not None and found["key"] not in NO_OPTIONS:
            yield found["key"], found["value"], found["about"] or ""


def _metrics() -> str:
    """Return the table of metrics; imported by name, as the parts of a run are, for they stand on a higher floor."""
    rows = []
    for name, metric in import_module("trainer.metrics.find").house_metrics().items():
        about = str(import_module(metric.compute.__module__).__doc__).splitlines()[0].rstrip(".")
        low, high = (f"{limit:g}".replace("inf", "∞") for limit in metric.limits)
        better = "larger" if metric.greater_is_better else "smaller"
        rows.append([f"`{name}`", f"{low} to {high}", better, ", ".join(metric.tasks), about])
    return _table(["metric", "values", "better", "tasks", "what it is"], rows)


def _exit_codes() -> str:
    kinds = sorted(FoldwiseError.__subclasses__(), key=lambda kind: kind.exit_code)
    meanings = [re.sub(r" \(exit \d+\)\.$", "", _first_line(kind)) for kind in kinds]
    rows = [["0", "Done"], *([str(kind.exit_code), said] for kind, said in zip(kinds, meanings, strict=True))]
    rows.append(["128 + n", "Ended by signal n after its state was saved: 130 for Ctrl-C, 143 for SIGTERM"])
    return _table(["code", "meaning"], rows)


def _table(heading: list[str], rows: Iterable[list[str]]) -> str:
    lines = [heading, ["---"] * len(heading), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


if __name__ == "__main__":
    sys.stdout.write(reference())
