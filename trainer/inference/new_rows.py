"""Rows to predict, found in a file, folder or frame by what the run knows of its own."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from trainer.data.columns.options import ColumnOptions
from trainer.data.columns.reading import ARRAYS, IMAGE_FOLDER, IMAGE_TABLE, TABLE, TEXT, options_of
from trainer.data.images.image_files import broken_images, list_files, place_of
from trainer.data.readers.contract import TableBlocks, Wanted
from trainer.data.readers.frames import is_frame
from trainer.data.samples import Images, Inputs, Texts
from trainer.data.sources.csv_text import joined_texts
from trainer.data.sources.image_csv import find_images
from trainer.errors import CheckpointError, DataError, shown
from trainer.inference.ids import IdCheck
from trainer.inference.indexed_columns import sparse_columns, with_zero_columns
from trainer.inference.known_labels import KnownLabels
from trainer.inference.known_rows import KnownRows
from trainer.inference.needed_columns import NO_IDS, known_features, needed_columns, plain_numbers, require_columns
from trainer.inference.predictor import Predictor
from trainer.inference.table_blocks import cut_up, open_blocks, written_as
from trainer.system.thread_map import ahead

BLOCK_ROWS = {TABLE: 1 << 14, TEXT: 1 << 13, IMAGE_TABLE: 512, IMAGE_FOLDER: 512}
LABEL = "label"  # the column of folders' names


@dataclass(frozen=True)
class Asked:
    """What whoever predicts says of the new rows.

    Attributes:
        id: column with their names; ``none`` numbers them, None = as in the run.
        file: column that names images.
        images: where these are.
        encoding: of a table, where it is another than the run's.
        delimiter: likewise.
        skip_broken: images that cannot be read have no prediction; else they are refused.
        sample_id: column with the ids in a competition's file: names the rows where neither ``id`` nor the run does.
        named: what a frame is called in messages.
        adversarial: whether a classifier shall tell them from the training rows.
    """

    id: str | None = None
    file: str | None = None
    images: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    skip_broken: bool = False
    sample_id: str | None = None
    named: str = "the frame"
    adversarial: bool = False


@dataclass(frozen=True)
class Block:
    """Some rows.

    Attributes:
        ids_B: their names, or their numbers where they have none.
        inputs: of those that can be read.
        readable_B: which these are.
        labels: target (B, ...) and which rows have a known label; None where there are no labels.
    """

    ids_B: NDArray[np.str_] | NDArray[np.int64]
    inputs: Inputs
    readable_B: NDArray[np.bool_]
    labels: tuple[NDArray[Any], NDArray[np.bool_]] | None = None


@dataclass(frozen=True)
class NewRows:
    """Rows to predict.

    Attributes:
        n_rows: of them; None = not known before all are read.
        n_blocks: about how many.
        blocks: yields them once, in their order; checks them while it does.
        notes: returns what a person should know, when all are read.
        numbered: whether they are called 0, 1, ... for want of names.
        n_about: how many rows there may be, where they are not known; None = not even that.
    """

    n_rows: int | None
    n_blocks: int
    blocks: Callable[[], Iterator[Block]]
    notes: Callable[[], list[str]]
    numbered: bool = False
    n_about: int | None = None


def open_new_rows(predictor: Predictor, data: Any, asked: Asked) -> NewRows:
    """Look at new rows: where they are, and whether they have what the run needs.

    Args:
        predictor: of the run.
        data: a file, a folder, a zip file, or a frame.
        asked: what is said of it.

    Raises:
        DataError: it cannot be read, or a column is missing; names them all.
        ConfigError: an option does not fit.
        CheckpointError: the run does not say how its rows were read.
    """
    run, reading = predictor.run, predictor.run.spec.reading
    kind = reading.get("kind")
    if not kind or kind == ARRAYS:
        why = (
            "its rows were arrays of a program"
            if kind
            else "it was trained by an older Foldwise, or by a plugin's data"
        )
        raise CheckpointError(
            f"{run.directory} does not say how rows of a file are read ({why})\n"
            "give it rows from Python: trainer.inference.predictor.open_predictor(RUN).predict_blocks(blocks)"
        )
    is_folder = isinstance(data, str | os.PathLike) and (Path(data).is_dir() or str(data).lower().endswith(".zip"))
    if kind in (IMAGE_TABLE, IMAGE_FOLDER) and is_folder and asked.file is None:
        return _folder_rows(predictor, str(data), asked)
    return _table_rows(predictor, data, asked, str(kind))


def _folder_rows(predictor: Predictor, place: str, asked: Asked) -> NewRows:
    """Return all images below a folder or in a zip file, by their names; folders that are classes label them."""
    spec = predictor.run.spec
    listing = list_files(place)
    names = listing.images()
    if not names:
        raise DataError(f"{place}: no image files in it")
    folders = [next((part for part in name.split("/")[:-1] if part in spec.classes), None) for name in names]
    labels = KnownLabels(spec.task, spec.classes, [LABEL], missing=spec.reading.get("missing_labels", ()))
    table = pa.table({LABEL: pa.array(folders, pa.string())})
    notes = list(listing.notes)

    def blocks() -> Iterator[Block]:
        for start in range(0, len(names), BLOCK_ROWS[IMAGE_FOLDER]):
            part = names[start : start + BLOCK_ROWS[IMAGE_FOLDER]]
            found = labels.read(table.slice(start, len(part)), place) if any(folders) else None
            inputs, readable_B = _images(place, part, asked, start, notes)
            yield Block(np.array(part, dtype=np.str_), inputs, readable_B, found)

    return NewRows(len(names), -(-len(names) // BLOCK_ROWS[IMAGE_FOLDER]), blocks, lambda: [*notes, *labels.note()])


def _table_rows(predictor: Predictor, data: Any, asked: Asked, kind: str) -> NewRows:
    run, reading = predictor.run, predictor.run.spec.reading
    columns = _options(predictor, data, asked, kind)
    named = asked.named if is_frame(data) else str(data)
    wanted = needed_columns(reading, kind, asked.file)
    named_labels = [columns.label] if isinstance(columns.label, str | int) else columns.label
    optional = [str(name) for name in named_labels]
    named_ids = [name for name in (columns.id, asked.sample_id) if name is not None]
    asked_for = Wanted(frozenset([*wanted, *optional, *named_ids]), *plain_numbers(reading))
    in_blocks = kind in (TABLE, TEXT)  # all images are looked for before the first is predicted
    opened = open_blocks(data, columns, asked_for if in_blocks else None, BLOCK_ROWS[kind], named)
    if opened.opened is not None and "numeric" in reading:
        opened = cut_up(with_zero_columns(opened.opened, wanted, named), BLOCK_ROWS[kind])
    ids = None if columns.id in (None, NO_IDS) else columns.id
    if columns.id is None and asked.sample_id in opened.names:
        ids = asked.sample_id
    require_columns([*wanted, *([ids] if ids else [])], opened.names, named, ids)
    spec = run.spec
    present = [name for name in optional if name in opened.names]
    labels = KnownLabels(spec.task, spec.classes, optional, columns.label_delimiter, columns.missing_labels)
    inputs_of, notes_of = _inputs(predictor, kind, opened, named, asked)
    check, known = IdCheck(named, ids or ""), KnownRows(predictor, data)
    notes: list[str] = []
    if present and len(present) < len(optional):
        notes.append(f"only {len(present)} of {len(optional)} label columns are there: nothing is scored")
    extra = [name for name in opened.names if name not in (*wanted, *optional, ids)]
    if extra:
        notes.append(f"columns that the run does not use: {shown(', '.join(extra), 160)}")

    def blocks() -> Iterator[Block]:
        start = 0
        for table in opened.read():
            ids_B = check.add(table, start) if ids else np.arange(start, start + table.num_rows)
            found = labels.read(table, named) if len(present) == len(optional) and present else None
            inputs, readable_B = inputs_of(table, start)
            known.add(found, inputs)
            yield Block(ids_B, inputs, readable_B, found)
            start += table.num_rows
        check.finish(opened.read)

    n_blocks = -(-opened.n_rows // BLOCK_ROWS[kind]) if opened.n_rows else 0
    return NewRows(
        opened.n_rows,
        n_blocks,
        (lambda: ahead(blocks())) if in_blocks else blocks,
        lambda: [*opened.notes, *notes, *notes_of(), *labels.note(), *known.notes(check)],
        numbered=ids is None,
        n_about=opened.n_about,
    )


def _options(predictor: Predictor, data: Any, asked: Asked, kind: str) -> ColumnOptions:
    """Return the options of the run's table, with what is said of the new one."""
    reading = predictor.run.spec.reading
    columns = options_of(reading) if kind != IMAGE_FOLDER else ColumnOptions(label=LABEL)
    if not is_frame(data):
        columns = written_as(Path(data), columns, str(predictor.run.config.data.get("path", "")))
    given = {name: getattr(asked, name) for name in ("id", "encoding", "delimiter") if getattr(asked, name) is not None}
    return replace(columns, **given)


