"""Keyword arguments as the overrides that would be typed: ``cv={"n_splits": 5}`` is ``cv.n_splits=5``."""

import inspect
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from numbers import Number
from pathlib import PurePath
from typing import Any

from trainer.config.keys import CONF
from trainer.errors import ConfigError

GROUPS = tuple(path.name for path in sorted(CONF.iterdir()) if path.is_dir() and path.name != "data")
PREPROCESS = "preprocess"  # the keyword; its group is data/preprocess, its section data.preprocess
PLAIN = re.compile(r"[A-Za-z_][\w./-]*", re.ASCII)
WORDS = ("true", "false", "null", "inf", "nan")  # that Hydra would not read as text
NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)


def as_overrides(options: Mapping[str, Any]) -> list[str]:
    """Return the overrides of keyword arguments; None leaves what ``conf/`` says.

    Args:
        options: a group by its choice, a class or function of your own, a splitter or a scikit-learn pipeline;
            settings as a mapping; both as ``(choice, {setting: value})``. Any other key by its dotted name.

    Raises:
        ConfigError: a value is nothing a configuration can hold.
    """
    plugins: list[str] = [*(options.get("plugins") or ())]
    found: list[str] = []
    for key, value in options.items():
        if key != "plugins" and value is not None:
            found += _overrides_of(key, value, plugins)
    return [*([f"plugins={value_text('plugins', list(dict.fromkeys(plugins)))}"] if plugins else []), *found]


def _overrides_of(key: str, value: Any, plugins: list[str]) -> list[str]:
    section = f"data.{PREPROCESS}" if key == PREPROCESS else key
    choice: Any
    settings: Mapping[str, Any]
    choice, settings = value if _is_pair(value) else (None, value) if isinstance(value, Mapping) else (value, {})
    if key == "metrics" and isinstance(choice, list | tuple):
        choice, settings = None, {"names": list(choice)}
    found = [] if choice is None else _choice(key, section, choice, plugins)
    return [*found, *_settings(section, settings)]


def _is_pair(value: Any) -> bool:
    return isinstance(value, tuple) and len(value) == 2 and isinstance(value[1], Mapping)


def _choice(key: str, section: str, choice: Any, plugins: list[str]) -> list[str]:
    """Return what picks a file of ``conf/``, names a class, or sets a plain value."""
    if key in (*GROUPS, PREPROCESS):
        if key == PREPROCESS and inspect.isclass(choice) and hasattr(choice, "get_params"):
            raise ConfigError(f"{key}: give an object, {choice.__name__}(), not its class: each fold fits a copy")
        if key == "cv" and not isinstance(choice, str) and isinstance(choice, int | Sequence):
            raise ConfigError(_no_folds(choice))
        if isinstance(choice, str):
            return [f"{'data/preprocess' if key == PREPROCESS else key}={choice}"]
        if key == "cv" and callable(getattr(choice, "split", None)) and not inspect.isclass(choice):
            return splitter_overrides(choice, plugins)
        if key == PREPROCESS and callable(getattr(choice, "fit", None)) and not inspect.isclass(choice):
            from trainer.data.preprocess.estimator import saved_text

            return _settings(
                section, {"_target_": "trainer.data.preprocess.estimator.Estimator", "saved": saved_text(choice)}
            )
        if not isinstance(choice, list | tuple):
            target, arguments = named_class(key, choice, plugins)
            return _settings(section, {"_target_": target, **arguments})
    return [f"{section}={value_text(section, choice)}"]


def _no_folds(choice: Any) -> str:
    if isinstance(choice, int):
        return f"cv: to set the number of folds give cv={{'n_splits': {choice}}}"
    return (
        "cv: folds drawn elsewhere are given by row: cv='predefined' and a column with the fold of each row, "
        "table(frame, split='fold') or arrays(X, y, split=fold); or give the splitter itself"
    )


