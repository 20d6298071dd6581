"""A process that starts and ends sooner; nothing here changes what is computed."""

import atexit
import gc
import importlib
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from trainer.system.late_imports import BY_SKLEARN, imported_later, put_stand_in, trains_only

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
    trains_only.append(name)
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
    put_stand_in(COMPILER, {"disable": _disable, "graph_break": _graph_break})


def import_sklearn_without_unused() -> None:
    """Spare a process that does nothing but train a second of what scikit-learn imports and hardly ever calls.

    All of it imports pandas, for the ``None`` that it would be without. Somebody else's process is left alone: another
    thread may be importing pandas.
    """
    if not trains_only or "sklearn" in sys.modules:
        return
    with hidden("pandas"), imported_later(BY_SKLEARN):
        for part in ("utils.validation", "metrics", "model_selection", "preprocessing"):
            importlib.import_module(f"sklearn.{part}")


def import_flop_counter_without_triton() -> None:
    """Spare such a process what torch's counter imports to tell kernels of Triton, where the CPU trains."""
    import torch

    if not trains_only or torch.cuda.is_available():
        return
    counter = "torch.utils.flop_counter"
    log = logging.getLogger(counter)
    log.disabled, was = True, log.disabled  # it warns of what it lacks
    with hidden("triton"):
        importlib.import_module(counter)
    log.disabled = was


def import_thop_without_distutils() -> None:
    """Import thop, which knows torch's version by ``distutils``: that of setuptools takes longer than all of thop.

    Python has had none since 3.12, and setuptools need not be installed: torch compares its versions itself.
    """
    names = ("distutils", "distutils.version")
    if "thop" in sys.modules or names[0] in sys.modules or not (trains_only or find_spec(names[0]) is None):
        return
    from torch.torch_version import TorchVersion

    modules = [ModuleType(name) for name in names]
    modules[1].__dict__["LooseVersion"] = TorchVersion
    sys.modules.update(zip(names, modules, strict=True))
    try:
        importlib.import_module("thop")
    finally:
        for name in names:
            del sys.modules[name]


@contextmanager
def hidden(name: str) -> Iterator[None]:
    """Let a module that nobody has imported be none that could be, for the length of the block."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment] # Python's own way to say so
    try:
        yield
    finally:
        del sys.modules[name]


def _disable(
    fn: Callable[..., Any] | None = None,
    recursive: bool = True,
    *,
    reason: str | None = None,
    wrapping: bool = True,
) -> Callable[..., Any]:
    """Return ``fn``, or a decorator that does: there is no compiler to keep away from it."""
    return (lambda function: function) if fn is None else fn


def _graph_break(msg: str = "") -> None:
    """Do nothing: there is no graph."""
