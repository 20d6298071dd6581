"""The audit of a file or a folder of images, without a run: ``foldwise audit FILE``."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from trainer.audit.checks.sides import as_dates
from trainer.audit.findings import Finding
from trainer.audit.measure import measure as measured
from trainer.audit.measure import not_measured
from trainer.audit.run import audit
from trainer.audit.split_column import WHOLE_FILE, ColumnSplit, read_split, read_times
from trainer.data.columns.options import ColumnOptions, Names
from trainer.data.columns.rows import assign_roles, read_ids
from trainer.data.columns.unread import without_columns
from trainer.data.images.array_files import find_arrays
from trainer.data.readers.contract import NONE
from trainer.data.readers.tables import open_table
from trainer.data.samples import DataSpec, Samples
from trainer.data.sources.csv_tabular import load_csv_tabular
from trainer.data.sources.csv_text import load_csv_text
from trainer.data.sources.image_arrays import load_image_arrays
from trainer.data.sources.image_csv import load_image_csv
from trainer.data.sources.image_folder import load_image_folder, split_folders

Tell = Callable[[str], None]


def _nowhere(note: str) -> None:
    """Tell nobody."""


def audit_file(
    path: str | Path,
    columns: ColumnOptions,
    *,
    text: Names | None = None,
    drop: Sequence[str] = (),
    measure: bool = False,
    tell: Tell = _nowhere,
) -> list[Finding]:
    """Audit a table file.

    Args:
        path: of a format of docs/guide/formats.md.
        columns: as a run reads them, except that ``time`` and ``split`` may be the group or the id too, and ``split``
            may name its parts (train, dev, test); without it the split that the format knows of is audited, else the
            whole file, and so it is where it is ``none``.
        text: column with the text; None = every column without another role is a feature.
        drop: feature columns to leave out.
        measure: whether probes say what the leak is worth.
        tell: is handed each note on how the data was read.

    Returns:
        Leaks first, then warnings, then notes, then what the leak is worth.

    Raises:
        DataError: the file, or a row of it, cannot be used.
        ConfigError: the options contradict each other.
    """
    time, split = columns.time, None if columns.split == NONE else columns.split
    table = None if split is None and time is None else _role_columns(path, columns, text)
    others = replace(columns, time=None, split=NONE if columns.split == NONE else None)
    if text is not None:
        samples, spec = load_csv_text(str(path), others, text=text)
        samples = replace(samples, beside=without_columns(samples.beside, {time, split}))
    else:
        no_features = {name for name in (time, split) if name is not None} - {columns.group, columns.id}
        samples, spec = load_csv_tabular(str(path), others, drop=[*drop, *sorted(no_features)])
    if table is None:
        return _audited(samples, spec, _parts(samples, "split", path), None, measure, tell)
    if len(samples) < table.num_rows:  # rows without a label are left out
        ids_N = read_ids(table, columns.id, path, columns.spellings)
        table = table.filter(pa.array(np.isin(ids_N, samples.ids_N)))
    parts = _parts(samples, "split", path) if split is None else read_split(table, split, path)
    times_N = None if time is None else read_times(table, time, path)
    return _audited(samples, spec, parts, times_N, measure, tell)


def _role_columns(path: str | Path, columns: ColumnOptions, text: Names | None) -> pa.Table:
    """Return the columns of time, split and id, of which two may be one."""
    table = open_table(path, columns).rows
    for alone in (replace(columns, split=None), replace(columns, time=None)):
        assign_roles(table, path, replace(alone, group=None, id=None), others={"text": text})
    names = {name for name in (columns.time, columns.split, columns.id) if name in table.column_names}
    return table.select(sorted(names))


def audit_images(
    path: str | Path,
    columns: ColumnOptions,
    *,
    images: str | None = None,
    file: str = "file",
    measure: bool = False,
    tell: Tell = _nowhere,
) -> list[Finding]:
    """Audit the images that a table names.

    Args:
        path: a table file as for ``audit_file``, or a zip file with one table next to the images.
        columns: as a run reads them, except that ``split`` may name its parts (train, dev, test).
        images: directory or zip file with the images; None = where the table is.
        file: column with the name of each image file below ``images``.
        measure: whether probes say what the leak is worth.
        tell: is handed each note on how the data was read.

    Raises:
        DataError: the table, or a row or image of it, cannot be used.
        ConfigError: the options contradict each other.
    """
    samples, spec = load_image_csv(str(path), columns, images=images, file=file)
    times_N = None if samples.times_N is None else as_dates(samples.times_N)
    return _audited(samples, spec, _parts(samples, columns.split or "", path), times_N, measure, tell)


def audit_folder(path: str | Path, *, measure: bool = False, tell: Tell = _nowhere) -> list[Finding]:
    """Audit images with one folder per class; where folders are called train, val and test, that split alone.

    Args:
        path: a directory or a zip file.
        measure: whether probes say what the leak is worth.
        tell: is handed each note on how the data was read.

    Raises:
        DataError: there are no classes, or files cannot be read.
    """
    parts = split_folders(str(path))
    samples, spec = load_image_folder(str(path), folders=parts or None, split=bool(parts))
    return _audited(samples, spec, _parts(samples, "folder", path), None, measure, tell)


def audit_arrays(path: str | Path, *, measure: bool = False, tell: Tell = _nowhere) -> list[Finding]:
    """Audit images in arrays; where there are train, val and test arrays, that split alone.

    Args:
        path: an .npz file, an IDX file of images, a binary batch of CIFAR, or a directory of IDX files or batches.
        measure: whether probes say what the leak is worth.
        tell: is handed each note on how the data was read.

    Raises:
        DataError: there are no such arrays, or they cannot be read.
    """
    found, _ = find_arrays(Path(path), None)
    samples, spec = load_image_arrays(str(path), split=len({array.part for array in found}) > 1)
    return _audited(samples, spec, _parts(samples, "part", path), None, measure, tell)


def _parts(samples: Samples, name: str, path: str | Path) -> ColumnSplit:
    if samples.split_N is None:
        return WHOLE_FILE
    return read_split(pa.table({name: samples.split_N.tolist()}), name, path)


def audit_samples(samples: Samples, spec: DataSpec, name: str, *, measure: bool = False) -> list[Finding]:
    """Audit rows that were read: under the split that they name, if any, else as a whole.

    Args:
        samples: the rows.
        spec: what they mean.
        name: of the data, in messages.
        measure: whether probes say what the leak is worth.
    """
    times_N = None if samples.times_N is None else as_dates(samples.times_N)
    return _audited(samples, spec, _parts(samples, "split", name), times_N, measure, lambda note: None)


def _audited(
    samples: Samples,
    spec: DataSpec,
    parts: ColumnSplit,
    times_N: NDArray[Any] | None,
    measure: bool,
    tell: Callable[[str], None],
) -> list[Finding]:
    for note in spec.notes:
        tell(note)
    findings = audit(
        samples,
        spec,
        parts.fold_of_row,
        times_N=times_N,
        train_rows=parts.train_rows,
        fold_names=parts.names,
        given=parts.fold_of_row is not None,
    )
    if measure:
        gaps = measured(
            samples, spec, parts.fold_of_row, train_rows=parts.train_rows, fold_names=parts.names, times_N=times_N
        )
        findings += [gap.to_finding() for gap in gaps] + not_measured(samples)
    return findings