Inputs_of = Callable[[pa.Table, int], tuple[Inputs, NDArray[np.bool_]]]


def _inputs(
    predictor: Predictor, kind: str, opened: TableBlocks, named: str, asked: Asked
) -> tuple[Inputs_of, Callable[[], list[str]]]:
    """Return what makes inputs of the rows of a block, and what says what was seen."""
    reading = predictor.run.spec.reading
    if kind == TABLE and "numeric" not in reading:
        fitted: Any = predictor.models[0].fitted  # all folds have the same columns
        sparse, said = sparse_columns(opened.opened, named, first=fitted.first, n_columns=len(fitted.scales_F))
        return lambda table, start: (sparse.only(start + np.arange(table.num_rows)), _all(table)), lambda: said
    if kind == TABLE:
        features = known_features(predictor)
        return lambda table, start: (features.read(table, named, start), _all(table)), features.notes
    if kind == TEXT:
        return lambda table, start: (_texts(table, reading, named), _all(table)), list
    return _named_images(predictor, opened, named, asked)


def _all(table: pa.Table) -> NDArray[np.bool_]:
    return np.ones(table.num_rows, dtype=bool)


def _texts(table: pa.Table, reading: Any, named: str) -> Texts:
    texts = tuple(joined_texts(table, reading["text"], named).to_pylist())
    return Texts(texts, tuple(joined_texts(table, reading["pair"], named).to_pylist()) if reading["pair"] else None)


