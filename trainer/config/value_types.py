"""Whether a value of YAML can stand where a type is expected, and what such a value is called."""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import is_dataclass
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from trainer.config.bounds import LARGEST


def fits(value: object, hint: Any) -> bool:
    """Return whether a YAML value can stand where ``hint`` is expected; hints not understood fit everything."""
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        return any(fits(value, option) for option in get_args(hint))
    if origin is Literal:
        return value in get_args(hint)
    if hint in (Any, object):
        return True
    if hint is NoneType:
        return value is None
    if hint is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool) and value == value  # no NaN
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if hint in (bool, str):
        return isinstance(value, hint)
    if origin in (list, tuple, Sequence):
        items = [item for item in get_args(hint) if item is not Ellipsis]
        if origin is tuple and len(items) == len(get_args(hint)):
            return isinstance(value, (list, tuple)) and len(value) == len(items) and all(map(fits, value, items))
        whole = isinstance(value, (list, tuple))
        return whole and (len(set(items)) != 1 or all(fits(item, items[0]) for item in value))  # type: ignore[attr-defined]
    if origin in (dict, Mapping):
        return isinstance(value, Mapping)
    if inspect.isclass(hint) and isinstance(value, Mapping):
        return issubclass(hint, Mapping) or is_dataclass(hint)
    return inspect.isclass(hint) is False or not isinstance(value, (str, int, float, bool, list, NoneType))


def describe(hint: Any) -> str:
    """Return what a value of a type is called: ``a whole number or null``."""
    words = {float: "a number", int: "a whole number", bool: "true or false", str: "text", NoneType: "null"}
    if get_origin(hint) in (Union, UnionType):
        described = dict.fromkeys(
            describe(option) for option in get_args(hint) if option in words or get_origin(option)
        )
        return " or ".join(described)
    if get_origin(hint) is Literal:
        return "one of " + ", ".join(map(str, get_args(hint)))
    if get_origin(hint) in (list, tuple, Sequence):
        return _describe_list(hint)
    if get_origin(hint) is dict:
        return "a mapping {...}"
    return words.get(hint, getattr(hint, "__name__", str(hint)))


def _describe_list(hint: Any) -> str:
    items = get_args(hint)
    if get_origin(hint) is tuple and items and Ellipsis not in items:
        return f"a list of {len(items)}: [{', '.join(map(describe, items))}]"
    return "a list [...]"


def is_storable(value: object) -> bool:
    """Return whether every whole number in a value is one that torch and NumPy can hold."""
    if isinstance(value, Mapping):
        return all(map(is_storable, value.values()))
    if isinstance(value, (list, tuple)):
        return all(map(is_storable, value))
    return not isinstance(value, int) or abs(value) <= LARGEST
