"""The audit of a file or a folder of images, without a run: ``foldwise audit FILE``."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
from numpy.typing import NDArray

from trainer.audit.checks.sides import as_dates
from trainer.audit.findings import Finding
from trainer.audit.measure import measure as measured
from trainer.audit.run import audit
from trainer.audit.split_column import WHOLE_FILE, ColumnSplit, read_split, read_times
from trainer.data.columns.options import ColumnOptions, Names
from trainer.data.columns.rows import assign_roles
from trainer.data.readers.tables import read_table
from trainer.data.samples import DataSpec, Samples
from trainer.data.sources.csv_tabular import load_csv_tabular
from trainer.data.sources.csv_text import load_csv_text
from trainer.data.sources.image_csv import load_image_csv
from trainer.data.sources.image_folder import load_image_folder, split_folders


def audit_file(
    path: str | Path,
    columns: ColumnOptions,
    *,
    text: Names | None = None,
    drop: Sequence[str] = (),
    measure: bool = False,
) -> list[Finding]:
    """Audit a table file.

    Args:
        path: .csv .tsv .txt .parquet .jsonl or .ndjson.
        columns: as a run reads them, except that ``time`` and ``split`` may be the group or the id too, and ``split``
            may name its parts (train, dev, test); without it the whole file is audited.
        text: column with the text; None = every column without another role is a feature.
        drop: feature columns to leave out.
        measure: whether probes say what the leak is worth.

    Returns:
        Leaks first, then warnings, then notes, then what the leak is worth.

    Raises:
        DataError: the file, or a row of it, cannot be used.
        ConfigError: the options contradict each other.
    """
    time, split = columns.time, columns.split
    parts, times_N = WHOLE_FILE, None
    if split is not None or time is not None:
        table = read_table(path, columns.encoding, columns.delimiter)
        for alone in (replace(columns, split=None), replace(columns, time=None)):
            assign_roles(table, path, replace(alone, group=None, id=None), others={"text": text})
        parts = WHOLE_FILE if split is None else read_split(table, split, path)
        times_N = None if time is None else read_times(table, time, path)
        del table
    others = replace(columns, time=None, split=None)
    if text is not None:
        samples, spec = load_csv_text(str(path), others, text=text)
    else:
        no_features = {name for name in (time, split) if name is not None} - {columns.group, columns.id}
        samples, spec = load_csv_tabular(str(path), others, drop=[*drop, *sorted(no_features)])
    return _audited(samples, spec, parts, times_N, measure)


def audit_images(
    path: str | Path,
    columns: ColumnOptions,
    *,
    images: str | None = None,
    file: str = "file",
    measure: bool = False,
) -> list[Finding]:
    """Audit the images that a table names.

    Args:
        path: a table file as for ``audit_file``, or a zip file with one table next to the images.
        columns: as a run reads them, except that ``split`` may name its parts (train, dev, test).
        images: directory or zip file with the images; None = where the table is.
        file: column with the name of each image file below ``images``.
        measure: whether probes say what the leak is worth.

    Raises:
        DataError: the table, or a row or image of it, cannot be used.
        ConfigError: the options contradict each other.
    """
    samples, spec = load_image_csv(str(path), columns, images=images, file=file)
    times_N = None if samples.times_N is None else as_dates(samples.times_N)
    return _audited(samples, spec, _parts(samples, columns.split or "", path), times_N, measure)


def audit_folder(path: str | Path, *, measure: bool = False) -> list[Finding]:
    """Audit images with one folder per class; where folders are called train, val and test, that split alone.

    Args:
        path: a directory or a zip file.
        measure: whether probes say what the leak is worth.

    Raises:
        DataError: there are no classes, or files cannot be read.
    """
    parts = split_folders(str(path))
    samples, spec = load_image_folder(str(path), folders=parts or None, split=bool(parts))
    return _audited(samples, spec, _parts(samples, "folder", path), None, measure)


def _parts(samples: Samples, name: str, path: str | Path) -> ColumnSplit:
    if samples.split_N is None:
        return WHOLE_FILE
    return read_split(pa.table({name: samples.split_N.tolist()}), name, path)


def _audited(
    samples: Samples, spec: DataSpec, parts: ColumnSplit, times_N: NDArray[Any] | None, measure: bool
) -> list[Finding]:
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
        findings += [gap.to_finding() for gap in gaps]
    return findings
