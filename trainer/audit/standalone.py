"""The audit of a file or a folder of images, without a run: ``foldwise audit FILE``."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from numpy.typing import NDArray

from trainer.audit.checks.sides import as_dates
from trainer.audit.findings import Finding
from trainer.audit.measure import measure as measured
from trainer.audit.run import audit
from trainer.audit.split_column import WHOLE_FILE, ColumnSplit, read_split, read_times
from trainer.data.columns.roles import Names
from trainer.data.columns.rows import assign_roles
from trainer.data.readers.tables import read_table
from trainer.data.samples import DataSpec, Samples
from trainer.data.sources.csv_tabular import load_csv_tabular
from trainer.data.sources.csv_text import load_csv_text
from trainer.data.sources.image_csv import load_image_csv
from trainer.data.sources.image_folder import load_image_folder, split_folders

ROLES = ("id", "weight", "group", "time", "split")


def audit_file(
    path: str | Path,
    *,
    label: Names,
    text: Names | None = None,
    group: str | None = None,
    time: str | None = None,
    split: str | None = None,
    id: str | None = None,
    weight: str | None = None,
    drop: Sequence[str] = (),
    measure: bool = False,
    encoding: str = "utf-8",
    delimiter: str | None = None,
    label_delimiter: str | None = None,
) -> list[Finding]:
    """Audit a table file.

    Args:
        path: .csv .tsv .txt .parquet .jsonl or .ndjson.
        label: column (or 0/1 columns) with the label.
        text: column with the text; None = every column without another role is a feature.
        group: column with the group of each row.
        time: column with a number, a date or an ISO time.
        split: column with train / dev / test or fold numbers; None = the whole file.
        id: column with unique row names.
        weight: column with sample weights, which are no feature.
        drop: feature columns to leave out.
        measure: whether probes say what the leak is worth.
        encoding: of the file.
        delimiter: between cells.
        label_delimiter: between the labels of one cell (multi-label).

    Returns:
        Leaks first, then warnings, then notes, then what the leak is worth.

    Raises:
        DataError: the file, or a row of it, cannot be used.
        ConfigError: the options contradict each other.
    """
    reading: dict[str, Any] = {"label": label, "id": id, "group": group, "weight": weight, "encoding": encoding}
    reading |= {"delimiter": delimiter, "label_delimiter": label_delimiter}
    parts, times_N = WHOLE_FILE, None
    if split is not None or time is not None:
        table = read_table(path, encoding, delimiter)
        for role in ({"time": time}, {"split": split}):  # which may be the group or the id too
            single = {**dict.fromkeys(ROLES), "weight": weight, **role}
            assign_roles(table, path, label=label, single=single, others={"text": text})
        parts = WHOLE_FILE if split is None else read_split(table, split, path)
        times_N = None if time is None else read_times(table, time, path)
        del table
    if text is not None:
        samples, spec = load_csv_text(str(path), text=text, **reading)
    else:
        no_features = {name for name in (time, split) if name is not None} - {group, id}
        samples, spec = load_csv_tabular(str(path), drop=[*drop, *sorted(no_features)], **reading)
    return _audited(samples, spec, parts, times_N, measure)


def audit_images(
    path: str | Path,
    *,
    images: str | None = None,
    file: str = "file",
    label: Names = "label",
    group: str | None = None,
    time: str | None = None,
    split: str | None = None,
    id: str | None = None,
    measure: bool = False,
    encoding: str = "utf-8",
    delimiter: str | None = None,
    label_delimiter: str | None = None,
) -> list[Finding]:
    """Audit the images that a table names.

    Args:
        path: a table file as for ``audit_file``, or a zip file with one table beside the images.
        images: directory or zip file with the images; None = where the table is.
        file: column with the name of each image file below ``images``.
        label: column (or 0/1 columns) with the label.
        group: column with the group of each row.
        time: column with a number, a date or an ISO time.
        split: column with train / dev / test or fold numbers; None = all rows.
        id: column with unique row names.
        measure: whether probes say what the leak is worth.
        encoding: of the table.
        delimiter: between cells.
        label_delimiter: between the labels of one cell (multi-label).

    Raises:
        DataError: the table, or a row or image of it, cannot be used.
        ConfigError: the options contradict each other.
    """
    reading: dict[str, Any] = {"label": label, "id": id, "group": group, "time": time, "split": split}
    reading |= {"encoding": encoding, "delimiter": delimiter, "label_delimiter": label_delimiter}
    samples, spec = load_image_csv(str(path), images=images, file=file, **reading)
    times_N = None if samples.times_N is None else as_dates(samples.times_N)
    return _audited(samples, spec, _parts(samples, split or "", path), times_N, measure)


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
