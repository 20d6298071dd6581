"""The file of a competition: its columns, its order and its ids, filled with predictions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from trainer.data.columns.options import ColumnOptions
from trainer.data.columns.roles import text_cells
from trainer.data.columns.spellings import NUMBER
from trainer.data.readers.tables import open_table
from trainer.data.samples import DataSpec
from trainer.errors import ConfigError, DataError, shown
from trainer.inference.output import label_text
from trainer.tasks import Target

LABEL, PROBA = FILLS = ("label", "proba")
MOST_NAMED = 3


@dataclass(frozen=True)
class Sample:
    """A sample submission, looked at.

    Attributes:
        path: of it.
        id: its first column.
        columns: the others, which are to be filled.
        ids: in its order.
        cells: of the first column to be filled.
        delimiter: between its cells.
    """

    path: Path
    id: str
    columns: tuple[str, ...]
    ids: tuple[str, ...]
    cells: tuple[str, ...]
    delimiter: str


def read_sample(path: Path) -> Sample:
    """Read a sample submission: ids in the first column, what is to be filled in the others.

    Raises:
        DataError: it cannot be read, or has one column.
    """
    opened = open_table(path, ColumnOptions(header="first"))
    names = opened.rows.column_names
    if len(names) < 2:
        raise DataError(f"{path}: a sample submission has ids and at least one column to fill; it has {names}")
    ids, cells = (text_cells(opened.rows, name, path).to_pylist() for name in names[:2])
    return Sample(
        path,
        names[0],
        tuple(names[1:]),
        tuple(map(str, ids)),
        tuple(str(cell or "") for cell in cells),
        opened.delimiter,
    )


def filled(
    sample: Sample,
    ids_N: Sequence[str],
    proba_NC: NDArray[np.float64],
    spec: DataSpec,
    fill: str | None,
    *,
    labels: Target | None = None,
    numbered: bool = False,
) -> tuple[pa.Table, str]:
    """Return the submission, and a sentence on what was written into it.

    Args:
        sample: to fill.
        ids_N: of the predicted rows.
        proba_NC: their probabilities, or numbers (N, 1).
        spec: of the run.
        fill: label or proba; None = as the sample's own cells are.
        labels: what was decided, (N,) or (N, L); None = the likeliest.
        numbered: whether the ids only number the rows, from 0.

    Raises:
        DataError: an id is missing, or occurs twice; or the ids of some rows are guesses.
        ConfigError: the columns are none of the run's.
    """
    places = _places(sample, ids_N)
    if numbered and len(places) < len(ids_N):
        raise DataError(
            f"{sample.path}: it has {len(places)} ids for {len(ids_N)} rows, which have no names: the data has no "
            f"column '{shown(sample.id, 40)}', and numbers from 0 may be others' rows\n"
            "name the column with the ids by --id, or give the rows of the sample alone"
        )
    values = proba_NC[places]
    chosen = spec.task.predicted(values) if labels is None else labels[places]
    answers, what = _answers(sample, values, chosen, spec, fill)
    table = pa.table({sample.id: pa.array(sample.ids, pa.string()), **answers})
    return table, f"{len(sample.ids)} rows of {sample.path} filled with {what}"


def _answers(
    sample: Sample, values: NDArray[np.float64], chosen: Target, spec: DataSpec, fill: str | None
) -> tuple[dict[str, Any], str]:
    """Return the columns to be filled, and with what; rows that --skip-broken has passed over have no answer."""
    if not spec.task.has_classes:
        _require_one(sample, "the number that the run predicts")
        return {sample.columns[0]: values[:, 0]}, "the predicted numbers"
    unread_N: NDArray[np.bool_] = np.logical_not(np.isfinite(values).all(axis=1))
    by_class = _classes_of(sample, spec)
    if by_class is not None:
        as_proba = (fill or PROBA) == PROBA
        source = values if as_proba else spec.task.indicators(chosen, len(spec.classes))
        pairs = zip(sample.columns, by_class, strict=True)
        answers = {name: pa.array(source[:, place], mask=unread_N) for name, place in pairs}
        return answers, f"{'probabilities' if as_proba else '0 and 1'}, a column for each {spec.task.noun}"
    _require_one(sample, "the label, or the probability of the positive class")
    if (fill or (LABEL if _holds_labels(sample, spec) else PROBA)) == PROBA:
        proba_N = values[:, _positive(sample, spec)]
        return {sample.columns[0]: proba_N}, f"the probability of '{spec.classes[1]}' (--fill label writes labels)"
    say = label_text(spec)
    said_N = [None if unread else say(row) for row, unread in zip(chosen, unread_N, strict=True)]
    return {sample.columns[0]: pa.array(said_N, pa.string())}, "labels (--fill proba writes probabilities)"


def _places(sample: Sample, ids_N: Sequence[str]) -> NDArray[np.int64]:
    place = {name: number for number, name in enumerate(ids_N)}
    missing = [name for name in sample.ids if name not in place]
    if missing:
        bare = {name.lstrip("0"): name for name in ids_N}
        named = ", ".join(f"'{shown(name, 40)}'{_with_zeros(name, bare)}" for name in missing[:MOST_NAMED])
        have = "has" if len(missing) == 1 else "have"
        more = ", ..." if len(missing) > MOST_NAMED else ""
        raise DataError(
            f"{sample.path}: {len(missing)} of its {len(sample.ids)} ids {have} no prediction: {named}{more}\n"
            f"the data has ids such as '{shown(str(ids_N[0]) if len(ids_N) else '', 40)}': predict all rows of the "
            "sample, and name the column with their ids by --id"
        )
    if len(set(sample.ids)) < len(sample.ids):
        raise DataError(f"{sample.path}: an id occurs twice in column '{sample.id}'")
    return np.array([place[name] for name in sample.ids], dtype=np.int64)


def _with_zeros(name: str, bare: Mapping[str, str]) -> str:
    """Return the id that differs by zeros in front, which a program lost that took it for a number."""
    here = bare.get(name.lstrip("0"))
    return f" (here '{shown(here, 40)}': zeros in front)" if here is not None and name.isdigit() else ""


def _classes_of(sample: Sample, spec: DataSpec) -> list[int] | None:
    """Return the class of each column, by its name; None where the columns are not called like classes.

    Raises:
        ConfigError: some are.
    """
    place = {name: number for number, name in enumerate(spec.classes)}
    found = [place.get(name, place.get(name.rpartition("_")[2])) for name in sample.columns]
    if len(sample.columns) == 1 and found[0] is not None and not spec.task.several_labels:
        return None if spec.classes[found[0]] != sample.columns[0] else [found[0]]
    if all(number is not None for number in found) and len(found) > 1:
        for name, again in _of_one_class(sample.columns, found):
            raise ConfigError(
                f"{sample.path}: columns '{shown(name, 40)}' and '{shown(again, 40)}' are both of one "
                f"{spec.task.noun}: call each by its {spec.task.noun} ({shown(', '.join(spec.classes), 100)})"
            )
        return [number for number in found if number is not None]
    if len(sample.columns) > 1:
        odd = next(name for name, number in zip(sample.columns, found, strict=True) if number is None)
        raise ConfigError(
            f"{sample.path}: column '{shown(odd, 40)}' is none of the run's {spec.task.nouns} "
            f"({shown(', '.join(spec.classes), 100)})"
        )
    return None


def _of_one_class(columns: Sequence[str], found: Sequence[int | None]) -> list[tuple[str, str]]:
    """Return pairs of columns that are of one class."""
    first: dict[int | None, str] = {}
    return [
        (first[number], name)
        for name, number in zip(columns, found, strict=True)
        if first.setdefault(number, name) != name
    ]


def _require_one(sample: Sample, what: str) -> None:
    if len(sample.columns) > 1:
        raise ConfigError(f"{sample.path}: {len(sample.columns)} columns to fill, but there is one: {what}")


def _holds_labels(sample: Sample, spec: DataSpec) -> bool:
    """Whether the sample's own cells are labels: classes of the run, or words."""
    if spec.task.several_labels:
        return True
    cells = {cell.strip() for cell in sample.cells if cell.strip()}
    numbers = all(NUMBER.fullmatch(cell) for cell in cells)
    return not cells or cells <= set(spec.classes) or not numbers


def _positive(sample: Sample, spec: DataSpec) -> int:
    if spec.positive is None:
        raise ConfigError(
            f"{sample.path}: one column for probabilities, but the run has {len(spec.classes)} {spec.task.nouns}: "
            "--fill label writes labels"
        )
    return 1
