"""Modules that are imported when something of them is used: until then a stand-in has their place."""

import importlib
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import cache, partial
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import module_from_spec
from operator import itemgetter
from pathlib import Path
from types import ModuleType
from typing import Any

Taken = Mapping[str, Collection[str]]
BY_SKLEARN: Taken = {  # what its modules import, a run hardly uses: names they take of it
    "narwhals": (),
    "narwhals.stable": (),
    "narwhals.stable.v2": ("dependencies",),
    "numpy.f2py": (),
    "psutil": ("Process",),
    "scipy.fft": ("fft", "rfft"),
    "scipy.integrate": ("trapezoid",),
    "scipy.interpolate": ("BSpline",),
    "scipy.io": ("loadmat",),
    "scipy.spatial": ("distance",),
    "scipy.stats": ("rankdata", "gmean", "spearmanr", "chi2"),
}
BY_MATPLOTLIB = {"mpl_toolkits.mplot3d": ("Axes3D",)}
BY_FOLDWISE: Taken = {"pyarrow.compute": ()}
BY_TORCH = {"cuda.bindings": ("driver", "runtime")}
DEVICES = Path("/dev")
NVIDIA_DEVICES = ("nvidia", "nvhost", "nvmap", "nvgpu", "dxg")  # how their names begin; dxg is that of Windows' Linux
FRAMES = "dependencies"  # narwhals' own module of this name
ASKED_OF_ALL = ("is_into_dataframe", "is_into_series")  # by scikit-learn, of whatever it is given
trains_only: list[str] = []  # what was imported first in this process, where it does nothing but train
_stand_ins: dict[str, ModuleType] = {}


@contextmanager
def imported_later(taken: Taken) -> Iterator[None]:
    """Let what is imported in the block get other modules only when it uses them, in a process that only trains.

    A module that is imported already, or is not installed, is left alone. What asks for one after the block gets the
    module itself; what has got a stand-in keeps it, and it answers for the module.

    Args:
        taken: for each module the names that are taken of it by ``from``, which is no use of them yet; a package comes
            before what is in it.
    """
    late = taken if trains_only else {}
    added = [name for name in late if put_stand_in(name, {each: _Later(name, each) for each in late[name]})]
    try:
        yield
    finally:
        for name in reversed(added):
            _withdraw(name)


def used_late_in_training() -> Taken:
    """Return what the modules that train import and may never use; NVIDIA's bindings where no device is in sight."""
    try:
        seen = any(device.name.startswith(NVIDIA_DEVICES) for device in DEVICES.iterdir())
    except OSError:  # a system that shows none
        seen = True
    return BY_FOLDWISE if seen else {**BY_FOLDWISE, **BY_TORCH}


def put_stand_in(name: str, known: Mapping[str, Any]) -> bool:
    """Put a stand-in where nobody has imported a module, until something of it is used.

    Args:
        name: of the module.
        known: what of it the stand-in has itself.

    Returns:
        whether there is one now.
    """
    package, _, child = name.rpartition(".")
    if name in sys.modules or (spec := _find_spec(name, package)) is None:
        return False
    _stand_ins[name] = module = sys.modules[name] = module_from_spec(spec)
    if package:
        setattr(sys.modules[package], child, module)
    if _PARTS not in sys.meta_path:
        sys.meta_path.insert(0, _PARTS)

    def other(asked: str) -> Any:
        if asked.startswith("__") and asked != "__all__":  # what looks through all modules asks for such
            raise AttributeError(asked)
        return getattr(_whole(name), asked)

    module.__dict__.update(known, __getattr__=other)
    return True


def _find_spec(name: str, package: str) -> ModuleSpec | None:
    """Return what Python knows of a module, without what ``importlib.util.find_spec`` imports of a stand-in's."""
    try:
        path = getattr(importlib.import_module(package), "__path__", []) if package else None
    except ModuleNotFoundError:
        return None
    return PathFinder.find_spec(name, path)


def _withdraw(name: str) -> None:
    module = _stand_ins.pop(name, None)
    if module is None or sys.modules.get(name) is not module:
        return
    del sys.modules[name]
    package, _, child = name.rpartition(".")
    if package in sys.modules and vars(sys.modules[package]).get(child) is module:
        delattr(sys.modules[package], child)


def _whole(name: str) -> ModuleType:
    """Import the module that a stand-in stands for, and the packages that it is in."""
    for other in [each for each in reversed(_stand_ins) if f"{name}.".startswith(f"{each}.")]:
        _withdraw(other)
    return importlib.import_module(name)


class _Parts:
    """Imports the package before a module in it, as Python does, where the package is a stand-in."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """Return how to load a module again that its package has just loaded; None = Python knows."""
        package = name.rpartition(".")[0]
        if package not in _stand_ins:
            return None
        _whole(package)
        loaded = sys.modules.pop(name, None)  # of a module that is there Python would take the spec, and run it again
        return None if loaded is None else ModuleSpec(name, _AsItIs(loaded))  # type: ignore[arg-type] # as good as one


class _AsItIs:
    def __init__(self, module: ModuleType) -> None:
        self.module, self.spec = module, module.__spec__

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return self.module

    def exec_module(self, module: ModuleType) -> None:
        vars(module)["__spec__"] = self.spec  # Python has set that of ``find_spec``


_PARTS = _Parts()


class _Later:
    """A function, a class or a module, got when it is called or asked for something."""

    def __init__(self, module: str, name: str) -> None:
        self._get = get = cache(partial(_part, module, name))
        if name == "Axes3D":
            self.name = "3d"  # by which matplotlib registers it
        elif name == FRAMES:
            self.__dict__.update({question: partial(_is_frame, get, question) for question in ASKED_OF_ALL})

    def __call__(self, *values: Any, **options: Any) -> Any:
        return self._get()(*values, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._get(), name)

    def __instancecheck__(self, value: object) -> bool:
        return isinstance(value, self._get())

    def __subclasscheck__(self, kind: type) -> bool:
        return issubclass(kind, self._get())

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[Any, ...]:
        return (self._get(),)

    def __reduce__(self) -> tuple[Any, ...]:
        return itemgetter(0), ((self._get(),),)  # pickled as what it stands for


def _part(module: str, name: str) -> Any:
    whole = _whole(module)
    return getattr(whole, name) if hasattr(whole, name) else importlib.import_module(f"{module}.{name}")


def _is_frame(get: Callable[[], Any], question: str, value: object) -> bool:
    plain = type(value).__module__ in ("builtins", "numpy")  # an array, a list, a number, nothing
    return not plain and bool(getattr(get(), question)(value))
