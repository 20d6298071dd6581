"""What a ``data.preprocess`` section names: it prepares the inputs once, then fits and transforms them per fold.

``prepare`` is optional. Whatever needs no training rows belongs there (tokenising with a pretrained tokenizer, decoding
images): its result is shared by all folds and epochs, never copied per fold.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from trainer.data.loading.batches import Rows

Item = TypeVar("Item")
ShowProgress = Callable[[Iterable[Any], str, int], Iterable[Any]]  # (items, what is done to them, how many there are)


def no_progress(items: Iterable[Item], description: str, total: int) -> Iterable[Item]:
    """Return the items: no progress is shown."""
    return items


class Preprocess(Protocol):
    """What ``data.preprocess`` makes; everything it learns is learnt from ``train_rows``.

    It may also have ``prepare(inputs, track) -> prepared``, called once per run; ``fit`` and ``transform`` are then
    given what it returned in place of the source's inputs. And ``content_sha256()``, where files that its arguments
    name (``pretrained``) decide what it does.
    """

    def fit(self, inputs: Any, train_rows: NDArray[np.int64]) -> "Fitted":
        """Learn from the training rows of a fold."""
        ...


class Fitted(Protocol):
    """A preprocessing as one fold learnt it.

    Attributes:
        notes: what a person should know, printed at start.
        model_arguments: the input sizes a model is built with.
    """

    notes: tuple[str, ...]

    @property
    def model_arguments(self) -> Mapping[str, Any]:
        """The input sizes a model is built with."""
        ...

    def transform(self, inputs: Any) -> Rows:
        """Return all rows, ready for the model."""
        ...

    def to_json(self) -> dict[str, Any]:
        """Return plain values that ``from_json`` turns into the same transform."""
        ...


def prepare_inputs(preprocess: Any, inputs: Any, track: ShowProgress = no_progress) -> Any:
    """Return what ``fit`` and ``transform`` of this preprocessing are given."""
    return preprocess.prepare(inputs, track) if hasattr(preprocess, "prepare") else inputs
