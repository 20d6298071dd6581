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

COMPILER = "torch._dynamo"
STATISTICS = "scipy.stats"
SPLINES = "scipy.interpolate"
TAKEN_BY_SKLEARN = ("rankdata", "gmean", "spearmanr", "chi2")  # what its modules import, and a few of them use
_trains_only: list[str] = []  # what was imported first in this process, where it does nothing but train


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
    _trains_only.append(name)
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


def import_sklearn_without_unused() -> None:
    """Spare a process that does nothing but train a second of what scikit-learn imports and hardly ever calls.

    All of it imports pandas, for the ``None`` that it would be without, and SciPy's statistics: a stand-in imports
    these when they are called. One of its transformers is of SciPy's splines, which are imported when that calls them.
    Somebody else's process is left alone: another thread may be importing pandas.
    """
    if not _trains_only or "sklearn" in sys.modules:
        return
    with hidden("pandas"):
        if STATISTICS not in sys.modules:
            sys.modules[STATISTICS] = _Statistics()
        importlib.import_module("sklearn.utils.validation")
        with splines_later():
            importlib.import_module("sklearn.preprocessing")


@contextmanager
def splines_later() -> Iterator[None]:
    """Let what is imported in the block get SciPy's splines only when it calls them, in a process that only trains."""
    if not _trains_only or SPLINES in sys.modules:
        yield
        return

    def whole() -> ModuleType:
        if sys.modules.get(SPLINES) is stand_in:
            del sys.modules[SPLINES]
        return importlib.import_module(SPLINES)

    def other(name: str) -> Any:
        if name.startswith("__"):  # Python asks whether it is a package
            raise AttributeError(name)
        return getattr(whole(), name)

    stand_in = sys.modules[SPLINES] = ModuleType(SPLINES)
    stand_in.__dict__.update(BSpline=_Later(lambda: whole().BSpline), __getattr__=other)
    try:
        yield
    finally:
        if sys.modules.get(SPLINES) is stand_in:
            del sys.modules[SPLINES]


def import_flop_counter_without_triton() -> None:
    """Spare such a process what torch's counter imports to tell kernels of Triton, where the CPU trains."""
    import torch

    if not _trains_only or torch.cuda.is_available():
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
    if "thop" in sys.modules or names[0] in sys.modules or not (_trains_only or find_spec(names[0]) is None):
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


class _Statistics(ModuleType):
    """``scipy.stats`` until something of it is needed."""

    def __init__(self) -> None:
        super().__init__(STATISTICS)
        self.__spec__ = spec = find_spec(STATISTICS)
        self.__file__ = None if spec is None else spec.origin
        self.__path__ = [] if spec is None else list(spec.submodule_search_locations or [])  # ``from`` asks for it

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name in TAKEN_BY_SKLEARN:
            return _Later(lambda: getattr(self.whole(), name))
        return getattr(self.whole(), name)

    def whole(self) -> ModuleType:
        """Import and return the module that this stands for."""
        if sys.modules.get(STATISTICS) is self:
            del sys.modules[STATISTICS]
        return importlib.import_module(STATISTICS)


class _Later:
    """A function or a distribution, got when it is called or asked for something."""

    def __init__(self, get: Callable[[], Any]) -> None:
        self._get = get

    def __call__(self, *values: Any, **options: Any) -> Any:
        return self._get()(*values, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._get(), name)


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
