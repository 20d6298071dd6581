"""How the rows of a run were read, in plain values: kept in the run, so that new rows are read alike."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from trainer.data.columns.options import ColumnOptions
from trainer.data.samples import TableColumns

TABLE, TEXT, IMAGE_TABLE, IMAGE_FOLDER, ARRAYS = "table", "text", "image table", "image folder", "arrays"
Reading = Mapping[str, Any]


def reading_of(kind: str, columns: ColumnOptions, label: Sequence[str], **more: Any) -> dict[str, Any]:
    """Return what new rows of the same form need.

    Args:
        kind: of the rows, one of the constants above.
        columns: the options that all tables share.
        label: the columns that ``columns.label`` turned out to name.
        **more: what only this kind has.
    """
    return {"kind": kind, **asdict(replace(columns, exclude=None)), "label": list(label), **more}


def features_read(inputs: Any) -> dict[str, Any]:
    """Return the names of feature columns, those of numbers and those of categories; nothing of other inputs."""
    if not isinstance(inputs, TableColumns):
        return {}
    return {"numeric": list(inputs.numeric), "categorical": list(inputs.categorical)}


def options_of(reading: Reading) -> ColumnOptions:
    """Return the options that ``reading_of`` was given, the label by the names of its columns."""
    given = {name: value for name, value in reading.items() if name in ColumnOptions.__dataclass_fields__}
    return ColumnOptions(**given)
