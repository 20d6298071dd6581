"""A process that starts and ends sooner; nothing here changes what is computed."""

import atexit
import gc
import importlib
import logging
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec
from types import ModuleType
from typing import Any

COMPILER = "torch._dynamo"
STATISTICS = "scipy.stats"
META_KERNELS = "torch._meta_registrations"
FOR_COMPILERS = {  # each imports the others; with what torch's list of functions that cannot be overridden names
    META_KERNELS: (),
    "torch._decomp": (),
    "torch._prims": (),
    "torch._refs": (),
    "torch.export": ("export", "load", "register_dataclass", "save"),
}
TAKEN_BY_SKLEARN = {  # what its modules import, and a few of them use
    STATISTICS: ("rankdata", "gmean", "spearmanr", "chi2"),
    "scipy.interpolate": ("BSpline",),
}
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
        given = {"disable": _not_compiled, "graph_break": _no_graph}
        sys.modules[COMPILER] = torch._dynamo = _StandIn(COMPILER, given, together=tuple(FOR_COMPILERS))


def import_torch_without_unused() -> None:
    """Spare a process that does nothing but train a quarter of what torch imports: operations in Python.

    Compilers and exporters ask for them, and so do tensors on the device ``meta``: stand-ins import them all when
    something is asked of one. Call ``import_meta_kernels`` before code that is not Foldwise's own gets to torch.
    """
    if not _trains_only or "torch" in sys.modules:
        return
    for name, taken in FOR_COMPILERS.items():
        sys.modules[name] = _StandIn(name, later=taken, together=tuple(FOR_COMPILERS))
    import torch

    for name in FOR_COMPILERS:
        setattr(torch, name.rpartition(".")[2], sys.modules[name])


def import_arrow_without_pandas() -> None:
    """Spare such a process pandas, which Arrow imports once to know its columns; call it where nobody makes any.

    What asks Arrow for pandas itself (``to_pandas``) still gets it.
    """
    with unasked("pandas"):
        import pyarrow as pa

        pa.array([0])


def import_meta_kernels() -> None:
    """Import what computes the shapes of tensors on the device ``meta``, if that was left out."""
    kernels = sys.modules.get(META_KERNELS)
    if isinstance(kernels, _StandIn):
        kernels.whole()


def import_sklearn_without_unused() -> None:
    """Spare a process that does nothing but train a second of what scikit-learn imports and hardly ever calls.

    All of it imports pandas, for the ``None`` that it would be without, SciPy's statistics and splines, and by NumPy's
    names its compiler of Fortran: stand-ins import these when they are called. Somebody else's process is left alone:
    another thread may be importing pandas.
    """
    if not _trains_only or "sklearn" in sys.modules:
        return
    import numpy as np

    with hidden("pandas"):
        for name, taken in TAKEN_BY_SKLEARN.items():
            sys.modules.setdefault(name, _StandIn(name, later=taken))
        if "numpy.f2py" not in sys.modules:
            sys.modules["numpy.f2py"] = np.f2py = _StandIn("numpy.f2py", later=("main",))
        importlib.import_module("sklearn.utils.validation")


@contextmanager
def unasked(name: str) -> Iterator[None]:
    """Hide a module in such a process while libraries work that import it to know its values, where there are none."""
    with hidden(name) if _trains_only else nullcontext():
        yield


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
    finder = _Hides(name)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


class _Hides:
    """Finds that there is no such module."""

    def __init__(self, name: str) -> None:
        self.name = name

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> None:
        if fullname == self.name:
            raise ModuleNotFoundError(f"{fullname} is hidden", name=fullname)


class _StandIn(ModuleType):
    """A module until something of it is needed.

    Args:
        name: of the module.
        given: what is answered without importing it.
        later: functions and distributions that other modules import by name and may never call.
        together: modules whose stand-ins go before this one goes.
    """

    def __init__(
        self,
        name: str,
        given: Mapping[str, Any] | None = None,
        *,
        later: Sequence[str] = (),
        together: Sequence[str] = (),
    ) -> None:
        super().__init__(name)
        self.__spec__ = spec = _spec_of(name)
        self.__file__ = None if spec is None else spec.origin
        self.__dict__.update(given or {})
        self._later, self._together = frozenset(later), together
        if later and not together:  # ``from`` asks for it before it takes a name
            self.__path__ = [] if spec is None else list(spec.submodule_search_locations or [])

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name != "__path__":
            raise AttributeError(name)
        if name in self._later:
            return _Later(lambda: getattr(self.whole(), name))
        found = getattr(self.whole(), name)
        if name == "__path__":  # a module inside is being imported, and may be there by now
            sys.meta_path.insert(0, _Loaded())
        return found

    def whole(self) -> ModuleType:
        """Import and return the module that this stands for."""
        named = dict.fromkeys((*self._together, self.__name__))
        gone = [name for name in named if isinstance(sys.modules.get(name), _StandIn)]
        for name in gone:
            del sys.modules[name]
        for name in gone:
            importlib.import_module(name)
        return importlib.import_module(self.__name__)


class _Loaded:
    """Answers once that a module which is there need not be imported: twice, its classes would not be the same."""

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> ModuleSpec | None:
        sys.meta_path.remove(self)
        loader: Any = self  # no Loader by its class: importing that takes longer than foldwise --help may
        return ModuleSpec(fullname, loader) if fullname in sys.modules else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = sys.modules[spec.name]
        self.kept = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        module.__dict__["__spec__"] = self.kept  # torch's modules of options refuse to be set anything


def _spec_of(name: str) -> ModuleSpec | None:
    """Return where a module is, without importing the one it is in."""
    parent = name.rpartition(".")[0]
    if not parent:
        return find_spec(name)
    within = _spec_of(parent)
    return None if within is None else PathFinder.find_spec(name, within.submodule_search_locations)


class _Later:
    """A function or a distribution, got when it is called or asked for something."""

    def __init__(self, get: Callable[[], Any]) -> None:
        self._get = get

    def __call__(self, *values: Any, **options: Any) -> Any:
        return self._get()(*values, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._get(), name)


def _not_compiled(
    fn: Callable[..., Any] | None = None,
    recursive: bool = True,
    *,
    reason: str | None = None,
    wrapping: bool = True,
) -> Callable[..., Any]:
    """Return ``fn``, or a decorator that does: there is nothing to keep away from the compiler."""
    return (lambda function: function) if fn is None else fn


def _no_graph(msg: str = "") -> None:
    """Do nothing: there is no graph to break."""
