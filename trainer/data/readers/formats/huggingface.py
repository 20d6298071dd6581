"""A folder that ``save_to_disk`` of the library datasets wrote: one data set, or several splits of one."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from trainer.data.columns.options import ColumnOptions
from trainer.data.readers.class_names import with_class_names
from trainer.data.readers.contract import OpenTable
from trainer.data.readers.formats.arrow_ipc import read_arrow
from trainer.data.readers.parts import joined_parts
from trainer.data.readers.plain_columns import plain_table
from trainer.errors import ConfigError, DataError, did_you_mean, shown

NAME = "a folder that datasets saved"
ENDINGS = ()
ALSO = ()
MAGIC = ()
USES = frozenset({"table"})

SPLITS, STATE, INFO = "dataset_dict.json", "state.json", "dataset_info.json"


def recognizes(path: Path, head: bytes) -> bool:
    """Return whether a folder has the files that ``save_to_disk`` writes."""
    return path.is_dir() and ((path / SPLITS).is_file() or _is_data_set(path))


def read(path: Path, columns: ColumnOptions) -> OpenTable:
    """Return the rows: of the split that ``data.table`` names, or of all, which are then the split."""
    if not (path / SPLITS).is_file():
        if columns.table is not None:
            raise ConfigError(f"data.table={columns.table} has no effect on {path}: it has no splits; leave it out")
        return _read_data_set(path, columns)
    splits = _json(path / SPLITS).get("splits")
    if not isinstance(splits, list) or not splits or not all(_is_plain(name) for name in splits):
        raise DataError(f"{path / SPLITS}: names no splits: save the data set again")
    if columns.table is not None:
        if columns.table not in splits:
            raise ConfigError(
                f"data.table={columns.table}: no such split of {path}{did_you_mean(columns.table, splits)}"
            )
        return _read_data_set(path / columns.table, columns)
    opened = [_read_data_set(path / name, columns) for name in splits]
    table = joined_parts([part.rows for part in opened], [path / name for name in splits])
    if "split" in table.column_names:
        return replace(opened[0], rows=table, known=_known(opened))
    of_row = [name for name, part in zip(splits, opened, strict=True) for _ in range(part.rows.num_rows)]
    table = table.append_column("split", pa.array(of_row, pa.string()))
    said = f"splits {', '.join(splits)}: column 'split' (data.table=NAME reads one alone)"
    return replace(opened[0], rows=table, notes=(*opened[0].notes, said), known=_known(opened) | {"split": "split"})


def _known(opened: list[OpenTable]) -> dict[str, Any]:
    return {name: value for part in opened for name, value in part.known.items()}


def _read_data_set(folder: Path, columns: ColumnOptions) -> OpenTable:
    """Return the rows of all shards of one data set.

    Raises:
        DataError: a file of it is missing or damaged.
    """
    if not _is_data_set(folder):
        raise DataError(f"{folder}: no {STATE} or {INFO}: save the data set again by save_to_disk")
    state, info = _json(folder / STATE), _json(folder / INFO)
    if state.get("_indices_files") or state.get("_indices_data_files"):
        raise DataError(f"{folder}: rows chosen by an index of their own: flatten_indices() before save_to_disk")
    files = state.get("_data_files")
    names: list[Any] = (
        [file.get("filename") for file in files if isinstance(file, dict)] if isinstance(files, list) else []
    )
    if not names or not all(_is_plain(name) for name in names):
        raise DataError(f"{folder / STATE}: names no data files: save the data set again")
    shards = [folder / name for name in names]
    table = joined_parts([plain_table(read_arrow(shard), shard) for shard in shards], shards)
    features = info.get("features")
    return with_class_names(OpenTable(table), features if isinstance(features, dict) else {}, folder, columns)


def _is_data_set(folder: Path) -> bool:
    return (folder / STATE).is_file() and (folder / INFO).is_file()


def _is_plain(name: Any) -> bool:
    """Whether a name is that of something in the folder itself."""
    return isinstance(name, str) and name not in ("", ".", "..") and Path(name).name == name


def _json(file: Path) -> dict[str, Any]:
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as problem:
        raise DataError(f"{file}: not readable ({shown(str(problem))}): save the data set again") from problem
    if not isinstance(said, dict):
        raise DataError(f"{file}: not what save_to_disk writes: save the data set again")
    return said
