"""The plan of a pretrained transformer, without its weights: kept in a run, which is whole without the files it names.

What is kept are plain values. They are read back as the files they were, by the same checks: nothing is executed.
"""

import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from trainer.models.pretrained import find_pretrained
from trainer.models.stated_pooling import stated_pooling
from trainer.system.model_files import CONFIGS


def blueprint_of(pretrained: str, *, allow_network: bool = False) -> dict[str, Any]:
    """Return the configuration of a transformer that is at hand, and the pooling its files state.

    Args:
        pretrained: as ``find_pretrained`` takes it.
        allow_network: likewise.

    Raises:
        ConfigError: not at hand.
    """
    found = find_pretrained(pretrained, allow_network=allow_network)
    stated = stated_pooling(f"model.pretrained={pretrained}", found.directory)
    return {"config": found.config.values, "pooling": None if stated is None else list(stated.modes)}


@contextmanager
def as_config_file(blueprint: Mapping[str, Any]) -> Iterator[str]:
    """Write a blueprint into a folder that is gone after the block; yield the path of its ``config.json``.

    As ``model.pretrained`` that builds the same transformer, with weights of its own.
    """
    with tempfile.TemporaryDirectory(prefix="foldwise-") as folder:
        path = Path(folder, CONFIGS[0])
        path.write_text(json.dumps(blueprint["config"]), encoding="utf-8")
        if blueprint["pooling"] is not None:
            pooling = Path(folder, "1_Pooling", "config.json")
            pooling.parent.mkdir()
            pooling.write_text(json.dumps({"pooling_mode": blueprint["pooling"]}), encoding="utf-8")
        yield str(path)
