"""What a class or function of a notebook computes, by its code: there is no file of it to be compared."""

import hashlib
import sys
from collections.abc import Iterator
from inspect import isclass, isfunction
from types import CodeType, FunctionType
from typing import Any

PLAIN = (bool, int, float, str, bytes, tuple, type(None))


def code_sha256(target: Any) -> str:
    """Return the sha256 (cut) of the code of a class or function and of all that it uses of its module.

    Comments and blank lines do not count, names, numbers and default values do.
    """
    digest, known, rest = hashlib.sha256(), set[int](), [target]
    while rest:
        item = rest.pop(0)
        if id(item) not in known:
            known.add(id(item))
            names = dict.fromkeys(name for part in _parts(item, digest) for name in part)
            rest += _used(item, names, digest)
    return digest.hexdigest()[:12]


def _parts(item: Any, digest: Any) -> Iterator[tuple[str, ...]]:
    """Add a class or function to the digest; yield the names that its code looks up."""
    for function in _functions(item):
        digest.update(f"{function.__qualname__} {_plain(function.__defaults__)} {function.__kwdefaults__}".encode())
        for code in _codes(function.__code__):
            digest.update(code.co_code)
            digest.update(_plain((code.co_names, code.co_varnames, code.co_consts)).encode())
            yield code.co_names
    if isclass(item):
        digest.update(" ".join(base.__qualname__ for base in item.__mro__).encode())
        plain = {key: value for key, value in vars(item).items() if isinstance(value, PLAIN) and key[:2] != "__"}
        digest.update(_plain(tuple(plain.items())).encode())
        yield tuple(base.__name__ for base in item.__bases__)


def _functions(item: Any) -> list[FunctionType]:
    if isfunction(item):
        return [item]
    found = []
    for value in vars(item).values():
        unwrapped = getattr(value, "__func__", getattr(value, "fget", value))
        found += [unwrapped] if isfunction(unwrapped) else []
    return found


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _used(item: Any, names: dict[str, None], digest: Any) -> list[Any]:
    """Return the classes and functions of the same module that are used; plain values go into the digest."""
    module, found = vars(sys.modules[item.__module__]), []
    for name in names:
        value = module.get(name)
        if (isclass(value) or isfunction(value)) and value.__module__ == item.__module__:
            found.append(value)
        elif name in module and isinstance(value, PLAIN):
            digest.update(f"{name} = {_plain(value)}".encode())
    return found


def _plain(value: Any) -> str:
    """Return a constant as text that is the same in every process: sets have no order, code has an address."""
    if isinstance(value, CodeType):
        return "code"
    if isinstance(value, tuple):
        return f"({', '.join(map(_plain, value))})"
    if isinstance(value, frozenset):
        return f"{{{', '.join(sorted(map(_plain, value)))}}}"
    return repr(value)
