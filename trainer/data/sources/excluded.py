"""Rows that a run leaves out by their ids: ``data.exclude``, a list that ``foldwise inspect`` writes."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainer.data.columns.options import ColumnOptions
from trainer.data.columns.roles import text_cells
from trainer.data.readers.tables import check_is_file, open_table
from trainer.data.samples import DataSpec, Samples
from trainer.errors import DataError, shown
from trainer.store.own_files import given_text
from trainer.system.paths import at_home
from trainer.wording.lists import first_few

ID = "id"  # the column of the list; a list of one column may call it otherwise


def without_excluded(samples: Samples, spec: DataSpec, file: str | None) -> tuple[Samples, DataSpec]:
    """Leave out the rows whose ids a file lists.

    Args:
        samples: all rows, with a label each.
        spec: what they mean.
        file: a table with a column ``id``, or of one column; ``.txt``: an id per line. None = nothing is left out.

    Raises:
        DataError: an id is in no row, or nothing is left of a class.
    """
    if file is None:
        return samples, spec
    listed = _read_ids(Path(at_home(file)))
    here = set(samples.ids_N.tolist())
    wanted = {one if one in here else one.removeprefix("'") for one in listed}  # a spreadsheet's guard is no part of it
    unknown = sorted(wanted - here)
    if unknown:
        raise DataError(
            f"data.exclude={file}: {len(unknown)} of {len(wanted)} ids are in no row: {first_few(_shown(unknown), 3)}\n"
            f"rows have ids such as '{shown(str(samples.ids_N[0]))}': a list of other data, or of another data.id?"
        )
    kept_N = ~np.isin(samples.ids_N, list(wanted))
    _require_classes(samples, spec, kept_N, file)
    note = f"data.exclude: {len(wanted)} of {len(samples)} rows are left out, as {Path(file).name} lists them"
    return samples.only(kept_N), replace(spec, notes=(*spec.notes, note) if wanted else spec.notes)


def _read_ids(file: Path) -> list[str]:
    if file.suffix.lower() == ".txt":
        check_is_file(file)
        return list(dict.fromkeys(line.strip() for line in given_text(file).splitlines() if line.strip()))
    table = open_table(file, ColumnOptions()).rows
    name = table.column_names[0] if table.num_columns == 1 else ID
    if name not in table.column_names:
        raise DataError(f"{file}: no column '{ID}' (data.exclude): give a list with one, or with one column only")
    cells = text_cells(table, name, file).to_pylist()
    return list(dict.fromkeys(cell for cell in cells if cell and cell.strip()))


def _require_classes(samples: Samples, spec: DataSpec, kept_N: NDArray[np.bool_], file: str) -> None:
    if not kept_N.any():
        raise DataError(f"data.exclude={file}: lists every row")
    if not spec.task.has_classes:
        return
    counts_C = spec.task.class_counts(samples.target[kept_N], len(spec.classes))
    gone = [name for name, count in zip(spec.classes, counts_C.tolist(), strict=True) if not count]
    if gone:
        raise DataError(f"data.exclude={file}: no row of {spec.task.noun} {first_few(_shown(gone), 3)} is left")


def _shown(names: list[str]) -> list[str]:
    return [f"'{shown(name)}'" for name in names]
