"""Figures of how trainer/ is built, here or in other checkouts: ``python -m benchmarks.structure [CHECKOUT ...]``."""

import ast
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path

PACKAGE = "trainer"
Graph = Mapping[str, set[str]]


class House:
    """The modules of a checkout, read and never imported.

    Args:
        root: of the checkout.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        paths = sorted((root / PACKAGE).rglob("*.py"))
        self.sources = {path.relative_to(root).as_posix(): path.read_text(encoding="utf-8") for path in paths}
        self.trees = {path: ast.parse(source) for path, source in self.sources.items()}
        self.modules = [path for path in self.sources if not path.endswith("__init__.py")]

    @cached_property
    def imports(self) -> Graph:
        """Module to the modules it imports, also inside functions and for types."""
        known = {dotted(path): path for path in self.sources}
        return {
            path: {known[name] for name in imported(tree) if name in known} - {path}
            for path, tree in self.trees.items()
        }

    @cached_property
    def rooms(self) -> Graph:
        """What stands directly in trainer/ (package or module) to what it imports of the others."""
        rooms: dict[str, set[str]] = defaultdict(set)
        for path, others in self.imports.items():
            rooms[room(path)] |= {room(other) for other in others} - {room(path)}
        rooms.pop("__init__", None)
        return {name: others - {"__init__"} for name, others in rooms.items()}

    @cached_property
    def floors(self) -> list[list[str]]:
        """The layers of the import contract, top first."""
        settings = tomllib.loads((self.root / "pyproject.toml").read_text(encoding="utf-8"))
        contracts = settings["tool"]["importlinter"]["contracts"]
        layers: list[str] = next((contract["layers"] for contract in contracts if contract["type"] == "layers"), [])
        return [[name.strip(" ()").split(".")[-1] for name in layer.replace(":", "|").split("|")] for layer in layers]

    def upward(self) -> list[str]:
        """Imports between rooms that the floors forbid, or from a room that stands on none."""
        floor = {name: number for number, names in enumerate(self.floors) for name in names}
        arrows = ((one, other) for one, others in self.rooms.items() for other in others)
        found = [(one, other) for one, other in arrows if floor.get(one, -1) > floor.get(other, len(floor))]
        return [f"{one} -> {other}" for one, other in sorted(found)]


def dotted(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def room(path: str) -> str:
    return path.split("/")[1].removesuffix(".py")


def imported(tree: ast.Module) -> Iterator[str]:
    """Yield every name that may be a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def reach(graph: Graph, start: str) -> set[str]:
    """Return what can be reached from ``start`` in one step or more."""
    found: set[str] = set()
    waiting = [*graph[start]]
    while waiting:
        if (node := waiting.pop()) not in found:
            found.add(node)
            waiting += graph.get(node, ())
    return found


def circles(graph: Graph) -> list[list[str]]:
    """Return groups of nodes that all import each other, directly or not."""
    reached = {node: reach(graph, node) for node in graph}
    groups = {tuple(sorted(b for b in reached[a] if a in reached.get(b, ()))) for a in graph if a in reached[a]}
    return sorted(map(list, groups))


def functions(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Yield names with their lines, the docstring not counted."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0]
            text = first if ast.get_docstring(node) else None
            lines = (node.end_lineno or 0) - node.lineno + 1
            yield f"{node.lineno} {node.name}", lines - ((text.end_lineno or 0) - text.lineno + 1 if text else 0)


def repeated(paths: Iterable[str]) -> dict[str, list[str]]:
    """Return the names that several modules have."""
    named: dict[str, list[str]] = defaultdict(list)
    for path in paths:
        named[Path(path).stem].append(path)
    return {name: found for name, found in named.items() if len(found) > 1}


def untested(house: House) -> list[str]:
    """Return the modules with neither a test file of their path nor a line in the table."""
    table = house.root / "tests" / "covered_elsewhere.toml"
    lines = tomllib.loads(table.read_text(encoding="utf-8")) if table.exists() else {"modules": {}, "folders": {}}
    inner = [Path(path).relative_to(PACKAGE) for path in house.modules]
    alone = [path for path in inner if not (house.root / "tests" / path.parent / f"test_{path.name}").exists()]
    covered = lines["modules"].keys() | lines["folders"].keys()
    return [path.as_posix() for path in alone if not {path.as_posix(), path.parent.as_posix()} & covered]


def figures(root: Path) -> dict[str, str]:
    """Return each figure by its name."""
    house = House(root)
    lines = {path: len(house.sources[path].splitlines()) for path in house.modules}
    lengths = {f"{path}:{name}": n for path in house.modules for name, n in functions(house.trees[path])}
    long_module, long_function = (max(counts, key=counts.__getitem__) for counts in (lines, lengths))
    loose = [path for path in house.modules if path.count("/") == 1 and not path.endswith("__main__.py")]
    same = repeated(house.modules)
    config = [path for path in house.modules if f"{PACKAGE}.config.schema.RunConfig" in imported(house.trees[path])]
    return {
        "modules, lines": f"{len(lines)}, {sum(lines.values())}",
        "floors of the contract": str(len(house.floors)),
        "arrows that go up": listed(house.upward()),
        "circles of packages": listed([" ".join(group) for group in circles(house.rooms)]),
        "circles of modules": listed([" ".join(group) for group in circles(house.imports)]),
        "modules in no package": listed([Path(path).stem for path in loose]),
        "modules that import RunConfig": listed([path.removeprefix(f"{PACKAGE}/") for path in config]),
        "module names that repeat": listed(sorted(same)),
        "neither own tests nor a line": listed(untested(house)),
        "longest module": f"{lines[long_module]} {long_module}",
        "modules over 300 lines": str(sum(n > 300 for n in lines.values())),
        "longest function": f"{lengths[long_function]} {long_function}",
        "functions over 50 lines": str(sum(n > 50 for n in lengths.values())),
    }


def listed(names: list[str], most: int = 12) -> str:
    shown = ", ".join(names[:most]) + (", ..." if len(names) > most else "")
    return f"{len(names)} ({shown})" if names else "0"


def main(arguments: list[str]) -> None:
    for root in map(Path, arguments or [str(Path(__file__).resolve().parent.parent)]):
        print(f"{root.resolve()}")
        for name, value in figures(root).items():
            print(f"  {name:30} {value}")


if __name__ == "__main__":
    main(sys.argv[1:])
