"""The code that computes a run's numbers: its source files, and the versions of the libraries they use."""

import ast
import hashlib
import inspect
import platform
from collections.abc import Iterable, Iterator
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

from trainer.config.build import resolve_target
from trainer.config.schema import RunConfig

PACKAGES = ("foldwise", "torch", "numpy", "scikit-learn")
PARTS_PACKAGES = {  # import name -> package, for parts that compute with it
    "transformers": "transformers",
    "tokenizers": "tokenizers",
    "torchvision": "torchvision",
    "timm": "timm",
    "PIL": "pillow",
}
ROOT = Path(__file__).resolve().parents[2]
PARTS = ("trainer.data.", "trainer.models.", "trainer.losses.")
ENGINE = (
    "cv.py",
    "experiment.py",
    "frozen.py",
    "nested.py",
    "metrics.py",
    "config/grid.py",
    "engine/*.py",
    "data/batches.py",
    "data/prepared.py",
    "data/seeds.py",
    "data/streamed.py",
    "folds/inner.py",
    "losses/contract.py",
    "losses/class_weights.py",
)


def versions(config: RunConfig) -> dict[str, str]:
    """Return the versions of what computes the numbers: Python, torch and its kin, and what the named parts import."""
    parts = [path for files in _named_parts(config).values() for path in files]
    used = {PARTS_PACKAGES[name] for path in parts for name in _imports(path) if name in PARTS_PACKAGES}
    python = ".".join(platform.python_version_tuple()[:2])
    return {"python": python, **{name: version(name) for name in (*PACKAGES, *sorted(used))}}


def code(config: RunConfig) -> dict[str, str]:
    """Return the sha256 (cut) of the source files that compute: the engine, what the configuration names, plugins."""
    engine = sorted(path for pattern in ENGINE for path in (ROOT / "trainer").glob(pattern))
    found = {"code of the engine": files_sha256(path for path in engine if not path.name.startswith("preflight"))}
    found |= {f"code of {target}": files_sha256(files) for target, files in _named_parts(config).items()}
    for plugin in config.plugins:
        file = Path(inspect.getfile(import_module(plugin)))
        found[f"code of {plugin}"] = files_sha256(
            sorted(file.parent.rglob("*.py")) if file.stem == "__init__" else [file]
        )
    return found


def _named_parts(config: RunConfig) -> dict[str, list[Path]]:
    """Return the source files of our own parts by target; of the data source its file, for its rows are compared."""
    found = {}
    for name in ("data", "data.preprocess", "model", "loss"):
        section = config.data.get("preprocess", {}) if name == "data.preprocess" else getattr(config, name)
        target = resolve_target(name, section["_target_"], config.plugins)
        if target.__module__.startswith("trainer."):
            file = Path(inspect.getfile(target))
            found[section["_target_"]] = [file] if name == "data" else sorted(_with_imported(file))
    return found


def _with_imported(file: Path) -> set[Path]:
    """Return the file and those parts of ours that it imports, and they import."""
    found, rest = set[Path](), [file]
    while rest:
        path = rest.pop()
        if path not in found:
            found.add(path)
            ours = [name for name in _imports(path, whole=True) if name.startswith(PARTS)]
            rest += [source for name in ours if (source := ROOT / f"{name.replace('.', '/')}.py").is_file()]
    return found


def _imports(path: Path, *, whole: bool = False) -> Iterator[str]:
    """Yield what a file imports, wherever in it: the first word of each name, or the whole."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
        yield from names if whole else [name.partition(".")[0] for name in names]


def files_sha256(paths: Iterable[Path]) -> str:
    """Return the sha256 (cut) of the files' bytes, one after the other."""
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:12]
