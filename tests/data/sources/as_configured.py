"""Call a loader as a run does: its options flat, as they stand in the section ``data``."""

from collections.abc import Callable
from typing import Any

from trainer.config.build import construct
from trainer.data.samples import DataSpec, Samples


def as_configured(loader: Callable[..., Any]) -> Callable[..., tuple[Samples, DataSpec]]:
    """Return the loader, called with its path and the options of ``data``."""
    target = f"{loader.__module__}.{loader.__name__}"
    return lambda path, **options: construct("data", {"_target_": target, "path": path, **options})
