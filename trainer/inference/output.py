"""Predictions as a table, and the file they are written to: whole under its name, or not there."""

import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from trainer.data.samples import DataSpec
from trainer.errors import ConfigError, DataError, Interrupted
from trainer.inference.average import Averaged
from trainer.store.own_files import lies_in_run
from trainer.store.result_files import class_columns
from trainer.system.arrow_files import Column
from trainer.system.files import PARTIAL, storage_error
from trainer.system.spreadsheets import HARMFUL, may_be_formulas
from trainer.tasks import Target
from trainer.wording.translations import N_

CSV, PARQUET = (".csv", ".tsv"), (".parquet", ".pq")
PREDICTION = "prediction"
SET, ENDS = "set", ("low", "high")  # classes, or the interval, that cover
WHAT = N_("predictions")


def result_table(
    ids_B: NDArray[np.str_] | NDArray[np.int64], readable_B: NDArray[np.bool_], found: Averaged, spec: DataSpec
) -> pa.Table:
    """Return id, prediction in the user's own words, probabilities, spread and entropy of each row of a block.

    Args:
        ids_B: of all rows.
        readable_B: which rows have a prediction; the others get null and NaN.
        found: of those that have one.
        spec: of the run.
    """
    columns: dict[str, Any] = {"id": pa.array(ids_B).cast(pa.string())}
    if spec.task.has_classes:
        columns[PREDICTION] = _spread_out(_words(labels_of(found, spec), spec), readable_B)
        names = class_columns("proba", spec.classes)
        columns |= {name: _floats(found.proba_BC[:, place], readable_B, np.float32) for place, name in enumerate(names)}
    else:
        columns[PREDICTION] = _floats(found.proba_BC[:, 0], readable_B, np.float64)
    columns["spread"] = _floats(found.spread_B, readable_B, np.float32 if spec.task.has_classes else np.float64)
    if found.entropy_B is not None:
        columns["entropy"] = _floats(found.entropy_B, readable_B, np.float32)
    if found.cover is not None and spec.task.has_classes:
        say = _several(spec)
        columns[SET] = _spread_out(pa.array([say(row) for row in found.cover], pa.string()), readable_B)
    elif found.cover is not None:
        columns |= {end: _floats(found.cover[:, place], readable_B, np.float64) for place, end in enumerate(ENDS)}
    return pa.table(columns)


def labels_of(found: Averaged, spec: DataSpec) -> Target:
    """Return what was decided, or the likeliest classes, or labels above 0.5."""
    return spec.task.predicted(found.proba_BC) if found.labels_B is None else found.labels_B


def label_text(spec: DataSpec) -> Callable[[Any], str]:
    """Return what writes the label of one row as the run's data has it: several labels joined by its delimiter."""
    return _several(spec) if spec.task.several_labels else lambda label: spec.classes[int(label)]


def _several(spec: DataSpec) -> Callable[[Any], str]:
    between = spec.reading.get("label_delimiter") or "|"
    return lambda holds_C: between.join(spec.classes[place] for place in np.flatnonzero(holds_C).tolist())


def _words(predicted: Target, spec: DataSpec) -> Any:
    if spec.task.several_labels:
        say = label_text(spec)
        return pa.array([say(row) for row in predicted], pa.string())
    return pa.array(spec.classes, pa.string()).take(pa.array(predicted, pa.int64()))


def _spread_out(words: Any, readable_B: NDArray[np.bool_]) -> Any:
    if readable_B.all():
        return words
    places = np.where(readable_B, np.cumsum(readable_B) - 1, 0)
    return words.take(pa.array(places, pa.int64(), mask=~readable_B))


def _floats(values: NDArray[np.float64], readable_B: NDArray[np.bool_], dtype: Any) -> NDArray[Any]:
    out_B = np.full(len(readable_B), np.nan, dtype=dtype)
    out_B[readable_B] = values
    return out_B


