"""Hydra's main composes a command line twice; here once, unless it sets an option of Hydra."""

from collections.abc import Sequence
from typing import Any

from hydra._internal.hydra import Hydra

ask = Hydra.get_mode


def mode(hydra: Hydra, config_name: str | None, overrides: Sequence[str]) -> Any:
    """Stand for ``Hydra.get_mode``: it composes for ``hydra.mode`` alone, which is None where nobody sets it."""
    return ask(hydra, config_name, overrides) if any("hydra" in item for item in overrides) else None
