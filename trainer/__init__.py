"""k-fold training you can trust, from Python: ``import trainer as fw; run = fw.cross_validate(frame, model="mlp")``.

Names are imported when they are used, so that ``import trainer`` is quick and imports no torch. ``trainer.audit``,
``trainer.look`` and ``trainer.search`` are packages and functions: called, they audit, look and search.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from trainer.system.fast_import import unsearched_import
from trainer.system.waiting import wait_asleep

if TYPE_CHECKING:
    from trainer import errors
    from trainer.api.audit import audit
    from trainer.api.blending import blend
    from trainer.api.classifier import Classifier
    from trainer.api.comparing import compare
    from trainer.api.data import Data, images, read_table, table, texts
    from trainer.api.given import arrays, dataset
    from trainer.api.listing import runs
    from trainer.api.look import look
    from trainer.api.runs import Run, open_run
    from trainer.api.search import search
    from trainer.api.training import cross_validate

PLACES = {
    "read_table": "trainer.api.data",
    "table": "trainer.api.data",
    "texts": "trainer.api.data",
    "images": "trainer.api.data",
    "arrays": "trainer.api.given",
    "dataset": "trainer.api.given",
    "Data": "trainer.api.data",
    "audit": "trainer.audit",
    "look": "trainer.look",
    "search": "trainer.search",
    "cross_validate": "trainer.api.training",
    "open_run": "trainer.api.runs",
    "Run": "trainer.api.runs",
    "blend": "trainer.api.blending",
    "compare": "trainer.api.comparing",
    "runs": "trainer.api.listing",
    "Classifier": "trainer.api.classifier",
    "errors": "trainer.errors",
    "__version__": "trainer.system.version",
}
CALLED = {
    "trainer.audit": "trainer.api.audit",
    "trainer.look": "trainer.api.look",
    "trainer.search": "trainer.api.search",
}  # packages that are functions too, and where these are

__all__ = [
    "Classifier",
    "Data",
    "Run",
    "arrays",
    "audit",
    "blend",
    "compare",
    "cross_validate",
    "dataset",
    "errors",
    "images",
    "look",
    "open_run",
    "read_table",
    "runs",
    "search",
    "table",
    "texts",
]


class _CalledPackage(ModuleType):
    """A package that does, when it is called, what the function of its name does."""

    def __call__(self, *args: Any, **options: Any) -> Any:
        function = self.__name__.rpartition(".")[2]
        return getattr(import_module(CALLED[self.__name__]), function)(*args, **options)


class _Face(ModuleType):
    """This package: an import of ``trainer.audit``, by whomever, leaves ``trainer.audit`` to be called."""

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, ModuleType) and value.__name__ in CALLED:
            value.__class__ = _CalledPackage
        super().__setattr__(name, value)


def __getattr__(name: str) -> Any:
    if name not in PLACES:
        raise AttributeError(f"module 'trainer' has no attribute '{name}'")
    with unsearched_import(PLACES[name]):
        module = import_module(PLACES[name])
    return module if PLACES[name] == f"trainer.{name}" else getattr(module, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


sys.modules[__name__].__class__ = _Face
wait_asleep()  # whatever the door: every one imports this package before torch, or after the user's own import of it
