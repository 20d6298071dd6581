"""Which version this is: of the checkout that the code is in, or of the package that was installed."""

import tomllib
from pathlib import Path

NAME = "foldwise"
PYPROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"  # site-packages, where it is installed, has none


def _read() -> str:
    if PYPROJECT.is_file():  # quicker than the other, and what was installed may be another checkout
        project = tomllib.loads(PYPROJECT.read_text(encoding="utf-8")).get("project", {})
        if project.get("name") == NAME:
            return str(project["version"])
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(NAME)
    except PackageNotFoundError:  # the folder was copied to where it is imported from
        return "unknown"


__version__ = _read()
