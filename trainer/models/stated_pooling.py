"""The pooling a model was trained with, as the files of sentence-transformers say it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer.errors import ConfigError, first_line_of
from trainer.system.model_files import MODULES, model_directory

WORDS = {"cls": "cls", "cls_token": "cls", "mean": "mean", "mean_tokens": "mean"}  # theirs -> ours
PREFIX = "pooling_mode_"
UNUSED = ("Dense", "LSTM", "CNN", "LayerNorm", "WeightedLayerPooling")  # modules that change the vector


@dataclass(frozen=True)
class StatedPooling:
    """What ``modules.json`` and the pooling's ``config.json`` say.

    Attributes:
        path: of the pooling's file.
        modes: theirs, such as ``mean_tokens``; several are laid end to end.
        left_away: modules behind the pooling that are not built.
    """

    path: Path
    modes: tuple[str, ...]
    left_away: tuple[str, ...] = ()

    @property
    def pooling(self) -> str | None:
        """``cls`` or ``mean``; None where it is something else."""
        return WORDS.get(self.modes[0]) if len(self.modes) == 1 else None


def pooling_files(directory: Path) -> list[Path]:
    """Return the files that say how the vectors of a model in ``directory`` are pooled."""
    root = _root(directory)
    files = [root / MODULES, *(root / name / "config.json" for name, kind in _modules(root) if kind == "Pooling")]
    return [path for path in files if path.is_file()]


def stated_pooling(option: str, directory: Path) -> StatedPooling | None:
    """Return what is said of the pooling, or None where nothing is.

    Args:
        option: what names the model, for messages.
        directory: of the transformer itself.

    Raises:
        ConfigError: a file that says it cannot be read.
    """
    root = _root(directory)
    modules = _modules(root)
    path = next((root / name / "config.json" for name, kind in modules if kind == "Pooling"), None)
    if path is None or not path.is_file():
        return None
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        modes = _modes(values)
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise ConfigError(f"{option}: {path} is not readable as JSON: {first_line_of(error)}") from error
    return StatedPooling(path, modes, tuple(name for name, kind in modules if kind in UNUSED))


def choose_pooling(option: str, pooling: str, stated: StatedPooling | None, class_token: str) -> tuple[str, str]:
    """Return the pooling in force, and what to say about it.

    Args:
        option: what names the model, for messages.
        pooling: as configured; auto = as stated, else the class token, else the mean.
        stated: by the model's files.
        class_token: where it stands: first | last | none.

    Raises:
        ConfigError: auto, and what is stated is not built; or there is no class token to take.
    """
    if pooling == "cls" and class_token == "none":
        raise ConfigError(
            f"{option}: its tokenizer puts no class token around a text, so model.pooling=cls has none to take\n"
            "use model.pooling=mean or model.pooling=attention"
        )
    left_away = f"; not used: {', '.join(stated.left_away)}" if stated is not None and stated.left_away else ""
    if pooling != "auto":
        differs = stated is not None and stated.pooling != pooling
        said = f"trained with {' + '.join(stated.modes)} ({_short(stated)})" if stated is not None else ""
        return pooling, f"pooling {pooling}, {said}{left_away}" if differs else left_away.removeprefix("; ")
    if stated is None:
        chosen = "mean" if class_token == "none" else "cls"
        return chosen, f"pooling {chosen}: there is no class token to take" if chosen == "mean" else ""
    if stated.pooling is None or (stated.pooling == "cls" and class_token == "none"):
        raise ConfigError(
            f"{option}: {_short(stated)} says pooling {' + '.join(stated.modes) or '(none)'}, which is not built here\n"
            "choose: model.pooling=mean, cls or attention"
        )
    return stated.pooling, f"pooling {stated.pooling}, as {_short(stated)} says{left_away}"


def _root(directory: Path) -> Path:
    """Return where ``modules.json`` lies: beside the transformer, or above a folder of its own."""
    above = directory.parent
    return above if (above / MODULES).is_file() and model_directory(above) == directory else directory


def _modules(root: Path) -> list[tuple[str, str]]:
    """Return folder and kind of each module."""
    try:
        listed = json.loads((root / MODULES).read_text(encoding="utf-8"))
        found = [(str(module["path"]), str(module["type"]).rpartition(".")[2]) for module in listed]
    except (OSError, ValueError, TypeError, KeyError):
        found = [("1_Pooling", "Pooling")]
    return [(name, kind) for name, kind in found if (root / name).resolve().is_relative_to(root.resolve())]


def _modes(values: dict[str, Any]) -> tuple[str, ...]:
    said = values.get("pooling_mode")
    if said is not None:
        return (said,) if isinstance(said, str) else tuple(map(str, said))
    return tuple(key.removeprefix(PREFIX) for key, value in values.items() if key.startswith(PREFIX) and value is True)


def _short(stated: StatedPooling) -> str:
    return f"{stated.path.parent.name}/{stated.path.name}"