@contextmanager
def output_file(
    path: Path, delimiter: str | None = None, *, exact: bool = False
) -> Iterator[Callable[[pa.Table], None]]:
    """Yield what writes a table to the end of a file; only a whole file gets the name.

    After an error nothing is left; after a signal what was written is kept under another name, which the exception
    then tells.

    Args:
        path: ends in .csv, .tsv or .parquet.
        delimiter: between cells; None = by the ending.
        exact: text is written as it is; else what a spreadsheet would run is made harmless.

    Raises:
        ConfigError: the path cannot be one of a result.
        StorageError: it cannot be written.
    """
    _require_writable(path)
    partial = path.with_name(f"{path.name}{PARTIAL}{os.getpid()}-{secrets.token_hex(3)}")
    writers: list[Any] = []
    n_bytes = 0

    def write(table: pa.Table) -> None:
        nonlocal n_bytes
        n_bytes += table.nbytes
        if not writers:
            writers.append(_writer(partial, path.suffix.lower(), table.schema, delimiter))
        writers[0].write_table(table if exact or path.suffix.lower() in PARQUET else _harmless(table))

    try:
        yield write
        _close(writers, partial)
        partial.replace(path)
    except Interrupted as stop:
        stop.advice = _kept_partial(writers, partial, path)
        raise
    except BaseException as error:
        for writer in writers:
            with suppress(Exception):
                writer.close()
        partial.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise storage_error(error, path, n_bytes, WHAT) from error
        raise


def _require_writable(path: Path) -> None:
    known = (*CSV, *PARQUET)
    if path.suffix.lower() not in known:
        raise ConfigError(f"-o {path}: give a name that ends in {', '.join(known)}")
    if not path.parent.is_dir():
        raise ConfigError(f"-o {path}: there is no directory {path.parent}: make it first")
    if path.exists() and not path.is_file():
        raise ConfigError(f"-o {path} is not a file: give the name of a file to write")
    if lies_in_run(path):
        raise ConfigError(f"-o {path} lies in a run directory: write it elsewhere, a run keeps what was trained")


def _writer(partial: Path, suffix: str, schema: pa.Schema, delimiter: str | None) -> Any:
    if suffix in PARQUET:
        from pyarrow import parquet

        return parquet.ParquetWriter(os.fspath(partial), schema, compression="zstd")
    from pyarrow import csv

    between = delimiter or ("\t" if suffix == ".tsv" else ",")
    options = csv.WriteOptions(delimiter=between, quoting_style="needed")
    return csv.CSVWriter(os.fspath(partial), schema, write_options=options)


def _close(writers: Sequence[Any], partial: Path) -> None:
    for writer in writers:
        writer.close()
    descriptor = os.open(partial, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _kept_partial(writers: Sequence[Any], partial: Path, path: Path) -> str:
    """Keep what was written so far; return what to say."""
    if not writers:
        partial.unlink(missing_ok=True)
        return "; nothing was written yet"
    kept = path.with_name(f"{path.stem}.partial{path.suffix}")
    _close(writers, partial)
    partial.replace(kept)
    return f"; the rows predicted so far are in {kept}, not in {path}"


def _harmless(table: pa.Table) -> pa.Table:
    """Put an apostrophe in front of ids and words that a spreadsheet would run, as in oof.csv."""
    for place, name in enumerate(table.column_names):
        if pa.types.is_string(table[name].type):
            cells: Column = table[name]
            if not may_be_formulas(cells):
                continue
            risky: Column = pc.match_substring_regex(cells, HARMFUL)
            safe: Column = pc.binary_join_element_wise("'", cells, "")
            table = table.set_column(place, name, pc.if_else(risky, safe, cells))
    return table


def refuse_same(output: Path, data: Any) -> None:
    """Refuse to write over what is read.

    Raises:
        DataError: it is the same file.
    """
    if isinstance(data, str | Path) and output.exists() and Path(data).exists() and output.samefile(data):
        raise DataError(f"-o {output} is the data itself, which would be replaced: give another name")