def named_class(key: str, value: Any, plugins: list[str]) -> tuple[str, dict[str, Any]]:
    """Return the dotted name of a class or function and its arguments; its module is added to ``plugins``.

    A skorch net counts by its module and that one's arguments.

    Raises:
        ConfigError: it is an object, or cannot be imported by a name.
    """
    arguments: dict[str, Any] = {}
    if inspect.isclass(getattr(value, "module", None)) and callable(getattr(value, "get_params_for", None)):
        value, arguments = value.module, dict(value.get_params_for("module"))
    if not (inspect.isclass(value) or inspect.isfunction(value)):
        raise ConfigError(_no_class(key, value))
    module, name = value.__module__, value.__qualname__
    if value.__name__ == "<lambda>":
        raise ConfigError(
            f"{key}: a lambda has no name to find it by when the run is resumed: write a function or class"
        )
    if "." in name:
        raise ConfigError(f"{key}: {name} is defined inside of something else: define it at the top of a module")
    if not hasattr(sys.modules.get(module), name):
        raise ConfigError(f"{key}: {name} is in no module it could be imported from: define it in a file or a notebook")
    if getattr(sys.modules[module], name) is not value:
        raise ConfigError(f"{key}: {module}.{name} is another object by now: pass the one that its module has")
    plugins += [] if module.startswith(("trainer.", "torch.optim.")) else [plugin_of(module)]
    return f"{module}.{name}", arguments


def plugin_of(module: str) -> str:
    """Return the package whose files decide what a class does: all of it, of an installed library its module alone."""
    top = module.partition(".")[0]
    file = getattr(sys.modules.get(top), "__file__", None) or ""
    return module if "site-packages" in file or "dist-packages" in file else top


def _no_class(key: str, value: Any) -> str:
    kind = type(value).__name__
    if isinstance(value, partial):
        return f"{key}: a partial has no name to find it by: give {key}=({value.func.__name__}, {{'argument': value}})"
    if callable(value) and hasattr(value, "parameters"):
        return (
            f"{key}: this {kind} is one object, which all folds would share and train on one after the other: "
            f"give the class and its arguments, {key}=({kind}, {{'argument': value}})"
        )
    return f"{key}: {kind} is neither the name of a choice nor a class or function"


def splitter_overrides(splitter: Any, plugins: list[str]) -> list[str]:
    """Return the overrides of a splitter of scikit-learn's form: its class, and what it was made with.

    Raises:
        ConfigError: it was made with something that is no plain value, or draws other folds each time.
    """
    kind = type(splitter)
    if kind.__module__.startswith("sklearn.model_selection"):
        strategy = f"sklearn.model_selection.{kind.__name__}"
    else:
        strategy = named_class("cv", kind, plugins)[0]
    made_with = {name: getattr(splitter, name, None) for name in inspect.signature(kind).parameters}
    if made_with.get("shuffle") and not isinstance(made_with.get("random_state"), int):
        raise ConfigError(
            f"cv: {kind.__name__} draws other folds each time: give it random_state=42, or another number"
        )
    ours = {name: made_with.pop(name) for name in ("n_splits", "shuffle", "random_state") if name in made_with}
    keys: dict[str, Any] = {"strategy": strategy, **{name: value for name, value in ours.items() if value is not None}}
    arguments = {name: value for name, value in made_with.items() if value is not None}
    return _settings("cv", {**keys, **({"arguments": arguments} if arguments else {})})


def _settings(section: str, settings: Mapping[str, Any]) -> list[str]:
    """Return one override per setting, nested ones by their dotted names."""
    found = []
    for name, value in settings.items():
        key = f"{section}.{name}"
        if isinstance(value, Mapping) and value and all(NAME.fullmatch(str(inner)) for inner in value):
            found += _settings(key, value)
        else:
            found.append(f"{key}={value_text(key, value)}")
    return found


def value_text(key: str, value: Any) -> str:
    """Return a value as Hydra's grammar reads it.

    Raises:
        ConfigError: it is none that YAML has.
    """
    item: Callable[[], Any] | None = getattr(value, "item", None)
    if item is not None and not getattr(value, "shape", ()):
        value = item()
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, str | PurePath):
        return _text(str(value))
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{inner}:{value_text(key, given)}" for inner, given in value.items()) + "}"
    if isinstance(value, Sequence) or getattr(value, "ndim", 0) == 1:
        return "[" + ",".join(value_text(key, given) for given in value) + "]"
    raise ConfigError(
        f"{key}: a {type(value).__name__} is no value of a configuration: give numbers, text, lists or names"
    )


def _text(text: str) -> str:
    """Return text bare where it is a plain word, else in quotes that Hydra takes away again."""
    if PLAIN.fullmatch(text) and text.lower() not in WORDS:
        return text
    escaped = re.sub(r"(\\*)'", r"\1\1\\'", text)
    trailing = len(escaped) - len(escaped.rstrip("\\"))
    return f"'{escaped}{escaped[len(escaped) - trailing :]}'"