def _named_images(
    predictor: Predictor, opened: TableBlocks, named: str, asked: Asked
) -> tuple[Inputs_of, Callable[[], list[str]]]:
    """Return the images that a table names; all of them are looked for before the first is predicted."""
    reading, notes = predictor.run.spec.reading, list[str]()
    assert opened.opened is not None  # read whole
    column = asked.file or reading.get("file", "file")
    suffix, join = reading.get("suffix", ""), reading.get("spellings") == "join"
    root, names, _, _ = find_images(opened.opened, named, column, images=asked.images, suffix=suffix, join=join)

    def inputs(table: pa.Table, start: int) -> tuple[Inputs, NDArray[np.bool_]]:
        return _images(root, names[start : start + table.num_rows], asked, start, notes)

    return inputs, lambda: notes


def _images(
    root: str, names: Sequence[str], asked: Asked, start: int, notes: list[str]
) -> tuple[Images, NDArray[np.bool_]]:
    readable_B = np.ones(len(names), dtype=bool)
    if asked.skip_broken:
        for row, problem in broken_images(root, names):
            readable_B[row] = False
            place = place_of(root, names, row).replace(f"row {row + 1}", f"row {start + row + 1}", 1)
            notes.append(f"no prediction for {place}: {problem}")
    kept = [name for name, good in zip(names, readable_B, strict=True) if good]
    return Images(root, tuple(kept), ("",) * len(kept)), readable_B
