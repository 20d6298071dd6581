"""Settings by dotted name, values as they would be typed, and the files to choose from."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).resolve().parents[1]
# conf/ stands beside trainer/ in the repository, and is packed into trainer/ in an installed copy (setup.py)
CONF = next((path for path in (PACKAGE / "conf", PACKAGE.parent / "conf") if path.is_dir()), PACKAGE.parent / "conf")


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested mappings as one mapping with dotted keys."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def values_text(values: Mapping[str, Any]) -> str:
    """Return a candidate's values as they would be typed: ``optimizer.lr=0.01 model.hidden=[64,32]``."""
    return " ".join(f"{key}={typed(value)}" for key, value in values.items())


def typed(value: Any) -> str:
    """Return a value as it would be typed on the command line."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def choices(group: str) -> list[str]:
    """Return the files of a configuration group, as ``group=NAME`` names them; none where there is no such group."""
    return sorted(path.stem for path in (CONF / group).glob("[!_]*.yaml"))
