"""A process that starts and ends sooner; nothing here changes what is computed."""

import atexit
import gc
import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from types import ModuleType
from typing import Any

COMPILER = "torch._dynamo"


@contextmanager
def unsearched_import(name: str) -> Iterator[None]:
    """Look for no garbage while ``name`` is imported: modules leave none, and the search takes a second.

    For a process that is somebody else's: what it holds is searched afterwards as before, if it was. What has been
    imported then counts as old, without the two searches that would find it so.
    """
    searched = gc.isenabled()
    if name in sys.modules or not searched:
        yield
        return
    gc.collect(1)  # young garbage would count as old too
    gc.disable()
    try:
        yield
    finally:
        if gc.get_freeze_count() == 0:  # else what somebody froze would be thawed
            gc.freeze()
            gc.unfreeze()
        gc.enable()


@contextmanager
def first_import(name: str) -> Iterator[None]:
    """Look for no garbage while ``name`` is imported, in a process that does nothing but train.

    What has been imported is not looked through again, neither while the run goes on nor when the process ends.
    """
    first = name not in sys.modules
    with unsearched_import(name):
        yield
        if first:
            gc.freeze()
            atexit.register(gc.freeze)  # the process ends: nothing is to be freed one by one


def import_compiler_when_needed() -> None:
    """Spare a run that compiles nothing the two seconds in which torch imports its compiler.

    torch's optimizers and dispatch modes ask the compiler to leave their functions alone, and import all of it for
    that. A stand-in answers; whatever else is asked of it imports the compiler.
    """
    import torch

    if COMPILER not in sys.modules:
        sys.modules[COMPILER] = torch._dynamo = _Compiler()


class _Compiler(ModuleType):
    """What ``torch._dynamo`` does where nothing is compiled."""

    def __init__(self) -> None:
        super().__init__(COMPILER)
        self.__spec__ = find_spec(COMPILER)
        self.__file__ = None if self.__spec__ is None else self.__spec__.origin

    def disable(
        self,
        fn: Callable[..., Any] | None = None,
        recursive: bool = True,
        *,
        reason: str | None = None,
        wrapping: bool = True,
    ) -> Callable[..., Any]:
        """Return ``fn``, or a decorator that does: there is nothing to keep away from it."""
        return (lambda function: function) if fn is None else fn

    def graph_break(self, msg: str = "") -> None:
        """Do nothing: there is no graph."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name != "__path__":
            raise AttributeError(name)
        if sys.modules.get(COMPILER) is self:
            del sys.modules[COMPILER]
        return getattr(importlib.import_module(COMPILER), name)
