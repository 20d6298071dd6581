"""Settings by dotted name, and values as they would be typed."""

import json
from collections.abc import Mapping
from typing import Any


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
