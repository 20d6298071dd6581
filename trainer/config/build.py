"""From a section of the configuration to an object, checked before anything is built.

A section names its class with ``_target_``. The target must start with an allowed prefix, be one attribute of an
importable module, and itself be defined under an allowed prefix; its arguments are bound against the signature. A
required argument that is a dataclass is given by its fields, each as if it were an argument of its own.
"""

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, is_dataclass
from importlib import import_module
from typing import Any, get_type_hints

from trainer.config.bounds import LARGEST
from trainer.config.keys import choices
from trainer.config.near_keys import ELSEWHERE
from trainer.config.problems import data_place
from trainer.config.value_types import describe, fits, is_storable
from trainer.errors import ConfigError, FoldwiseError, did_you_mean, few_words_of, shown
from trainer.wording.translations import _

Section = Mapping[str, Any]


@dataclass(frozen=True)
class Part:
    """A kind of section.

    Attributes:
        prefixes: where its classes may live.
        offered: arguments the framework adds by name where the signature has them.
    """

    prefixes: tuple[str, ...]
    offered: tuple[str, ...] = ()


PARTS = {
    "data": Part(("trainer.data.",), ("cache_dir",)),
    "data.preprocess": Part(("trainer.data.",), ("cache_dir", "weights_moments")),
    "model": Part(
        ("trainer.models.",),
        (
            "n_outputs",
            "n_features",
            "cardinalities",
            "vocab_size",
            "pad_id",
            "max_length",
            "class_token",
            "in_channels",
            "image_size",
            "n_classes",
            "task",
        ),
    ),
    "loss": Part(("trainer.losses.",), ("task", "n_classes", "class_counts", "n_rows")),
    "optimizer": Part(("torch.optim.",), ("params",)),
    "scheduler": Part(("torch.optim.lr_scheduler.",), ("optimizer",)),
    "splitter": Part(("sklearn.model_selection.",), ("n_splits", "shuffle", "random_state")),
    "tracker": Part(("trainer.trackers.",), ("directory", "print_line")),
    "tricks": Part(("trainer.tricks.",)),
}
STEP_COUNTS = (
    "total_steps",
    "steps_per_epoch",
)  # words a scheduler's arguments may use for this fold's numbers


def check_section(name: str, section: object, plugins: Sequence[str] = ()) -> list[str]:
    """Return every problem of one open section: target, unknown, missing and wrongly typed arguments."""
    if not isinstance(section, Mapping):
        return [f"{name}: refers to {shown(repr(section), 60)}, and must be a section"]
    if "_target_" not in section:
        group = name.replace(".", "/")
        offered = f"; choose {group}={' | '.join(choices(group))}" if choices(group) else ""
        return [f"{name}._target_ is missing: it names the class to build{offered}"]
    try:
        target = resolve_target(name, section["_target_"], plugins)
    except ConfigError as error:
        return [str(error)]
    return _argument_problems(name, arguments(section), target)


def resolve_target(name: str, path: object, plugins: Sequence[str] = ()) -> Callable[..., Any]:
    """Import the class or function that a section names.

    Args:
        name: of the section, for messages.
        path: dotted ``module.attribute``.
        plugins: packages of the user's that are allowed too.

    Raises:
        ConfigError: not allowed, not there, or not a class or function.
    """
    prefixes = (*PARTS[name].prefixes, *(f"{plugin}." for plugin in plugins))
    if not isinstance(path, str) or not path.startswith(prefixes):
        raise ConfigError(
            f"{name}._target_: '{path}' is not allowed: it must start with {' or '.join(prefixes)} "
            "(own code: plugins=[my_package])"
        )
    module_name, _, attribute = path.rpartition(".")
    try:
        module = import_module(module_name)
    except Exception as error:  # a module of the user's may raise anything
        raise ConfigError(f"{name}._target_: cannot import {module_name}: {few_words_of(error)}") from error
    target = vars(module).get(attribute)
    if target is None:
        public = [key for key, value in vars(module).items() if inspect.isclass(value) or inspect.isfunction(value)]
        raise ConfigError(f"{name}._target_: {module_name} has no '{attribute}'{did_you_mean(attribute, public)}")
    defined_in = f"{getattr(target, '__module__', '')}.".replace("__mp_main__.", "__main__.")  # of a started process
    if not (inspect.isclass(target) or inspect.isfunction(target)) or not defined_in.startswith(prefixes):
        raise ConfigError(f"{name}._target_: '{path}' is not a class or function defined under {' or '.join(prefixes)}")
    return target


def construct(name: str, section: Section, plugins: Sequence[str] = (), **offered: Any) -> Any:
    """Build a section's object.

    Args:
        name: of the section.
        section: ``_target_`` and arguments.
        plugins: packages of the user's.
        **offered: arguments added where the signature has them and the section does not.

    Raises:
        ConfigError: the constructor refused its arguments.
    """
    target = resolve_target(name, section["_target_"], plugins)
    given = arguments(section)
    parameters = inspect.signature(target).parameters
    lacking = [key for key in PARTS[name].offered if _required(parameters.get(key)) and key not in {**given, **offered}]
    if lacking:
        raise ConfigError(
            f"{name}: {section['_target_']} wants {', '.join(lacking)}, which this data does not have "
            f"(it offers {', '.join(offered)})\n"
            "for tables use model=mlp, for texts model=text_cnn, for images model=image_cnn"
        )
    added = {key: value for key, value in offered.items() if key in parameters and key not in given}
    try:
        return target(**_with_records(given, target, PARTS[name].offered), **added)
    except FoldwiseError:
        raise
    except Exception as error:  # a class of the user's may raise anything
        kind = "" if isinstance(error, (TypeError, ValueError, RuntimeError)) else f"{type(error).__name__}: "
        reason = f"{kind}{few_words_of(error)}"
        raise ConfigError(f"{name}: {section['_target_']} refused its arguments: {reason}") from error


