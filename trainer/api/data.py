"""Rows with labels, wherever they are: files, frames, lists, arrays, data sets of torch's form."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainer.data.columns.options import ColumnOptions, Names
from trainer.errors import ConfigError, DataError, FoldwiseError, did_you_mean

if TYPE_CHECKING:
    from trainer.data.sources.in_memory import Given

Place = str | PathLike[str]
OPTIONS = tuple(item.name for item in fields(ColumnOptions))
FEATURES = ("numeric", "categorical", "drop", "missing", "numbers")  # of tables
FILES = ("images", "file", "suffix", "zip_encoding")  # of tables that name images
BESIDE = ("id", "group", "time", "split", "weight")  # of each row, given as values beside arrays


@dataclass(frozen=True)
class Data:
    """Rows with labels; files and items are read when they are needed.

    Attributes:
        name: in reports and messages.
        load: reads them, given the task (None = inferred from the labels).
        choice: what ``data=`` is where they lie in files, else empty.
        options: what ``data.*`` is then.
        preprocess: what ``data/preprocess=`` is unless another one is asked for.
    """

    name: str
    load: "Callable[[str | None], Given]" = field(repr=False)
    choice: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    preprocess: str = "table"


def read_table(
    path: Place, *, label: Names = "label", text: Names | None = None, pair: Names | None = None, **options: Any
) -> Data:
    r"""Name a table file: CSV, TSV, Parquet or JSON lines.

    Args:
        path: the file.
        label: column with the label, or several of 0/1.
        text: column with text, or several; None = every column without another role is a feature.
        pair: column with the second text of each row.
        **options: as in ``conf/data/csv_tabular.yaml``: ``id``, ``group``, ``time``, ``split``, ``weight``, ``drop``.

    Example:
        >>> import trainer as fw
        >>> from pathlib import Path
        >>> _ = Path("flowers.csv").write_text("width,height,label\n1,2,a\n3,4,b\n")
        >>> samples, spec = fw.read_table("flowers.csv").load(None)
        >>> samples.inputs.numeric, spec.classes
        (('width', 'height'), ('a', 'b'))
    """
    from trainer.data.readers.unpacked import table_name

    given = {"path": str(path), "label": label, **options}
    choice = "csv_tabular"
    if text is not None:
        choice, given = "csv_text", {**given, "text": text, **({} if pair is None else {"pair": pair})}

    def load(task: str | None) -> "Given":
        from trainer.data.sources.csv_tabular import load_csv_tabular
        from trainer.data.sources.csv_text import load_csv_text

        others = {name: value for name, value in given.items() if name != "path"}
        columns, rest = column_options(others, task, FEATURES if text is None else ("text", "pair"))
        return (load_csv_tabular if text is None else load_csv_text)(str(path), columns, **rest)

    return _in_files(table_name(path), choice, given, load)


def table(frame: Any, *, label: Names = "label", name: str = "table", **options: Any) -> Data:
    """Take the columns of a pandas, polars or Arrow frame as features.

    Args:
        frame: with the label among its columns.
        label: column with the label, or several of 0/1.
        name: in reports and messages.
        **options: as for ``read_table``; each names a column.

    Example:
        >>> import pyarrow, trainer as fw
        >>> frame = pyarrow.table({"width": [1.0, 3.0], "kind": ["x", "y"], "species": ["a", "b"]})
        >>> samples, spec = fw.table(frame, label="species").load(None)
        >>> samples.inputs.categorical, samples.target.tolist()
        (('kind',), [0, 1])
    """
    from trainer.data.readers.frames import open_frame

    opened = open_frame(frame, name)

    def load(task: str | None) -> "Given":
        from trainer.data.sources.csv_tabular import table_samples

        columns, rest = column_options({"label": label, **options}, task, FEATURES)
        return table_samples(opened, name, columns, **rest)

    column_options(options, None, FEATURES)  # said at once
    return Data(name, load, options={"task": options.get("task")})


def texts(
    rows: Any,
    labels: Any = None,
    *,
    text: Names = "text",
    label: Names = "label",
    pair: Names | None = None,
    name: str = "texts",
    **options: Any,
) -> Data:
    """Take texts: a list of them with their labels, or columns of a frame.

    Args:
        rows: texts, or a frame.
        labels: of the texts; None = a column of the frame.
        text: column of a frame with the text, or several.
        label: column of a frame with the label, or several of 0/1.
        pair: column of a frame with the second text of each row.
        name: in reports and messages.
        **options: as for ``read_table``, of a frame.

    Example:
        >>> import trainer as fw
        >>> samples, spec = fw.texts(["good phone", "bad screen"], ["pos", "neg"]).load(None)
        >>> samples.inputs.texts, spec.classes
        (('good phone', 'bad screen'), ('neg', 'pos'))
    """
    import pyarrow as pa

    from trainer.data.readers.frames import open_frame
    from trainer.data.sources.in_memory import as_column

    if labels is not None:
        n_rows = len(rows)
        columns = {
            "text": as_column(rows, n_rows, f"{name}: texts"),
            "label": as_column(labels, n_rows, f"{name}: labels"),
        }
        rows, text, label = pa.table(columns), "text", "label"
    opened = open_frame(rows, name)

    def load(task: str | None) -> "Given":
        from trainer.data.sources.csv_text import text_samples

        columns, _ = column_options({"label": label, **options}, task)
        return text_samples(opened, name, columns, text=text, pair=pair)

    column_options(options, None)  # said at once
    return Data(name, load, options={"task": options.get("task")}, preprocess="vocabulary")


def images(where: Place | Sequence[Place], labels: Any = None, *, name: str = "images", **options: Any) -> Data:
    """Take image files: a folder or zip file with a folder per class, a table that names them, or paths with labels.

    Args:
        where: the folder, the zip file, the table, or the paths.
        labels: of the paths.
        name: of paths, in reports and messages.
        **options: as in ``conf/data/image_folder.yaml``, or where a table names them ``conf/data/image_csv.yaml``.

    Example:
        >>> import trainer as fw
        >>> fw.images("photos/").choice, fw.images("scans.csv", images="scans.zip", label="finding").choice
        ('image_folder', 'image_csv')
    """
    if labels is not None:
        return _image_paths([Path(path) for path in where], labels, name, options)  # type: ignore[union-attr]
    place = Path(where)  # type: ignore[arg-type]
    named = bool({"images", "file", "label"} & options.keys()) or place.suffix.lower() not in ("", ".zip")
    given = {"path": str(where), **options}

    def load(task: str | None) -> "Given":
        from trainer.data.sources.image_csv import load_image_csv
        from trainer.data.sources.image_folder import load_image_folder

        if not named:
            return load_image_folder(str(where), **{**({} if task is None else {"task": task}), **options})
        columns, rest = column_options(options, task, FILES)
        return load_image_csv(str(where), columns, **rest)

    made = _in_files(place.stem, "image_csv" if named else "image_folder", given, load)
    return replace(made, preprocess="images")


def _image_paths(paths: Sequence[Path], labels: Any, name: str, options: Mapping[str, Any]) -> Data:
    import os

    import pyarrow as pa

    from trainer.data.readers.contract import OpenTable
    from trainer.data.sources.image_csv import image_samples
    from trainer.data.sources.in_memory import as_column

    whole = [path.expanduser().absolute() for path in paths]
    if not whole:
        raise DataError(f"{name}: no paths")
    root = os.path.commonpath([path.parent for path in whole])
    table = pa.table(
        {
            "file": [path.relative_to(root).as_posix() for path in whole],
            "label": as_column(labels, len(whole), f"{name}: labels"),
        }
    )

    def load(task: str | None) -> "Given":
        columns, _ = column_options(options, task)
        return image_samples(OpenTable(table), name, columns, images=root)

    return Data(name, load, options={"task": options.get("task")}, preprocess="images")


def _in_files(name: str, choice: str, options: Mapping[str, Any], load: "Callable[[str | None], Given]") -> Data:
    return Data(name, load, choice, options, "")


def column_options(
    options: Mapping[str, Any], task: str | None, others: Sequence[str] = ()
) -> tuple[ColumnOptions, dict[str, Any]]:
    """Return the options that all tables share, and the others.

    Args:
        options: as given.
        task: where they name none.
        others: names that there may be besides.

    Raises:
        ConfigError: there is no such option.
    """
    known = (*OPTIONS, *others)
    unknown = [name for name in options if name not in known]
    if unknown:
        raise ConfigError(f"{unknown[0]}: no such argument{did_you_mean(unknown[0], known)}")
    shared = {name: value for name, value in options.items() if name in OPTIONS}
    rest = {name: value for name, value in options.items() if name not in OPTIONS}
    return ColumnOptions(**{**shared, "task": shared.get("task") or task}), rest


@contextmanager
def named_as_arguments() -> Iterator[None]:
    """Let errors of data speak of arguments: ``label=...`` for ``data.label=...``."""
    try:
        yield
    except FoldwiseError as error:
        said = re.sub(r"\bdata\.([a-z_]+)\b", r"\1", str(error))
        if said == str(error):
            raise
        raise type(error)(said) from error.__cause__ or error
