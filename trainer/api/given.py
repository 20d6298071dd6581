"""Rows that a program holds itself: arrays, and data sets of torch's form."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainer.api.data import BESIDE, Data, Place, column_options, images, read_table, table
from trainer.config.keys import choices
from trainer.errors import DataError, did_you_mean

if TYPE_CHECKING:
    from trainer.data.sources.in_memory import Given


def arrays(X: Any, y: Any, *, name: str = "arrays", labels: Sequence[str] | None = None, **options: Any) -> Data:
    """Take NumPy arrays, tensors on the CPU or lists of numbers, with their labels.

    Args:
        X: (N, F) of feature columns, NaN being a missing value, or a sparse matrix of SciPy; (N, ...); or arrays by the
            name of the model's input.
        y: (N,) labels, or (N, L) of 0/1.
        name: in reports and messages.
        labels: names of the L labels.
        **options: ``id``, ``group``, ``time``, ``split`` and ``weight``: (N,) values each; and ``task``, ``positive``,
            ``spellings``, ``missing_labels`` as for ``read_table``.

    Example:
        >>> import numpy, trainer as fw
        >>> data = fw.arrays(numpy.eye(4), ["a", "b", "a", "b"], group=[1, 1, 2, 2])
        >>> samples, spec = data.load(None)
        >>> samples.groups_N.tolist(), spec.task.name
        (['1', '1', '2', '2'], 'binary')
    """
    from trainer.data.samples import Arrays
    from trainer.data.sources.in_memory import as_inputs

    inputs, n_rows = as_inputs(X, name)
    _refuse_other_order(X, {"y": y, **{key: options.get(key) for key in BESIDE}}, name)
    load = _beside(lambda: inputs, n_rows, name, y, labels, options)
    preprocess = "raw" if isinstance(inputs, Arrays) else "table"
    return Data(name, load, options={"task": options.get("task")}, preprocess=preprocess)


def dataset(
    items: Any, y: Any = None, *, inputs: Sequence[str] = ("x",), label: str = "label", name: str = "", **options: Any
) -> Data:
    """Take a map-style data set of torch's form: ``items[i]`` is ``(input, label)``, or a mapping by name.

    All items are read once before training, for their labels and the fingerprint of the data; a ``TensorDataset`` is
    taken as its tensors. Random transforms are seeded by row and epoch, and drawn for held-out rows too.

    Args:
        items: the data set.
        y: (N,) labels or (N, L) of 0/1, where items have none.
        inputs: names of an item's inputs, where there are several before the label.
        label: the label's key in a mapping.
        name: in reports and messages.
        **options: as for ``arrays``.

    Example:
        >>> import torch, trainer as fw
        >>> items = torch.utils.data.TensorDataset(torch.zeros(4, 3, 8, 8), torch.tensor([0, 1, 0, 1]))
        >>> samples, spec = fw.dataset(items).load(None)
        >>> samples.inputs.arrays["x"].shape, spec.classes
        ((4, 3, 8, 8), ('0', '1'))
    """
    name = name or type(items).__name__
    try:
        n_rows = len(items)
    except (TypeError, NotImplementedError) as error:
        raise DataError(
            f"{name}: it has no length, so folds cannot be drawn from it: give a list, or a data set with __len__ and "
            "__getitem__"
        ) from error
    if not hasattr(items, "__getitem__"):
        raise DataError(
            f"{name}: it has no __getitem__, so a row cannot be read by its place: give a list or a map-style data set"
        )
    tensors = getattr(items, "tensors", None)
    if tensors is not None and y is None:
        *first, y = tensors
        return replace(arrays(dict(zip(inputs, first, strict=True)), y, name=name, **options), preprocess="raw")

    def load(task: str | None) -> "Given":
        from trainer.data.loading.items import open_items

        found, read = open_items(items, n_rows, name, inputs=tuple(inputs), label=label, labelled=y is None)
        return _beside(lambda: found, n_rows, name, read if y is None else y, options.get("labels"), options)(task)

    return Data(name, load, options={"task": options.get("task")}, preprocess="raw")


def as_data(value: Any) -> Data:
    """Return what ``cross_validate`` and ``audit`` are given as ``Data``.

    Raises:
        DataError: it is nothing that has rows with labels.
    """
    from trainer.data.readers.frames import is_frame

    if isinstance(value, Data):
        return value
    if isinstance(value, str | PathLike):
        return _named(value)
    if is_frame(value):
        return table(value)
    if isinstance(value, tuple) and len(value) == 2:
        return arrays(*value)
    if type(value).__name__ == "LazyFrame":
        raise DataError("a LazyFrame has no rows yet: give its collect()")
    if isinstance(value, Mapping):
        raise DataError("a dict alone has no labels: give (dict, y), with arrays by the name of the model's input")
    return dataset(value)


def rows_of(value: Any) -> "Given | None":
    """Return the rows of what ``as_data`` takes; None where none are given: they are read where the run says."""
    return None if value is None else as_data(value).load(None)


def _named(value: Place) -> Data:
    """Return a bundled data set by its name, or a file or folder."""
    if isinstance(value, str) and value in choices("data"):
        from trainer.data.sources.bundled import load_bundled

        return Data(value, lambda task: load_bundled(value), value, preprocess="")
    place = Path(value).expanduser()
    if place.is_dir() or place.suffix.lower() == ".zip":
        return images(value)
    if not place.suffix:
        raise DataError(f"{value}: no file, and no data set of that name{did_you_mean(str(value), choices('data'))}")
    return read_table(value)


def _refuse_other_order(X: Any, beside: Mapping[str, Any], name: str) -> None:
    """Refuse pandas values that have the index of X in another order: rows are put together by their place.

    Raises:
        DataError: some have.
    """
    for key, values in beside.items():
        if not (hasattr(X, "reindex") and hasattr(values, "reindex")) or len(X) != len(values):
            continue
        if not X.index.equals(values.index) and X.index.sort_values().equals(values.index.sort_values()):
            raise DataError(
                f"{name}: {key} has the index of X in another order, and rows are put together by their place: "
                f"give {key}.reindex(X.index), or {key}.to_numpy() if the order is right"
            )


def _beside(
    inputs: Callable[[], Any], n_rows: int, name: str, y: Any, labels: Sequence[str] | None, options: Mapping[str, Any]
) -> "Callable[[str | None], Given]":
    """Return what puts inputs, labels and the values of ``BESIDE`` together; they are checked at once, read later."""
    from trainer.data.sources.in_memory import as_array, as_column, given_rows

    given = as_array(y, f"{name}: y")
    if given.ndim == 2:
        named = [str(label) for label in labels or (f"label_{place}" for place in range(given.shape[1]))]
        values = dict(zip(named, given.T, strict=True))
    else:
        named, values = ["label"], {"label": y}
    values |= {key: options[key] for key in BESIDE if options.get(key) is not None}
    values = {key: as_column(value, n_rows, f"{name}: {'y' if key in named else key}") for key, value in values.items()}
    roles = {key: key for key in BESIDE if key in values}
    others = {key: value for key, value in options.items() if key not in (*BESIDE, "labels")}

    column_options(others, None)  # said at once

    def load(task: str | None) -> "Given":
        columns, _ = column_options({"label": named if len(named) > 1 else named[0], **roles, **others}, task)
        return given_rows(inputs(), n_rows, name, columns, values)

    return load