def takes(target: Callable[..., Any], offered: Sequence[str] = ()) -> dict[str, tuple[inspect.Parameter, Any]]:
    """Return what a section may give to its class or function: parameter and type (or None) by name.

    Args:
        target: the class or function.
        offered: arguments that the framework gives whole.
    """
    hints, records = _hints(target), _records(target, offered)
    taken: dict[str, tuple[inspect.Parameter, Any]] = {}
    for name, parameter in inspect.signature(target).parameters.items():
        taken |= takes(records[name]) if name in records else {name: (parameter, hints.get(name))}
    return taken


def _records(target: Callable[..., Any], offered: Sequence[str]) -> dict[str, Callable[..., Any]]:
    """Return the required arguments that are dataclasses and not offered."""
    hints, parameters = _hints(target), inspect.signature(target).parameters
    return {
        name: hint
        for name, hint in hints.items()
        if inspect.isclass(hint) and is_dataclass(hint) and _required(parameters.get(name)) and name not in offered
    }


def _with_records(given: Section, target: Callable[..., Any], offered: Sequence[str]) -> dict[str, Any]:
    """Return the arguments with the fields of each dataclass that ``target`` takes put together."""
    records = _records(target, offered)
    fields = {name: {key: given[key] for key in takes(record) if key in given} for name, record in records.items()}
    used = {key for values in fields.values() for key in values}
    built = {name: records[name](**values) for name, values in fields.items()}
    return {**{key: value for key, value in given.items() if key not in used}, **built}


PATHS = ("data.path", "data.images", "model.pretrained")
KIND_OF_DATA = {  # options of a kind of data, which another has not
    **dict.fromkeys(("data.text", "data.pair"), "data=csv_text, which learns from texts"),
    **dict.fromkeys(("data.images", "data.file", "data.suffix"), "data=image_csv"),
    "data.folders": "data=image_folder",
    **dict.fromkeys(("data.numeric", "data.categorical", "data.missing"), "data=csv_tabular"),
}


def _required(parameter: inspect.Parameter | None) -> bool:
    return parameter is not None and parameter.default is parameter.empty


def arguments(section: Section) -> dict[str, Any]:
    """Return the section without its ``_target_`` and without nested sections of their own."""
    return {key: value for key, value in section.items() if key not in ("_target_", "preprocess")}


def with_step_counts(section: Section, counts: Mapping[str, int]) -> dict[str, Any]:
    """Replace the words ``total_steps`` and ``steps_per_epoch`` among a section's values by this fold's numbers."""
    return {key: counts.get(value, value) if isinstance(value, str) else value for key, value in section.items()}


def _argument_problems(name: str, given: Section, target: Callable[..., Any]) -> list[str]:
    taken = takes(target, PARTS[name].offered)
    takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter, _ in taken.values())
    problems = []
    if name == "data" and "path" in given and "path" not in taken and (place := data_place(str(given["path"]))):
        return [f"data.path={given['path']}: {place}"]
    for key, value in given.items():
        hint = taken[key][1] if key in taken else None
        if key not in taken and not takes_any:
            known = [p for p in taken if p not in PARTS[name].offered]
            said = _("{key}: {target} takes no such argument{hint}")
            elsewhere = ELSEWHERE.get(key, "").removeprefix(f"{name}.")
            hint = did_you_mean(elsewhere if elsewhere in known else key, known, _)
            if f"{name}.{key}" in KIND_OF_DATA:
                hint = f": it goes with {KIND_OF_DATA[f'{name}.{key}']}"
            problems.append(said.format(key=f"{name}.{key}", target=_short(target), hint=hint))
        elif value == "???":
            problems.append(_required_problem(f"{name}.{key}"))
        elif hint is not None and not _step_word(name, value) and not fits(value, hint):
            problems.append(f"{name}.{key}: {value!r} is not {describe(hint)}{_as_typed(f'{name}.{key}', value, hint)}")
        elif not is_storable(value):
            problems.append(f"{name}.{key}: {value!r} is too large a number: at most {LARGEST}")
    return problems + _missing(name, given, [parameter for parameter, _ in taken.values()])


def _as_typed(key: str, value: object, hint: Any) -> str:
    """Return how a number is typed where a text is wanted, and a single value where a list of such is."""
    if isinstance(value, (bool, int, float)) and fits(str(value), hint):
        return f": type {key}=./{value}" if key in PATHS else f": type \"{key}='{value}'\""
    return f": {key}=[{value}]" if not isinstance(value, (list, Mapping)) and fits([value], hint) else ""


def _missing(name: str, given: Section, parameters: Iterable[inspect.Parameter]) -> list[str]:
    return [
        _required_problem(f"{name}.{p.name}")
        for p in parameters
        if p.default is p.empty
        and p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
        and p.name not in given
        and p.name not in PARTS[name].offered
    ]


def _required_problem(key: str) -> str:
    return _("{key} is required: give {key}=...").format(key=key)


def _step_word(name: str, value: object) -> bool:
    return name == "scheduler" and value in STEP_COUNTS


def _hints(target: Callable[..., Any]) -> dict[str, Any]:
    function = target.__init__ if inspect.isclass(target) else target
    try:
        return get_type_hints(function)
    except NameError:  # a name that exists for type checkers only
        return {}


def _short(target: Callable[..., Any]) -> str:
    return f"{target.__module__}.{target.__qualname__}"
